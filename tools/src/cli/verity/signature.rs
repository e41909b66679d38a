//! Signatures of root hashes.

use std::path::PathBuf;

use clap::Args;

use crate::cli::offline::text::Hex;
use crate::failure::Failure;

/// A signature that the root hash must have, and by whom.
#[derive(Debug, Args)]
pub(super) struct Signed {
    /// The root hash's signature: PKCS #7, detached, in DER, as kernels take it
    #[arg(long, value_name = "FILE", requires = "key")]
    root_hash_signature: Option<PathBuf>,
    /// The certificate of who must have signed it, in PEM or DER
    #[arg(long, value_name = "CERT", requires = "root_hash_signature")]
    key: Option<PathBuf>,
}

impl Signed {
    /// Checks that the root hash is signed, if it must be. What is signed are its digits, as tables have them.
    pub(super) fn check(&self, root: &Hex) -> Result<(), Failure> {
        let (Some(signature), Some(key)) = (&self.root_hash_signature, &self.key) else {
            return Ok(());
        };
        library::check(signature, key, root.to_string().as_bytes())
    }
}

#[cfg(feature = "tls")]
mod library {
    use std::fs;
    use std::path::Path;

    use dm_core::error::ErrorKind;
    use openssl::cms::{CMSOptions, CmsContentInfo};
    use openssl::error::ErrorStack;
    use openssl::stack::Stack;
    use openssl::x509::X509;

    use crate::failure::Failure;

    pub(super) fn check(signature: &Path, key: &Path, text: &[u8]) -> Result<(), Failure> {
        let read = |path: &Path| {
            let bytes = fs::read(path);
            bytes.map_err(|error| Failure::io("read", path, &error))
        };
        let wrong = |path: &Path, what: &str| {
            let reason = format!("{}: {what}", path.display());
            Failure::because(ErrorKind::Invalid, reason)
        };
        let certificate = read(key)?;
        let certificate = X509::from_pem(&certificate).or_else(|_| X509::from_der(&certificate));
        let certificate = certificate.map_err(|_| wrong(key, "there is no certificate"))?;
        let signed = CmsContentInfo::from_der(&read(signature)?);
        let mut signed =
            signed.map_err(|_| wrong(signature, "there is no PKCS #7 signature in DER"))?;
        // That certificate alone is trusted: none that comes with the signature, and whoever issued it.
        let options = CMSOptions::BINARY | CMSOptions::NOINTERN | CMSOptions::NO_SIGNER_CERT_VERIFY;
        let checked = Stack::new()
            .and_then(|mut signers| signers.push(certificate).map(|()| signers))
            .and_then(|signers| signed.verify(Some(&signers), None, Some(text), None, options));
        checked.map_err(|_: ErrorStack| {
            let reason = format!(
                "the root hash is not signed by {}: {} is of something else, or by another",
                key.display(),
                signature.display()
            );
            Failure::because(ErrorKind::Invalid, reason)
        })
    }
}

#[cfg(not(feature = "tls"))]
mod library {
    use std::path::Path;

    use dm_core::error::ErrorKind;

    use crate::failure::Failure;

    pub(super) fn check(_: &Path, _: &Path, _: &[u8]) -> Result<(), Failure> {
        let reason =
            "signatures are checked by OpenSSL, and this program was built without the feature tls";
        Err(Failure::because(ErrorKind::Unsupported, reason))
    }
}
