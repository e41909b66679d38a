//! NBD URIs: where a server is and what its export is called.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::constants::DEFAULT_PORT;
use super::percent::Encoded;
use super::text::Text;
use super::uri_error::UriError;
use super::uri_parse::is_ipv6;

/// The address of an export.
///
/// # Shape
/// `nbd://HOST[:PORT]/EXPORT` or `nbd+unix:///EXPORT?socket=PATH`; `nbds` and `nbds+unix` where
/// the connection must be under TLS. Special characters are percent-encoded. A name that begins
/// with a slash has two. Parsing and `Display` are inverse up to spelling. What a client under TLS
/// needs besides is in [`TlsNames`].
///
/// # Examples
/// ```
/// use dm_core::nbd::{Address, NbdUri};
///
/// let uri: NbdUri = "nbd+unix:///vol%200?socket=/run/dm/nbd.sock".parse()?;
/// assert_eq!(uri.export().as_str(), "vol 0");
/// assert_eq!(uri.address(), &Address::Unix { socket: b"/run/dm/nbd.sock".to_vec() });
/// assert_eq!(uri.to_string(), "nbd+unix:///vol%200?socket=/run/dm/nbd.sock");
/// # Ok::<(), dm_core::nbd::UriError>(())
/// ```
///
/// # Source
/// The NBD project's `doc/uri.md`; RFC 3986 and, for IPv6 zones, RFC 6874.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NbdUri {
    security: Security,
    address: Address,
    export: Text,
    tls: TlsNames,
}

/// What a URI says about TLS, in libnbd's words: `nbds://USER@HOST/EXPORT?tls-psk-file=PATH`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TlsNames {
    /// Who the client is, before the host: whose key of the file below it has.
    pub user: Option<String>,
    /// `tls-certificates`: the path of a folder with `ca-cert.pem`, and `client-cert.pem` and
    /// `client-key.pem` if the server wants a certificate of its clients.
    pub certificates: Option<Vec<u8>>,
    /// `tls-psk-file`: the path of a file with keys that both sides know.
    pub keys: Option<Vec<u8>>,
    /// `tls-hostname`: whom the server's certificate must name, if not the host.
    pub hostname: Option<String>,
}

/// Whether the connection must be under TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Security {
    /// It need not be.
    #[default]
    Plain,
    /// It must be.
    Tls,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// On TCP.
    Tcp {
        /// A name or address; that of IPv6 without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// On a Unix socket.
    Unix {
        /// The path's bytes; with a NUL before it, a name in Linux's abstract namespace.
        socket: Vec<u8>,
    },
}

impl NbdUri {
    /// The URI of `export` on TCP.
    ///
    /// # Errors
    /// If `host` can be none, or `port` is zero.
    pub fn tcp(
        security: Security,
        host: &str,
        port: u16,
        export: Text,
    ) -> Result<NbdUri, UriError> {
        if port == 0 {
            return Err(UriError::Port {
                port: "0".to_owned(),
            });
        }
        if host.is_empty() {
            return Err(UriError::NoHost);
        }
        let broken = |character: char| {
            character.is_whitespace() || character.is_control() || character == '/'
        };
        if host.contains(broken) || (host.contains(':') && !is_ipv6(host)) {
            return Err(UriError::Host {
                host: host.to_owned(),
            });
        }
        let address = Address::Tcp {
            host: host.to_owned(),
            port,
        };
        Ok(NbdUri {
            security,
            address,
            export,
            tls: TlsNames::default(),
        })
    }

    /// The URI of `export` on a Unix socket.
    ///
    /// # Errors
    /// If `socket` is empty.
    pub fn unix(security: Security, socket: &[u8], export: Text) -> Result<NbdUri, UriError> {
        if socket.is_empty() {
            return Err(UriError::NoSocket);
        }
        Ok(NbdUri {
            security,
            address: Address::Unix {
                socket: socket.to_vec(),
            },
            export,
            tls: TlsNames::default(),
        })
    }

