//! Words about TLS.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dm_core::error::ErrorKind;

use crate::export::tls::{Clients, Credentials, Tls, TlsError, TlsPolicy};
use crate::failure::Failure;

/// How an export is protected.
#[derive(Debug, Args)]
pub(super) struct TlsArgs {
    /// Serve under TLS with DIR's server-cert.pem and server-key.pem
    #[arg(long, value_name = "DIR", conflicts_with = "tls_psk")]
    tls_certificates: Option<PathBuf>,
    /// Serve only clients with a certificate that DIR's ca-cert.pem signed
    #[arg(long, requires = "tls_certificates")]
    tls_verify_peer: bool,
    /// Serve under TLS with the keys of FILE's lines NAME:HEX, which clients know too
    #[arg(long, value_name = "FILE")]
    tls_psk: Option<PathBuf>,
    /// Whether a client may do without TLS
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = When::Required)]
    tls: When,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    /// No client may
    Required,
    /// Clients choose
    Offered,
}

impl TlsArgs {
    /// What they ask for, if for any TLS.
    pub(super) fn read(&self) -> Result<Option<(Tls, TlsPolicy)>, Failure> {
        let credentials = match (&self.tls_certificates, &self.tls_psk) {
            (Some(folder), _) => Credentials::Certificates {
                folder: folder.clone(),
                clients: match self.tls_verify_peer {
                    true => Clients::Certified,
                    false => Clients::Unknown,
                },
            },
            (None, Some(file)) => Credentials::PreShared(file.clone()),
            (None, None) => return Ok(None),
        };
        let policy = match self.tls {
            When::Required => TlsPolicy::Required,
            When::Offered => TlsPolicy::Offered,
        };
        let tls = Tls::read(&credentials).map_err(|error| {
            let kind = match error {
                TlsError::Absent => ErrorKind::Unsupported,
                _ => ErrorKind::Invalid,
            };
            Failure::because(kind, error.to_string())
        })?;
        Ok(Some((tls, policy)))
    }
}
