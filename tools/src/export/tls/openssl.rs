//! TLS by OpenSSL.

use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dm_core::blockdev::nbd::Secure;
use dm_core::nbd::{Address, NbdUri};
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    Ssl, SslAcceptor, SslConnector, SslConnectorBuilder, SslContext, SslContextBuilder, SslMethod,
    SslMode, SslOptions, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::store::X509StoreBuilder;
use tracing::debug;

use super::psk::Keys;
use super::pump::pump;
use super::{Clients, Credentials, TlsError};
use crate::export::nbd::Stream;

/// How long a client may take for each step of the handshake.
const PATIENCE: Duration = Duration::from_secs(30);

/// The ciphers for keys that both sides know: those of their hash, which is SHA-256.
const PSK_CIPHERS: &str = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";

/// A server's side of TLS. Clones are the same.
#[derive(Clone)]
pub struct Tls(Arc<SslContext>);

impl Tls {
    /// Reads what the server needs.
    ///
    /// # Errors
    /// If a file is missing or does not hold what it should.
    pub fn read(credentials: &Credentials) -> Result<Tls, TlsError> {
        let mut context =
            SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).map_err(library)?;
        match credentials {
            Credentials::Certificates { folder, clients } => {
                certificates(&mut context, folder, *clients)?;
            }
            Credentials::PreShared(path) => pre_shared(&mut context, Keys::read(path)?)?,
        }
        // Nothing is resumed: a client that comes back proves itself anew. And requests end where the
        // connection does, as they do without TLS.
        context.set_options(SslOptions::NO_TICKET | SslOptions::IGNORE_UNEXPECTED_EOF);
        context.set_num_tickets(0).map_err(library)?;
        context.set_mode(SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER);
        Ok(Tls(Arc::new(context.build().into_context())))
    }

    /// Makes the handshake, and gives the plain end of the connection, and the thread between, which
    /// ends when that end is closed and all that it had is sent.
    pub(in crate::export) fn accept<S: Stream>(
        &self,
        stream: S,
    ) -> io::Result<(UnixStream, JoinHandle<()>)> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let ssl = Ssl::new(&self.0).map_err(io::Error::other)?;
        let mut secure = SslStream::new(ssl, stream).map_err(io::Error::other)?;
        secure
            .accept()
            .map_err(|error| io::Error::new(io::ErrorKind::PermissionDenied, error.to_string()))?;
        secure.get_ref().set_read_timeout(None)?;
        let (plain, ours) = UnixStream::pair()?;
        let pump = thread::Builder::new()
            .name("nbd-tls".into())
            .spawn(move || {
                if let Err(error) = pump(secure, ours) {
                    debug!(%error, "a connection under TLS broke");
                }
            })?;
        Ok((plain, pump))
    }
}

/// A client's side of TLS, for what the engine stands on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connector;

impl Secure for Connector {
    fn begin(&self, socket: OwnedFd, uri: &NbdUri, limit: Duration) -> io::Result<UnixStream> {
        match uri.address() {
            Address::Unix { .. } => connect(UnixStream::from(socket), uri, limit),
            _ => connect(TcpStream::from(socket), uri, limit),
        }
    }
}

/// Makes a client's handshake.
fn connect<S: Stream>(stream: S, uri: &NbdUri, limit: Duration) -> io::Result<UnixStream> {
    stream.set_read_timeout(Some(limit))?;
    let ssl = client(uri).map_err(io::Error::other)?;
    let mut secure = SslStream::new(ssl, stream).map_err(io::Error::other)?;
    secure
        .connect()
        .map_err(|error| io::Error::new(io::ErrorKind::PermissionDenied, error.to_string()))?;
    secure.get_ref().set_read_timeout(None)?;
    let (plain, ours) = UnixStream::pair()?;
    let builder = thread::Builder::new().name("nbd-tls".into());
    // It ends when one of its ends does, and nobody waits for that.
    builder.spawn(move || {
        if let Err(error) = pump(secure, ours) {
            debug!(%error, "a connection under TLS broke");
        }
    })?;
    Ok(plain)
}

