//! Options: what the client asks for during the handshake.

use alloc::vec::Vec;

use bytes::BufMut;

use super::constants::option;
use super::error::WireError;
use super::info::InfoKind;
use super::option_header::{OptionCode, OptionHeader, checked_length};
use super::text::Text;
use super::view::Reader;

/// What the options that name an export and the facts to tell about it carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InfoRequest {
    /// The export; empty for the default one.
    pub export: Text,
    /// The facts that the client wants; [`InfoKind::EXPORT`] comes unasked.
    pub wanted: Vec<InfoKind>,
}

/// What the options about metadata contexts carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextRequest {
    /// The export; empty for the default one.
    pub export: Text,
    /// The contexts, such as `base:allocation`; when listing, none means all.
    pub queries: Vec<Text>,
}

/// One option with what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionRequest {
    /// Use this export and leave the handshake; the answer is an
    /// [`ExportNameReply`](super::ExportNameReply) or a closed connection.
    ExportName(Text),
    /// End the session.
    Abort,
    /// List the exports.
    List,
    /// Go on under TLS.
    StartTls,
    /// Describe an export.
    Info(InfoRequest),
    /// Describe an export, use it and leave the handshake.
    Go(InfoRequest),
    /// Reply in chunks.
    StructuredReply,
    /// List metadata contexts.
    ListMetaContext(ContextRequest),
    /// Choose metadata contexts.
    SetMetaContext(ContextRequest),
    /// Use extended headers.
    ExtendedHeaders,
}

impl OptionRequest {
    /// The option's number.
    pub fn code(&self) -> OptionCode {
        OptionCode(match self {
            OptionRequest::ExportName(_) => option::EXPORT_NAME,
            OptionRequest::Abort => option::ABORT,
            OptionRequest::List => option::LIST,
            OptionRequest::StartTls => option::START_TLS,
            OptionRequest::Info(_) => option::INFO,
            OptionRequest::Go(_) => option::GO,
            OptionRequest::StructuredReply => option::STRUCTURED_REPLY,
            OptionRequest::ListMetaContext(_) => option::LIST_META_CONTEXT,
            OptionRequest::SetMetaContext(_) => option::SET_META_CONTEXT,
            OptionRequest::ExtendedHeaders => option::EXTENDED_HEADERS,
        })
    }

    /// Appends the header and the payload; nothing on an error.
    ///
    /// # Errors
    /// If the payload is more than [`MAX_OPTION_PAYLOAD`](super::constants::MAX_OPTION_PAYLOAD).
    pub fn encode(&self, out: &mut impl BufMut) -> Result<(), WireError> {
        let mut payload = Vec::new();
        match self {
            OptionRequest::ExportName(name) => payload.put_slice(name.as_bytes()),
            OptionRequest::Info(request) | OptionRequest::Go(request) => {
                put_text(&request.export, &mut payload);
                payload.put_u16(count(request.wanted.len())?);
                request
                    .wanted
                    .iter()
                    .for_each(|kind| payload.put_u16(kind.0));
            }
            OptionRequest::ListMetaContext(request) | OptionRequest::SetMetaContext(request) => {
                put_text(&request.export, &mut payload);
                payload.put_u32(count(request.queries.len())?.into());
                request
                    .queries
                    .iter()
                    .for_each(|query| put_text(query, &mut payload));
            }
            OptionRequest::Abort
            | OptionRequest::List
            | OptionRequest::StartTls
            | OptionRequest::StructuredReply
            | OptionRequest::ExtendedHeaders => {}
        }
        let length = checked_length("option", payload.len())?;
        out.put_slice(
            &OptionHeader {
                code: self.code(),
                length,
            }
            .encode(),
        );
        out.put_slice(&payload);
        Ok(())
    }

