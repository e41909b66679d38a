//! Option replies: what the server answers during the handshake.

use alloc::vec::Vec;

use bytes::BufMut;

use super::constants::option_reply;
use super::error::WireError;
use super::info::Info;
use super::option::put_text;
use super::option_error::OptionError;
use super::option_header::{OptionCode, OptionReplyHeader, checked_length};
use super::text::Text;
use super::unit::ContextId;
use super::view::{Reader, check_size};

/// One reply to an option.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionReply {
    /// Done.
    Ack,
    /// One export of the list.
    Server {
        /// Its name.
        name: Text,
        /// A text for people, or empty.
        description: Text,
    },
    /// One fact about the export.
    Info(Info),
    /// One metadata context.
    MetaContext {
        /// Its number; says nothing in a list.
        id: ContextId,
        /// Its name.
        name: Text,
    },
    /// The option failed.
    Error {
        /// Why.
        error: OptionError,
        /// A text for people, or empty.
        message: Text,
    },
}

impl OptionReply {
    /// The reply that only says that the option failed.
    pub const fn error(error: OptionError) -> OptionReply {
        OptionReply::Error {
            error,
            message: Text::EMPTY,
        }
    }

    /// The reply's number.
    pub fn kind(&self) -> u32 {
        match self {
            OptionReply::Ack => option_reply::ACK,
            OptionReply::Server { .. } => option_reply::SERVER,
            OptionReply::Info(_) => option_reply::INFO,
            OptionReply::MetaContext { .. } => option_reply::META_CONTEXT,
            OptionReply::Error { error, .. } => error.to_wire(),
        }
    }

    /// Whether no more replies to the option follow.
    pub fn is_last(&self) -> bool {
        matches!(self, OptionReply::Ack | OptionReply::Error { .. })
    }

    /// Appends the reply to `option`, header and payload; nothing on an error.
    ///
    /// # Errors
    /// If the payload is too long.
    pub fn encode(&self, option: OptionCode, out: &mut impl BufMut) -> Result<(), WireError> {
        let mut payload = Vec::new();
        match self {
            OptionReply::Ack => {}
            OptionReply::Server { name, description } => {
                put_text(name, &mut payload);
                payload.put_slice(description.as_bytes());
            }
            OptionReply::Info(info) => info.put(&mut payload),
            OptionReply::MetaContext { id, name } => {
                payload.put_u32(id.0);
                payload.put_slice(name.as_bytes());
            }
            OptionReply::Error { message, .. } => payload.put_slice(message.as_bytes()),
        }
        let length = checked_length("option reply", payload.len())?;
        let header = OptionReplyHeader {
            option,
            kind: self.kind(),
            length,
        };
        out.put_slice(&header.encode());
        out.put_slice(&payload);
        Ok(())
    }

