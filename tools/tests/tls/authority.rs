//! Who signs certificates: made anew for each test, so that no key is in git and none expires.

use std::fs;
use std::path::Path;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
};
use openssl::x509::{X509, X509Builder, X509Name};

/// A certificate that signs others, and its key.
pub(crate) struct Authority {
    key: PKey<Private>,
    certificate: X509,
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn called(name: &str) -> X509Name {
    let mut called = X509Name::builder().unwrap();
    called.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    called.build()
}

fn begin(name: &str, key: &PKey<Private>) -> X509Builder {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(120, MsbOption::ONE, false).unwrap();
    builder
        .set_serial_number(&serial.to_asn1_integer().unwrap())
        .unwrap();
    builder.set_subject_name(&called(name)).unwrap();
    builder.set_pubkey(key).unwrap();
    builder
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::days_from_now(1).unwrap())
        .unwrap();
    builder
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let key = key();
        let mut builder = begin(name, &key);
        builder.set_issuer_name(&called(name)).unwrap();
        let own = BasicConstraints::new().critical().ca().build().unwrap();
        builder.append_extension(own).unwrap();
        let usage = KeyUsage::new().critical().key_cert_sign().build().unwrap();
        builder.append_extension(usage).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let certificate = builder.build();
        Authority { key, certificate }
    }

    /// Puts its own certificate into `folder`.
    pub(crate) fn put_own(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::write(
            folder.join("ca-cert.pem"),
            self.certificate.to_pem().unwrap(),
        )
        .unwrap();
    }

    /// Puts a certificate of `name`, who is a "server" or a "client", into `folder`, and its key.
    pub(crate) fn put(&self, folder: &Path, role: &str, name: &str) {
        self.put_own(folder);
        let key = key();
        let mut builder = begin(name, &key);
        builder
            .set_issuer_name(self.certificate.subject_name())
            .unwrap();
        let usage = KeyUsage::new()
            .critical()
            .digital_signature()
            .key_encipherment()
            .build()
            .unwrap();
        builder.append_extension(usage).unwrap();
        let mut purpose = ExtendedKeyUsage::new();
        match role {
            "server" => purpose.server_auth(),
            _ => purpose.client_auth(),
        };
        builder.append_extension(purpose.build().unwrap()).unwrap();
        let alternative = SubjectAlternativeName::new()
            .dns(name)
            .build(&builder.x509v3_context(Some(&self.certificate), None))
            .unwrap();
        builder.append_extension(alternative).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        let certificate = builder.build();
        fs::write(
            folder.join(format!("{role}-cert.pem")),
            certificate.to_pem().unwrap(),
        )
        .unwrap();
        let pem = key.private_key_to_pem_pkcs8().unwrap();
        fs::write(folder.join(format!("{role}-key.pem")), pem).unwrap();
    }
}