    /// The option `code` with `payload`.
    ///
    /// # Errors
    /// If the option is unknown or the payload is not as the option has it;
    /// [`WireError::option_error`] is what to answer.
    pub fn decode(code: OptionCode, payload: &[u8]) -> Result<OptionRequest, WireError> {
        checked_length("option", payload.len())?;
        let empty = |request| Reader::new("option", payload).finish().map(|()| request);
        match code.0 {
            option::EXPORT_NAME => {
                Text::from_bytes("export name", payload).map(OptionRequest::ExportName)
            }
            // A server takes an abort whatever comes with it.
            option::ABORT => Ok(OptionRequest::Abort),
            option::LIST => empty(OptionRequest::List),
            option::START_TLS => empty(OptionRequest::StartTls),
            option::INFO => info_request(payload).map(OptionRequest::Info),
            option::GO => info_request(payload).map(OptionRequest::Go),
            option::STRUCTURED_REPLY => empty(OptionRequest::StructuredReply),
            option::LIST_META_CONTEXT => {
                context_request(payload).map(OptionRequest::ListMetaContext)
            }
            option::SET_META_CONTEXT => context_request(payload).map(OptionRequest::SetMetaContext),
            option::EXTENDED_HEADERS => empty(OptionRequest::ExtendedHeaders),
            code => Err(WireError::UnknownOption { code }),
        }
    }
}

fn info_request(payload: &[u8]) -> Result<InfoRequest, WireError> {
    let mut reader = Reader::new("info request", payload);
    let export = reader.text("export name")?;
    let count = reader.u16()?;
    let wanted = reader.take(usize::from(count) * 2)?;
    reader.finish()?;
    let (pairs, _) = wanted.as_chunks();
    let wanted = pairs
        .iter()
        .map(|pair| InfoKind(u16::from_be_bytes(*pair)))
        .collect();
    Ok(InfoRequest { export, wanted })
}

fn context_request(payload: &[u8]) -> Result<ContextRequest, WireError> {
    let mut reader = Reader::new("context request", payload);
    let export = reader.text("export name")?;
    // The count is not trusted with memory: each query takes four bytes at least.
    let queries = (0..reader.u32()?)
        .map(|_| reader.text("context query"))
        .collect::<Result<Vec<Text>, WireError>>()?;
    reader.finish()?;
    Ok(ContextRequest { export, queries })
}

/// A list's length as a field; more items than that never fit into a payload.
fn count(items: usize) -> Result<u16, WireError> {
    u16::try_from(items).map_err(|_| WireError::Count {
        what: "option",
        count: items.try_into().unwrap_or(u64::MAX),
    })
}