/// What a client is to the server that `uri` names.
fn client(uri: &NbdUri) -> Result<Ssl, TlsError> {
    let names = uri.tls();
    let mut context = SslConnector::builder(SslMethod::tls_client()).map_err(library)?;
    context.set_options(SslOptions::IGNORE_UNEXPECTED_EOF);
    context.set_mode(SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER);
    if let Some(path) = &names.keys {
        let path = absolute(path)?;
        let keys = Keys::read(path)?;
        let user = names.user.clone().unwrap_or_default();
        let missing = |reason: &str| TlsError::Content {
            path: path.into(),
            reason: reason.into(),
        };
        let known = !user.is_empty() && keys.has(&user);
        let name = CString::new(user).ok().filter(|_| known);
        let name = name.ok_or_else(|| missing("it has no key of the user that the URI names"))?;
        return known_to_both(context, keys, name);
    }
    if let Some(folder) = &names.certificates {
        let folder = absolute(folder)?;
        let authority = folder.join("ca-cert.pem");
        readable(&authority)?;
        // No other authority than this one.
        context.set_cert_store(X509StoreBuilder::new().map_err(library)?.build());
        context
            .set_ca_file(&authority)
            .map_err(wrong(&authority, "it holds no certificate in PEM"))?;
        if folder.join("client-cert.pem").exists() {
            prove(&mut context, folder, "client")?;
        }
    }
    let host = match (&names.hostname, uri.address()) {
        (Some(name), _) => name,
        (None, Address::Tcp { host, .. }) => host,
        (None, _) => "localhost",
    };
    let configuration = context.build().configure().map_err(library)?;
    configuration.into_ssl(host).map_err(library)
}

/// A client that has a key, and trusts a server that has it too and no other.
fn known_to_both(
    mut context: SslConnectorBuilder,
    keys: Keys,
    user: CString,
) -> Result<Ssl, TlsError> {
    context.set_cert_store(X509StoreBuilder::new().map_err(library)?.build());
    context
        .set_min_proto_version(Some(SslVersion::TLS1_3))
        .map_err(library)?;
    context.set_ciphersuites(PSK_CIPHERS).map_err(library)?;
    context.set_psk_client_callback(move |_, _, name, place| {
        let bytes = user.as_bytes_with_nul();
        let Some(front) = name.get_mut(..bytes.len()) else {
            return Ok(0);
        };
        front.copy_from_slice(bytes);
        Ok(keys.put(Some(user.as_bytes()), place))
    });
    // Whoever shows a certificate instead is refused: nobody signs any.
    let mut configuration = context.build().configure().map_err(library)?;
    configuration.set_verify(SslVerifyMode::PEER);
    configuration.set_verify_hostname(false);
    configuration.set_use_server_name_indication(false);
    configuration.into_ssl("").map_err(library)
}

/// A path that means the same wherever the program was started.
fn absolute(path: &[u8]) -> Result<&Path, TlsError> {
    let path = Path::new(OsStr::from_bytes(path));
    match path.is_absolute() {
        true => Ok(path),
        false => Err(TlsError::Content {
            path: path.into(),
            reason: "it is no absolute path".into(),
        }),
    }
}

fn library(error: ErrorStack) -> TlsError {
    TlsError::Library(error.to_string())
}

fn certificates(
    context: &mut SslContextBuilder,
    folder: &Path,
    clients: Clients,
) -> Result<(), TlsError> {
    prove(context, folder, "server")?;
    if clients == Clients::Certified {
        let authority = folder.join("ca-cert.pem");
        readable(&authority)?;
        context
            .set_ca_file(&authority)
            .map_err(wrong(&authority, "it holds no certificate in PEM"))?;
        context.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    Ok(())
}

/// Shows the certificate of this `side`, whose key is in the same folder.
fn prove(context: &mut SslContextBuilder, folder: &Path, side: &str) -> Result<(), TlsError> {
    let (chain, key) = (
        folder.join(format!("{side}-cert.pem")),
        folder.join(format!("{side}-key.pem")),
    );
    readable(&chain)?;
    context
        .set_certificate_chain_file(&chain)
        .map_err(wrong(&chain, "it holds no certificate in PEM"))?;
    let pem = zeroize::Zeroizing::new(readable(&key)?);
    let private = PKey::private_key_from_pem_callback(&pem, |_| Ok(0)).map_err(wrong(
        &key,
        "it holds no private key in PEM, or one with a passphrase",
    ))?;
    context
        .set_private_key(&private)
        .and_then(|()| context.check_private_key())
        .map_err(wrong(&key, "it is not the certificate's key"))
}

/// What a file does not hold.
fn wrong(path: &Path, what: &str) -> impl FnOnce(ErrorStack) -> TlsError + use<> {
    let (path, reason) = (path.to_owned(), what.to_owned());
    move |_| TlsError::Content { path, reason }
}

fn readable(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File {
        path: path.into(),
        source,
    })
}

fn pre_shared(context: &mut SslContextBuilder, keys: Keys) -> Result<(), TlsError> {
    // With a fresh secret for each connection: who learns the key later reads nothing of it.
    context
        .set_min_proto_version(Some(SslVersion::TLS1_3))
        .map_err(library)?;
    context.set_ciphersuites(PSK_CIPHERS).map_err(library)?;
    context.set_psk_server_callback(move |_, name, place| Ok(keys.put(name, place)));
    Ok(())
}
