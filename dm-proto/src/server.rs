//! The driver's end of a conversation.

use dm_core::command::{Command, Reply};
use dm_core::error::{DmError, ErrorKind};

use crate::frame::FRAME_MAX;
use crate::netbsd::{LIMITS, command, keys, reply};
use crate::proplib::{Dictionary, read_dictionary, write_dictionary};

/// Answers a request, whatever its bytes are.
///
/// What is no request is answered with a failure. A reply past [`FRAME_MAX`] becomes a failure too.
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
    respond_within(FRAME_MAX, request, call)
}

/// Answers with at most `limit` bytes, or else with a failure.
fn respond_within(
    limit: usize,
    request: &[u8],
    call: &dyn Fn(Command) -> Result<Reply, DmError>,
) -> Vec<u8> {
    let answer = match read_dictionary(request, &LIMITS) {
        Ok(request) => answer(request, call),
        Err(error) => refuse(
            Dictionary::new(),
            DmError::new(ErrorKind::Protocol).with_source(error),
        ),
    };
    let text = write_dictionary(&answer);
    if text.len() <= limit {
        return text;
    }
    let reason = format!("the reply has {} bytes, more than {limit}", text.len());
    // Without the request, which may be the long part.
    write_dictionary(&refuse(
        Dictionary::new(),
        DmError::because(ErrorKind::Unsupported, reason),
    ))
}

/// Answers in the dialect of the request.
fn answer(request: Dictionary, call: &dyn Fn(Command) -> Result<Reply, DmError>) -> Dictionary {
    match request.contains(keys::DIALECT) {
        true => answer_engine(request, call),
        false => answer_netbsd(request),
    }
}

fn answer_engine(
    mut request: Dictionary,
    call: &dyn Fn(Command) -> Result<Reply, DmError>,
) -> Dictionary {
    let command = command::decode(&request);
    // A long table is not held twice while the command is obeyed, or waits.
    request.remove(keys::CMD_DATA);
    let result = command.and_then(call);
    reply::encode(request, &result)
}

/// Answers as NetBSD's driver does; for now, that it can not.
fn answer_netbsd(request: Dictionary) -> Dictionary {
    let reason = "the NetBSD dialect is not built yet";
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
        assert_eq!(error.reason(), "the NetBSD dialect is not built yet");
    }

    #[test]
    fn reply_past_a_frame_becomes_a_failure() {
        let request = write_dictionary(&command::encode(&Command::Version));
        let long = "x".repeat(2000);
        let text = respond_within(2000, &request, &|_| {
            Err(DmError::because(ErrorKind::Io, long.as_str()))
        });
        let answer = read_dictionary(&text, &LIMITS).unwrap();
        let error = reply::decode(&Command::Version, &answer).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(
            error.reason().ends_with("bytes, more than 2000"),
            "{error:?}"
        );
    }
}