/// Appends a string behind its 32-bit length.
pub(super) fn put_text(text: &Text, out: &mut impl BufMut) {
    out.put_u32(text.length_u32());
    out.put_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::testing::hex;
    use super::*;
    use alloc::vec;

    fn text(text: &str) -> Text {
        text.parse().unwrap()
    }

    /// Asserts that `golden` is `request`, and `request` is `golden`.
    fn both_ways(golden: &str, request: OptionRequest) {
        let golden = hex(golden);
        let (header, payload) = golden.split_first_chunk().unwrap();
        let header = OptionHeader::decode(header).unwrap();
        assert_eq!(header.payload_length(), Ok(payload.len()));
        assert_eq!(
            OptionRequest::decode(header.code, payload).as_ref(),
            Ok(&request)
        );
        let mut out = vec![0xa5];
        request.encode(&mut out).unwrap();
        assert_eq!(out[1..], golden);
    }

    #[test]
    fn options_of_qemu_io() {
        // qemu-io 10.0.2 towards the export `disk`.
        both_ways(
            "49484156454f5054 0000000b 00000000",
            OptionRequest::ExtendedHeaders,
        );
        both_ways(
            "49484156454f5054 00000008 00000000",
            OptionRequest::StructuredReply,
        );
        let export = text("disk");
        let queries = vec![text("base:allocation")];
        both_ways(
            "49484156454f5054 0000000a 0000001f 00000004 6469736b
             00000001 0000000f 626173653a616c6c6f636174696f6e",
            OptionRequest::SetMetaContext(ContextRequest {
                export: export.clone(),
                queries,
            }),
        );
        both_ways(
            "49484156454f5054 00000007 0000000c 00000004 6469736b 0001 0003",
            OptionRequest::Go(InfoRequest {
                export,
                wanted: vec![InfoKind::BLOCK_SIZE],
            }),
        );
    }

    #[test]
    fn options_that_qemu_nbd_and_nbdkit_accept() {
        // Sent by hand and answered with success by qemu-nbd 10.0.2 and nbdkit 1.32.5.
        both_ways(
            "49484156454f5054 00000001 00000004 6469736b",
            OptionRequest::ExportName(text("disk")),
        );
        both_ways("49484156454f5054 00000002 00000000", OptionRequest::Abort);
        both_ways("49484156454f5054 00000003 00000000", OptionRequest::List);
        both_ways(
            "49484156454f5054 00000005 00000000",
            OptionRequest::StartTls,
        );
        let wanted = vec![InfoKind::NAME, InfoKind::DESCRIPTION, InfoKind::BLOCK_SIZE];
        both_ways(
            "49484156454f5054 00000006 00000010 00000004 6469736b 0003 0001 0002 0003",
            OptionRequest::Info(InfoRequest {
                export: text("disk"),
                wanted,
            }),
        );
        let queries = vec![text("base:")];
        both_ways(
            "49484156454f5054 00000009 00000015 00000004 6469736b 00000001 00000005 626173653a",
            OptionRequest::ListMetaContext(ContextRequest {
                export: text("disk"),
                queries,
            }),
        );
    }

    #[test]
    fn abort_takes_any_payload() {
        let code = OptionCode(option::ABORT);
        assert_eq!(
            OptionRequest::decode(code, &[0xa5; 9]),
            Ok(OptionRequest::Abort)
        );
    }

    #[test]
    fn options_that_are_wrong() {
        let decode = |code, payload: &str| OptionRequest::decode(OptionCode(code), &hex(payload));
        assert_eq!(
            decode(99, "78797a"),
            Err(WireError::UnknownOption { code: 99 })
        );
        assert_eq!(
            decode(option::LIST, "78"),
            Err(WireError::Trailing {
                what: "option",
                extra: 1
            })
        );
        assert_eq!(
            decode(option::GO, "00000005 6469736b"),
            Err(WireError::Short {
                what: "info request",
                needed: 5,
                found: 4
            })
        );
        assert_eq!(
            decode(option::GO, "00000000 0002 0003"),
            Err(WireError::Short {
                what: "info request",
                needed: 4,
                found: 2
            })
        );
        assert_eq!(
            decode(option::GO, "00000000 0000 0003"),
            Err(WireError::Trailing {
                what: "info request",
                extra: 2
            })
        );
        assert_eq!(
            decode(option::SET_META_CONTEXT, "00000000 ffffffff 00000001 61"),
            Err(WireError::Short {
                what: "context request",
                needed: 4,
                found: 0
            })
        );
        assert_eq!(
            decode(option::EXPORT_NAME, "00"),
            Err(WireError::Nul {
                what: "export name"
            })
        );
    }

    #[test]
    fn option_of_more_than_64_kib_is_refused() {
        let header = OptionHeader {
            code: OptionCode(3),
            length: 65_537,
        };
        let too_long = WireError::TooLong {
            what: "option",
            length: 65_537,
            limit: 65_536,
        };
        assert_eq!(header.payload_length(), Err(too_long.clone()));
        assert_eq!(
            OptionRequest::decode(header.code, &vec![0; 65_537]),
            Err(too_long.clone())
        );
        let queries = vec![text(&"x".repeat(4091)); 17];
        let request = ContextRequest {
            export: text("12345"),
            queries,
        };
        let mut out = vec![];
        let result = OptionRequest::SetMetaContext(request).encode(&mut out);
        assert_eq!(
            (result, out.len()),
            (
                Err(WireError::TooLong {
                    what: "option",
                    length: 69_628,
                    limit: 65_536
                }),
                0
            )
        );
    }
}
