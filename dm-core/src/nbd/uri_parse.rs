//! Reading NBD URIs.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::str::FromStr;

use super::constants::DEFAULT_PORT;
use super::percent::decode;
use super::text::Text;
use super::uri::{NbdUri, Security, TlsNames};
use super::uri_error::UriError;

impl FromStr for NbdUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<NbdUri, UriError> {
        let outside = |character: char| !character.is_ascii_graphic() || character == '#';
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        let (security, on_unix) = match scheme.to_ascii_lowercase().as_str() {
            "nbd" => (Security::Plain, false),
            "nbds" => (Security::Tls, false),
            "nbd+unix" => (Security::Plain, true),
            "nbds+unix" => (Security::Tls, true),
            _ => return Err(UriError::Scheme),
        };
        if let Some(character) = rest.chars().find(|character| outside(*character)) {
            return Err(UriError::Character { character });
        }
        let rest = rest.strip_prefix("//").ok_or(UriError::NoAuthority)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let export = Text::from_bytes("export name", &decode(path)?)
            .map_err(|source| UriError::Export { source })?;
        let Parameters { socket, mut tls } = Parameters::parse(query, security, on_unix)?;
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, host)) if security == Security::Tls => (Some(user), host),
            Some(_) => return Err(UriError::User),
            None => (None, authority),
        };
        tls.user = user.map(text_of).transpose()?;
        let uri = match socket {
            Some(_) if !authority.is_empty() => return Err(UriError::HostWithSocket),
            Some(socket) => NbdUri::unix(security, &socket, export),
            None => {
                let (host, port) = split_authority(authority)?;
                NbdUri::tcp(security, &host, port, export)
            }
        };
        uri?.with_tls(tls)
    }
}

/// The host without brackets and the port of `authority`.
fn split_authority(authority: &str) -> Result<(String, u16), UriError> {
    let bad_host = || UriError::Host {
        host: authority.to_owned(),
    };
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(bad_host)?;
            if !(port.is_empty() || port.starts_with(':')) {
                return Err(bad_host());
            }
            (host, port.strip_prefix(':').unwrap_or_default())
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let host = String::from_utf8(decode(host)?).map_err(|_| bad_host())?;
    if authority.starts_with('[') != is_ipv6(&host) {
        return Err(bad_host());
    }
    let port = match port {
        "" => DEFAULT_PORT,
        digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            digits.parse().map_err(|_| UriError::Port {
                port: digits.to_owned(),
            })?
        }
        other => {
            return Err(UriError::Port {
                port: other.to_owned(),
            });
        }
    };
    Ok((host, port))
}

/// Whether `host` is an IPv6 address, perhaps with a zone.
pub(super) fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "zone"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && !zone.contains(':')
}

/// What stands behind the question mark.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    /// There exactly if the scheme is one of Unix sockets.
    socket: Option<Vec<u8>>,
    tls: TlsNames,
}

/// A name, decoded.
fn text_of(value: &str) -> Result<String, UriError> {
    String::from_utf8(decode(value)?).map_err(|_| UriError::User)
}

impl Parameters {
    fn parse(query: &str, security: Security, on_unix: bool) -> Result<Parameters, UriError> {
        let (mut all, secure) = (Parameters::default(), security == Security::Tls);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let before = match name {
                "socket" if on_unix => all.socket.replace(decode(value)?).is_some(),
                "tls-certificates" if secure => {
                    all.tls.certificates.replace(decode(value)?).is_some()
                }
                "tls-psk-file" if secure => all.tls.keys.replace(decode(value)?).is_some(),
                "tls-hostname" if secure => all.tls.hostname.replace(text_of(value)?).is_some(),
                _ => {
                    return Err(UriError::Parameter {
                        name: name.to_owned(),
                    });
                }
            };
            if before {
                return Err(UriError::Twice {
                    name: name.to_owned(),
                });
            }
        }
        match all.socket {
            None if on_unix => Err(UriError::NoSocket),
            _ => Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_may_have_a_zone() {
        assert!(is_ipv6("::1") && is_ipv6("fe80::1%eth0"));
        for host in ["", "host", "1.2.3.4", "[::1]", "::1%", "::1%a:b", "%eth0"] {
            assert!(!is_ipv6(host), "{host}");
        }
    }

    #[test]
    fn authority_is_host_and_port() {
        let parts = |host: &str, port| Ok((host.to_owned(), port));
        assert_eq!(split_authority("host"), parts("host", 10_809));
        assert_eq!(split_authority("host:"), parts("host", 10_809));
        assert_eq!(split_authority("[::1]:7"), parts("::1", 7));
    }

    #[test]
    fn socket_belongs_to_unix() {
        let socket = |query, on_unix| {
            Parameters::parse(query, Security::Plain, on_unix).map(|all| all.socket)
        };
        assert_eq!(socket("", false), Ok(None));
        assert_eq!(socket("socket=%2fs", true), Ok(Some(b"/s".to_vec())));
        assert_eq!(socket("", true), Err(UriError::NoSocket));
    }
}
