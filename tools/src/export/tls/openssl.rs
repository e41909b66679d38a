//! TLS by OpenSSL.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    Ssl, SslAcceptor, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslStream,
    SslVerifyMode, SslVersion,
};
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

fn library(error: ErrorStack) -> TlsError {
    TlsError::Library(error.to_string())
}

fn certificates(
    context: &mut SslContextBuilder,
    folder: &Path,
    clients: Clients,
) -> Result<(), TlsError> {
    let (chain, key) = (
        folder.join("server-cert.pem"),
        folder.join("server-key.pem"),
    );
    readable(&chain)?;
    let wrong = |path: &PathBuf, what: &str| {
        let (path, reason) = (path.clone(), what.to_owned());
        move |_: ErrorStack| TlsError::Content { path, reason }
    };
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
        .map_err(wrong(&key, "it is not the certificate's key"))?;
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