    /// The same with what a client under TLS needs.
    ///
    /// # Errors
    /// If the connection is not under TLS, or the user's name has a slash.
    pub fn with_tls(self, tls: TlsNames) -> Result<NbdUri, UriError> {
        let slash = tls.user.as_ref().is_some_and(|user| user.contains('/'));
        if slash || (self.security == Security::Plain && tls != TlsNames::default()) {
            return Err(UriError::User);
        }
        Ok(NbdUri { tls, ..self })
    }

    /// What a client under TLS needs.
    pub fn tls(&self) -> &TlsNames {
        &self.tls
    }

    /// Whether the connection must be under TLS.
    pub fn security(&self) -> Security {
        self.security
    }

    /// Where the server listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The export's name.
    pub fn export(&self) -> &Text {
        &self.export
    }
}

impl fmt::Display for NbdUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.security {
            Security::Plain => "nbd",
            Security::Tls => "nbds",
        })?;
        if let Address::Unix { .. } = &self.address {
            f.write_str("+unix")?;
        }
        f.write_str("://")?;
        let tls = &self.tls;
        if let Some(user) = &tls.user {
            write!(f, "{}@", Encoded(user.as_bytes()))?;
        }
        let mut socket = None;
        match &self.address {
            Address::Tcp { host, port } => {
                let host_bytes = Encoded(host.as_bytes());
                if is_ipv6(host) {
                    write!(f, "[{host_bytes}]")?;
                } else {
                    write!(f, "{host_bytes}")?;
                }
                if *port != DEFAULT_PORT {
                    write!(f, ":{port}")?;
                }
            }
            Address::Unix { socket: path } => socket = Some(path.as_slice()),
        }
        write!(f, "/{}", Encoded(self.export.as_bytes()))?;
        let parameters = [
            ("socket", socket),
            ("tls-certificates", tls.certificates.as_deref()),
            ("tls-psk-file", tls.keys.as_deref()),
            ("tls-hostname", tls.hostname.as_ref().map(String::as_bytes)),
        ];
        let mut before = '?';
        for (name, value) in parameters {
            if let Some(value) = value {
                write!(f, "{before}{name}={}", Encoded(value))?;
                before = '&';
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::WireError;
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    /// The security, host or socket, port or 0, and export of `text`.
    fn parts(text: &str) -> (Security, String, u16, String) {
        let uri: NbdUri = text.parse().unwrap();
        let (place, port) = match uri.address() {
            Address::Tcp { host, port } => (host.clone(), *port),
            Address::Unix { socket } => (String::from_utf8_lossy(socket).into_owned(), 0),
        };
        let again: NbdUri = uri.to_string().parse().unwrap();
        assert_eq!(again, uri);
        (uri.security(), place, port, uri.export().to_string())
    }

    fn error(text: &str) -> UriError {
        text.parse::<NbdUri>().unwrap_err()
    }

    #[test]
    fn examples_of_the_standard() {
        for (text, export) in [
            ("nbd://example.com/disk", "disk"),
            ("nbd://example.com/", ""),
            ("nbd://example.com", ""),
            ("nbd://example.com//disk", "/disk"),
            ("nbd://example.com/hello%20world", "hello world"),
        ] {
            let expected = (Security::Plain, "example.com".into(), 10_809, export.into());
            assert_eq!(parts(text), expected);
        }
        let expected = (Security::Plain, "sock".into(), 0, "disk".into());
        assert_eq!(parts("nbd+unix:///disk?socket=sock"), expected);
        let expected = (Security::Plain, "\0/abstract".into(), 0, String::new());
        assert_eq!(parts("nbd+unix:///?socket=%00/abstract"), expected);
    }

    #[test]
    fn canonical_text_is_what_was_parsed() {
        for text in [
            "nbd://host/vol0",
            "nbds://host:1/a/b",
            "nbd://[2001:db8::1]/",
            "nbds://[fe80::1%25eth0]:10810/vol0",
            "nbd://192.0.2.1//disk",
            "nbd+unix:///vol0?socket=/run/dm/nbd.sock",
            "nbds+unix:////%C3%A9%3F%23?socket=%00/a%20b%26c",
            "nbds://al%20ice@host:1/a?tls-psk-file=/keys.psk",
            "nbds+unix://alice@/a?socket=s&tls-psk-file=/keys.psk",
            "nbds://[::1]/?tls-certificates=/pki&tls-hostname=disks.example",
        ] {
            let uri: NbdUri = text.parse().unwrap();
            assert_eq!(uri.to_string(), text);
        }
    }

    #[test]
    fn spelling_does_not_matter() {
        let expected = (Security::Tls, "::1".into(), 10_809, "x".into());
        assert_eq!(parts("NBDS://[::1]:10809/%78"), expected);
        assert_eq!(parts("nbds://[::1]:/x"), expected);
        assert_eq!(parts("nbds://[::1]/x?"), expected);
    }

    #[test]
    fn uris_that_are_wrong() {
        let bad_host = |host: &str| UriError::Host { host: host.into() };
        let port = |port: &str| UriError::Port { port: port.into() };
        for (text, expected) in [
            ("http://host/", UriError::Scheme),
            ("disk", UriError::Scheme),
            ("nbd:host", UriError::NoAuthority),
            ("nbd:///disk", UriError::NoHost),
            ("nbd://:1/disk", UriError::NoHost),
            ("nbd://me@host/", UriError::User),
            ("nbd://[::1/", bad_host("[::1")),
            ("nbd://[::1]1/", bad_host("[::1]1")),
            ("nbd://[host]/", bad_host("[host]")),
            ("nbd://a%3Ab/", bad_host("a:b")),
            ("nbd://a%20b/", bad_host("a b")),
            ("nbd://a%2Fb/", bad_host("a/b")),
            ("nbd://host:0/", port("0")),
            ("nbd://host:+1/", port("+1")),
            ("nbd://host:65536/", port("65536")),
            ("nbd://host/%2", UriError::Percent),
            ("nbd://host/%+1", UriError::Percent),
            ("nbd://host/a b", UriError::Character { character: ' ' }),
            ("nbd://host/é", UriError::Character { character: 'é' }),
            ("nbd://host/a#b", UriError::Character { character: '#' }),
            (
                "nbd://host/%00",
                UriError::Export {
                    source: WireError::Nul {
                        what: "export name",
                    },
                },
            ),
            ("nbd+unix:///disk", UriError::NoSocket),
            ("nbd+unix:///disk?socket=", UriError::NoSocket),
            ("nbd+unix://host/disk?socket=s", UriError::HostWithSocket),
            (
                "nbd+unix:///?socket=a&socket=b",
                UriError::Twice {
                    name: "socket".into(),
                },
            ),
            (
                "nbd://host/?socket=a",
                UriError::Parameter {
                    name: "socket".into(),
                },
            ),
            (
                "nbd://host/?tls-psk-file=/keys",
                UriError::Parameter {
                    name: "tls-psk-file".into(),
                },
            ),
            ("nbds://a%2Fb@host/", UriError::User),
            (
                "nbds://host/?tls-type=psk",
                UriError::Parameter {
                    name: "tls-type".into(),
                },
            ),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }

    #[test]
    fn made_uris_are_checked() {
        let make = |host, port| NbdUri::tcp(Security::Plain, host, port, Text::EMPTY);
        assert_eq!(make("", 1), Err(UriError::NoHost));
        assert_eq!(make("a:b", 1), Err(UriError::Host { host: "a:b".into() }));
        assert_eq!(make("host", 0), Err(UriError::Port { port: "0".into() }));
        assert_eq!(
            NbdUri::unix(Security::Tls, b"", Text::EMPTY),
            Err(UriError::NoSocket)
        );
        assert_eq!(format!("{}", make("::1", 2).unwrap()), "nbd://[::1]:2/");
    }
}