    /// The reply of the number `kind` with `payload`.
    ///
    /// # Errors
    /// If the reply is unknown, or the payload is not as the reply has it. An error's message
    /// never fails: it is cut and cleaned.
    pub fn decode(kind: u32, payload: &[u8]) -> Result<OptionReply, WireError> {
        checked_length("option reply", payload.len())?;
        if let Some(error) = OptionError::from_wire(kind) {
            return Ok(OptionReply::Error {
                error,
                message: Text::lossy(payload),
            });
        }
        match kind {
            option_reply::ACK => {
                check_size("ack", payload, 0)?;
                Ok(OptionReply::Ack)
            }
            option_reply::SERVER => {
                let mut reader = Reader::new("server reply", payload);
                let name = reader.text("export name")?;
                let description = Text::from_bytes("export description", reader.rest())?;
                Ok(OptionReply::Server { name, description })
            }
            option_reply::INFO => Info::decode(payload).map(OptionReply::Info),
            option_reply::META_CONTEXT => {
                let mut reader = Reader::new("context reply", payload);
                let id = ContextId(reader.u32()?);
                let name = Text::from_bytes("context name", reader.rest())?;
                Ok(OptionReply::MetaContext { id, name })
            }
            kind => Err(WireError::UnknownOptionReply { kind }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::flags::TransmissionFlags;
    use super::super::info::{BlockSizes, InfoKind};
    use super::super::testing::hex;
    use super::super::unit::ByteCount;
    use super::*;
    use alloc::vec;

    fn text(text: &str) -> Text {
        text.parse().unwrap()
    }

    /// Asserts that `golden` is `reply`, and `reply` is `golden`.
    fn both_ways(golden: &str, reply: OptionReply) {
        let golden = hex(golden);
        let (header, payload) = golden.split_first_chunk().unwrap();
        let header = OptionReplyHeader::decode(header).unwrap();
        assert_eq!(header.payload_length(), Ok(payload.len()));
        assert_eq!(
            OptionReply::decode(header.kind, payload).as_ref(),
            Ok(&reply)
        );
        let mut out = vec![0xa5];
        reply.encode(header.option, &mut out).unwrap();
        assert_eq!(out[1..], golden);
    }

    fn decode(kind: u32, payload: &str) -> Result<OptionReply, WireError> {
        OptionReply::decode(kind, &hex(payload))
    }

    #[test]
    fn list_of_qemu_nbd() {
        // qemu-nbd 10.0.2 -x disk -D 'A disk'.
        let (name, description) = (text("disk"), text("A disk"));
        both_ways(
            "0003e889045565a9 00000003 00000002 0000000e 00000004 6469736b 41206469736b",
            OptionReply::Server { name, description },
        );
        both_ways(
            "0003e889045565a9 00000003 00000001 00000000",
            OptionReply::Ack,
        );
    }

    #[test]
    fn info_of_qemu_nbd() {
        both_ways(
            "0003e889045565a9 00000006 00000003 00000006 0001 6469736b",
            OptionReply::Info(Info::Name(text("disk"))),
        );
        both_ways(
            "0003e889045565a9 00000007 00000003 00000008 0002 41206469736b",
            OptionReply::Info(Info::Description(text("A disk"))),
        );
        both_ways(
            "0003e889045565a9 00000007 00000003 0000000e 0003 00000001 00001000 02000000",
            OptionReply::Info(Info::BlockSize(BlockSizes::new(1, 4096, 1 << 25).unwrap())),
        );
        let flags = TransmissionFlags::from_bits_retain(0x1ced);
        both_ways(
            "0003e889045565a9 00000007 00000003 0000000c 0000 0000000000100000 1ced",
            OptionReply::Info(Info::Export {
                size: ByteCount(1 << 20),
                flags,
            }),
        );
    }

    #[test]
    fn context_of_nbdkit() {
        // nbdkit 1.32.5.
        let name = text("base:allocation");
        both_ways(
            "0003e889045565a9 0000000a 00000004 00000013
             00000001 626173653a616c6c6f636174696f6e",
            OptionReply::MetaContext {
                id: ContextId(1),
                name,
            },
        );
    }

    #[test]
    fn errors_of_qemu_nbd_and_nbdkit() {
        both_ways(
            "0003e889045565a9 00000005 80000002 00000012 544c53206e6f7420636f6e66696775726564",
            OptionReply::Error {
                error: OptionError::POLICY,
                message: text("TLS not configured"),
            },
        );
        both_ways(
            "0003e889045565a9 00000006 80000006 00000019
             6578706f727420276e6f706527206e6f742070726573656e74",
            OptionReply::Error {
                error: OptionError::UNKNOWN_EXPORT,
                message: text("export 'nope' not present"),
            },
        );
        both_ways(
            "0003e889045565a9 0000000b 80000001 00000000",
            OptionReply::error(OptionError::UNSUPPORTED),
        );
    }

    #[test]
    fn every_option_error_round_trips() {
        for number in 1..=11 {
            let kind = option_reply::ERROR | number;
            let error = OptionError::from_wire(kind).unwrap();
            assert_eq!(error.to_wire(), kind);
            let reply = OptionReply::error(error);
            assert_eq!(OptionReply::decode(kind, &[]), Ok(reply.clone()));
            assert!(reply.is_last());
        }
    }

    #[test]
    fn broken_message_does_not_hide_the_error() {
        let reply = decode(0x8000_0006, "6e 00 ff");
        let message = text("n\u{fffd}");
        assert_eq!(
            reply,
            Ok(OptionReply::Error {
                error: OptionError::UNKNOWN_EXPORT,
                message
            })
        );
    }

    #[test]
    fn unknown_info_is_kept() {
        let payload = hex("a5a5");
        both_ways(
            "0003e889045565a9 00000007 00000003 00000004 0009 a5a5",
            OptionReply::Info(Info::Other {
                kind: InfoKind(9),
                payload,
            }),
        );
    }

    #[test]
    fn replies_that_are_wrong() {
        assert_eq!(
            decode(5, ""),
            Err(WireError::UnknownOptionReply { kind: 5 })
        );
        assert_eq!(
            decode(option_reply::ACK, "00"),
            Err(WireError::Trailing {
                what: "ack",
                extra: 1
            })
        );
        assert_eq!(
            decode(option_reply::SERVER, "00000005 6469736b"),
            Err(WireError::Short {
                what: "server reply",
                needed: 5,
                found: 4
            })
        );
        assert_eq!(
            decode(option_reply::INFO, "0000 0000000000100000 1ced a5"),
            Err(WireError::Trailing {
                what: "info reply",
                extra: 1
            })
        );
        assert_eq!(
            OptionReply::decode(option_reply::INFO, &[0; 65_537]),
            Err(WireError::TooLong {
                what: "option reply",
                length: 65_537,
                limit: 65_536
            })
        );
    }
}
