//! The driver's end of a conversation.

use dm_core::command::{Command, Reply};
use dm_core::error::{DmError, ErrorKind};
use zeroize::{Zeroize, Zeroizing};

use crate::frame::FRAME_MAX;
use crate::netbsd::{Caller, LIMITS, NetbsdServer, Nodes, command, keys, reply};
use crate::proplib::{Dialect, Dictionary, Reader, read_dictionary, write_dictionary};
use crate::secret::SecretText;

/// A driver's end, in both dialects.
///
/// # Examples
/// ```
/// use dm_core::backend::Backend;
/// use dm_core::engine::Engine;
/// use dm_proto::server::Server;
///
/// let engine = Engine::new();
/// let server = Server::new(engine.clone());
/// let request = b"<plist version=\"1.0\"><dict><key>command</key><string>names</string>\
///     <key>version</key><array><integer>4</integer><integer>0</integer><integer>0</integer></array></dict></plist>";
/// let reply = server.respond(request, &|command| engine.call(command));
/// assert!(String::from_utf8_lossy(&reply).contains("<key>cmd_data</key>\n\t<array/>"));
/// ```
pub struct Server {
    netbsd: NetbsdServer,
}

impl Server {
    /// A driver without devices in NetBSD's dialect, whose table lines stand on what `nodes` finds: an
    /// [`Engine`](dm_core::engine::Engine) finds the host's files and block devices.
    pub fn new(nodes: impl Nodes + 'static) -> Server {
        Server::with_netbsd(NetbsdServer::new(nodes))
    }

    /// The same with a driver that was set up before.
    pub fn with_netbsd(netbsd: NetbsdServer) -> Server {
        Server { netbsd }
    }

    /// The driver in NetBSD's dialect.
    pub fn netbsd(&self) -> &NetbsdServer {
        &self.netbsd
    }

    /// Answers a request as [`respond`], in NetBSD's dialect too. The answer may hold a table with keys: wipe it.
    ///
    /// Its text must then be one that NetBSD's kernel can read. Whoever sends it may change things.
    pub fn respond(
        &self,
        request: &[u8],
        call: &dyn Fn(Command) -> Result<Reply, DmError>,
    ) -> Vec<u8> {
        respond_within(FRAME_MAX, request, call, &|dictionary| {
            let kernel = Reader::new().limits(LIMITS).dialect(Dialect::Kernel);
            match kernel.read_dictionary(request).map(Zeroizing::new) {
                Ok(_) => self.netbsd.answer(dictionary, Caller::Root, call),
                Err(error) => refuse(
                    dictionary,
                    DmError::new(ErrorKind::Protocol).with_source(error),
                ),
            }
        })
    }
}

/// Answers a request in the engine dialect, whatever its bytes are. The answer may hold a table with keys: wipe it.
///
/// What is no request is answered with a failure. A reply past [`FRAME_MAX`] becomes a failure too. A request in NetBSD's
/// dialect, which has devices of its own, is for a [`Server`].
///
/// # Examples
/// ```
/// use dm_core::backend::Backend;
/// use dm_core::command::{Command, Reply};
/// use dm_core::engine::{Engine, VERSION};
/// use dm_proto::netbsd::{LIMITS, command, reply};
/// use dm_proto::proplib::{read_dictionary, write_dictionary};
/// use dm_proto::server::respond;
///
/// let engine = Engine::new();
/// let request = write_dictionary(&command::encode(&Command::Version));
/// let text = respond(&request, &|command| engine.call(command));
/// let answer = reply::decode(&Command::Version, &read_dictionary(&text, &LIMITS)?)?;
/// assert_eq!(answer, Reply::Version(VERSION));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn respond(request: &[u8], call: &dyn Fn(Command) -> Result<Reply, DmError>) -> Vec<u8> {
    respond_within(FRAME_MAX, request, call, &no_netbsd)
}

/// Answers with at most `limit` bytes, or else with a failure.
fn respond_within(
    limit: usize,
    request: &[u8],
    call: &dyn Fn(Command) -> Result<Reply, DmError>,
    netbsd: &dyn Fn(Dictionary) -> Dictionary,
) -> Vec<u8> {
    let answer = match read_dictionary(request, &LIMITS) {
        Ok(request) if request.contains(keys::DIALECT) => answer_engine(request, call),
        Ok(request) => netbsd(request),
        Err(error) => refuse(
            Dictionary::new(),
            DmError::new(ErrorKind::Protocol).with_source(error),
        ),
    };
    // It may hold a table with keys.
    let answer = Zeroizing::new(answer);
    let text = SecretText::of(&answer);
    let length = text.len();
    if length <= limit {
        return text.take();
    }
    let reason = format!("the reply has {length} bytes, more than {limit}");
    // Without the request, which may be the long part.
    write_dictionary(&refuse(
        Dictionary::new(),
        DmError::because(ErrorKind::Unsupported, reason),
    ))
}

fn answer_engine(
    mut request: Dictionary,
    call: &dyn Fn(Command) -> Result<Reply, DmError>,
) -> Dictionary {
    let command = command::decode(&request);
    // A long table is not held twice while the command is obeyed, or waits, nor are its keys.
    request.remove(keys::CMD_DATA).zeroize();
    let mut result = command.and_then(call);
    let answer = reply::encode(request, &result);
    if let Ok(reply) = &mut result {
        reply.wipe();
    }
    answer
}

/// Says that there is no driver in NetBSD's dialect.
fn no_netbsd(request: Dictionary) -> Dictionary {
    let reason = "the NetBSD dialect is not spoken here";
    refuse(request, DmError::because(ErrorKind::Unsupported, reason))
}

fn refuse(request: Dictionary, error: DmError) -> Dictionary {
    reply::encode(request, &Err(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(request: &[u8]) -> DmError {
        let text = respond(request, &|_| panic!("there is no command to obey"));
        let answer = read_dictionary(&text, &LIMITS).unwrap();
        reply::decode(&Command::Version, &answer).unwrap_err()
    }

    #[test]
    fn garbage_is_answered_with_its_fault() {
        for garbage in [&b""[..], b"hello", b"\xff\0", b"<plist><array/></plist>"] {
            let error = refused(garbage);
            assert_eq!(error.kind, ErrorKind::Protocol);
            assert!(
                error.reason().starts_with("property list: line 1"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn nested_deep_is_refused() {
        let deep = format!(
            "<plist><dict><key>a</key>{}{}</dict></plist>",
            "<array>".repeat(40),
            "</array>".repeat(40)
        );
        assert!(
            refused(deep.as_bytes())
                .reason()
                .ends_with("nested deeper than 32")
        );
    }

    #[test]
    fn dialect_decides() {
        let mut request = command::encode(&Command::Version);
        request.set(keys::DIALECT, "latin");
        let error = refused(&write_dictionary(&request));
        assert_eq!(
            error.reason(),
            "the key dialect has the unknown value \"latin\""
        );
        request.remove(keys::DIALECT);
        let error = refused(&write_dictionary(&request));
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert_eq!(error.reason(), "the NetBSD dialect is not spoken here");
    }

    #[test]
    fn reply_past_a_frame_becomes_a_failure() {
        let request = write_dictionary(&command::encode(&Command::Version));
        let long = "x".repeat(2000);
        let call = |_| Err(DmError::because(ErrorKind::Io, long.as_str()));
        let text = respond_within(2000, &request, &call, &no_netbsd);
        let answer = read_dictionary(&text, &LIMITS).unwrap();
        let error = reply::decode(&Command::Version, &answer).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(
            error.reason().ends_with("bytes, more than 2000"),
            "{error:?}"
        );
    }
}
