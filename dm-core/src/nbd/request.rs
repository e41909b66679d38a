//! Requests: what the client asks for during transmission.

use super::command::CommandKind;
use super::constants::{EXTENDED_REQUEST_MAGIC, REQUEST_MAGIC, request};
use super::error::WireError;
use super::flags::CommandFlags;
use super::head::Head;
use super::unit::{ByteCount, ByteOffset, Cookie, Framing};
use super::view::{check_size, u16_at, u32_at, u64_at};

/// The bytes of a request that are a request by length and magic, and may else hold nonsense.
///
/// With it a server can answer a request that it does not understand, and pass over its payload.
///
/// # Shape
/// 32 bits of magic, 16 of [`CommandFlags`], 16 of command, 64 of cookie, 64 of offset, then 32
/// bits of length if compact and 64 if extended.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    framing: Framing,
    bytes: &'a [u8],
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub command: CommandKind,
    /// How it is to be done. [`CommandFlags::PAYLOAD_LEN`] stands here only in a block status
    /// with a [`StatusSelection`](super::StatusSelection); that of an extended write is the codec's business.
    pub flags: CommandFlags,
    /// The client's mark.
    pub cookie: Cookie,
    /// Where.
    pub offset: ByteOffset,
    /// How much of the export, or, with [`CommandFlags::PAYLOAD_LEN`], of payload.
    pub length: ByteCount,
}

impl Framing {
    /// The bytes of a request, without payload.
    pub const fn request_size(self) -> usize {
        match self {
            Framing::Simple | Framing::Structured => request::COMPACT_SIZE,
            Framing::Extended => request::EXTENDED_SIZE,
        }
    }

    const fn request_magic(self) -> u32 {
        match self {
            Framing::Simple | Framing::Structured => REQUEST_MAGIC,
            Framing::Extended => EXTENDED_REQUEST_MAGIC,
        }
    }
}

impl<'a> RequestView<'a> {
    /// The view of `bytes`.
    ///
    /// # Errors
    /// If the length or the magic is wrong: the connection can not go on.
    pub fn new(framing: Framing, bytes: &'a [u8]) -> Result<RequestView<'a>, WireError> {
        check_size("request", bytes, framing.request_size())?;
        let found = u32_at(bytes, 0);
        if found != framing.request_magic() {
            return Err(WireError::Magic {
                what: "request",
                found: found.into(),
            });
        }
        Ok(RequestView { framing, bytes })
    }

    /// What both sides agreed on.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The command's number.
    pub fn command(&self) -> u16 {
        u16_at(self.bytes, request::COMMAND)
    }

    /// All flags, known or not.
    pub fn flags(&self) -> CommandFlags {
        CommandFlags::from_bits_retain(u16_at(self.bytes, request::FLAGS))
    }

    /// The client's mark.
    pub fn cookie(&self) -> Cookie {
        Cookie(u64_at(self.bytes, request::COOKIE))
    }

    /// The offset.
    pub fn offset(&self) -> ByteOffset {
        ByteOffset(u64_at(self.bytes, request::OFFSET))
    }

    /// The length, be it of a payload or not.
    pub fn length(&self) -> ByteCount {
        ByteCount(match self.framing {
            Framing::Simple | Framing::Structured => u32_at(self.bytes, request::LENGTH).into(),
            Framing::Extended => u64_at(self.bytes, request::LENGTH),
        })
    }

    /// The bytes of payload behind the request, whether it makes sense or not.
    ///
    /// An extended write has its payload with and without [`CommandFlags::PAYLOAD_LEN`]: the
    /// protocol demands the flag, and qemu 10.0's client leaves it out.
    pub fn payload_length(&self) -> ByteCount {
        let flagged =
            self.framing == Framing::Extended && self.flags().contains(CommandFlags::PAYLOAD_LEN);
        if flagged || self.command() == request::WRITE {
            self.length()
        } else {
            ByteCount(0)
        }
    }
}

impl Request {
    /// The request in `view`.
    ///
    /// # Errors
    /// If it makes no sense. The server answers [`NbdErrno::Invalid`](super::NbdErrno::Invalid)
    /// with the view's cookie, passes over the view's payload, and goes on.
    pub fn parse(view: RequestView<'_>) -> Result<Request, WireError> {
        let code = view.command();
        let command = CommandKind::from_wire(code).ok_or(WireError::UnknownCommand { code })?;
        let mut flags = view.flags();
        if command == CommandKind::Write && view.framing == Framing::Extended {
            flags.remove(CommandFlags::PAYLOAD_LEN);
        }
        let request = Request {
            command,
            flags,
            cookie: view.cookie(),
            offset: view.offset(),
            length: view.length(),
        };
        request.check(view.framing)?;
        Ok(request)
    }

    /// The request in `bytes`; a server rather goes by way of [`RequestView`].
    ///
    /// # Errors
    /// Those of [`RequestView::new`] and [`Request::parse`].
    pub fn decode(framing: Framing, bytes: &[u8]) -> Result<Request, WireError> {
        Request::parse(RequestView::new(framing, bytes)?)
    }

    /// The bytes to send, before the payload.
    ///
    /// # Errors
    /// If the request makes no sense in this framing, or the length does not fit.
    pub fn encode(&self, framing: Framing) -> Result<Head, WireError> {
        self.check(framing)?;
        let mut flags = self.flags;
        if self.command == CommandKind::Write && framing == Framing::Extended {
            flags.insert(CommandFlags::PAYLOAD_LEN);
        }
        let head = Head::new()
            .with(framing.request_magic().to_be_bytes())
            .with(flags.bits().to_be_bytes())
            .with(self.command.to_wire().to_be_bytes())
            .with(self.cookie.0.to_be_bytes())
            .with(self.offset.0.to_be_bytes());
        match framing {
            Framing::Simple | Framing::Structured => {
                Ok(head.with(self.length_u32()?.to_be_bytes()))
            }
            Framing::Extended => Ok(head.with(self.length.0.to_be_bytes())),
        }
    }

    /// The bytes of payload behind the request.
    pub fn payload_length(&self) -> ByteCount {
        if self.command == CommandKind::Write || self.flags.contains(CommandFlags::PAYLOAD_LEN) {
            self.length
        } else {
            ByteCount(0)
        }
    }

    fn length_u32(&self) -> Result<u32, WireError> {
        let value = self.length.0;
        u32::try_from(value).map_err(|_| WireError::DoesNotFit {
            what: "length",
            value,
        })
    }

    fn check(&self, framing: Framing) -> Result<(), WireError> {
        if self.command == CommandKind::BlockStatus && framing == Framing::Simple {
            return Err(WireError::NotAgreed {
                what: "block status",
            });
        }
        let extra = self.flags.difference(self.command.flags(framing));
        if !extra.is_empty() {
            let command = self.command.to_wire();
            return Err(WireError::CommandFlags {
                command,
                flags: extra.bits(),
            });
        }
        // Payloads have 32 bits of length even where the field has 64.
        if self.payload_length() != ByteCount(0) {
            self.length_u32()?;
        }
        let covers_range = !self.flags.contains(CommandFlags::PAYLOAD_LEN)
            && !matches!(self.command, CommandKind::Disconnect | CommandKind::Flush);
        if covers_range && self.offset.checked_add(self.length).is_none() {
            return Err(WireError::Range {
                offset: self.offset.0,
                length: self.length.0,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::hex;
    use super::*;

    fn request(command: CommandKind, flags: CommandFlags, offset: u64, length: u64) -> Request {
        let (offset, length) = (ByteOffset(offset), ByteCount(length));
        Request {
            command,
            flags,
            cookie: Cookie(1),
            offset,
            length,
        }
    }

    fn both_ways(framing: Framing, golden: &str, request: Request) {
        let golden = hex(golden);
        assert_eq!(Request::decode(framing, &golden), Ok(request));
        assert_eq!(*request.encode(framing).unwrap(), golden);
        let view = RequestView::new(framing, &golden).unwrap();
        assert_eq!(view.payload_length(), request.payload_length());
    }

    /// What qemu-io 10.0.2 sends, compact to nbdkit 1.32.5 and extended to qemu-nbd 10.0.2.
    #[test]
    fn requests_of_qemu_io() {
        let none = CommandFlags::empty();
        for (compact, extended, request) in [
            (
                "25609513 0000 0000 0000000000000001 0000000000010000 00000200",
                "21e41c71 0000 0000 0000000000000001 0000000000010000 0000000000000200",
                request(CommandKind::Read, none, 0x10000, 512),
            ),
            (
                "25609513 0001 0001 0000000000000001 0000000000000200 00000200",
                // Not qemu's: with the payload flag, as the protocol has it.
                "21e41c71 0021 0001 0000000000000001 0000000000000200 0000000000000200",
                request(CommandKind::Write, CommandFlags::FUA, 512, 512),
            ),
            (
                "25609513 0003 0006 0000000000000001 0000000000001000 00001000",
                "21e41c71 0003 0006 0000000000000001 0000000000001000 0000000000001000",
                request(
                    CommandKind::WriteZeroes,
                    CommandFlags::FUA | CommandFlags::NO_HOLE,
                    4096,
                    4096,
                ),
            ),
            (
                "25609513 0000 0004 0000000000000001 0000000000004000 00001000",
                "21e41c71 0000 0004 0000000000000001 0000000000004000 0000000000001000",
                request(CommandKind::Trim, none, 16384, 4096),
            ),
            (
                "25609513 0000 0003 0000000000000001 0000000000000000 00000000",
                "21e41c71 0000 0003 0000000000000001 0000000000000000 0000000000000000",
                request(CommandKind::Flush, none, 0, 0),
            ),
            (
                "25609513 0008 0007 0000000000000001 0000000000001000 000ff000",
                "21e41c71 0008 0007 0000000000000001 0000000000001000 00000000000ff000",
                request(
                    CommandKind::BlockStatus,
                    CommandFlags::REQ_ONE,
                    4096,
                    0xff000,
                ),
            ),
        ] {
            both_ways(Framing::Structured, compact, request);
            both_ways(Framing::Extended, extended, request);
        }
    }

    #[test]
    fn extended_write_of_qemu_lacks_the_payload_flag() {
        // qemu-io 10.0.2 `write -f 512 512`, extended headers agreed on with qemu-nbd 10.0.2.
        let golden = hex("21e41c71 0001 0001 0000000000000001 0000000000000200 0000000000000200");
        let view = RequestView::new(Framing::Extended, &golden).unwrap();
        assert_eq!(view.payload_length(), ByteCount(512));
        let write = request(CommandKind::Write, CommandFlags::FUA, 512, 512);
        assert_eq!(Request::parse(view), Ok(write));
    }

    #[test]
    fn disconnect_and_cache() {
        let none = CommandFlags::empty();
        both_ways(
            Framing::Simple,
            "25609513 0000 0002 0000000000000001 0000000000000000 00000000",
            request(CommandKind::Disconnect, none, 0, 0),
        );
        both_ways(
            Framing::Simple,
            "25609513 0001 0005 0000000000000001 0000000000000200 ffffffff",
            request(CommandKind::Cache, CommandFlags::FUA, 512, u32::MAX.into()),
        );
    }

    #[test]
    fn requests_that_end_the_connection() {
        let golden = hex("25609513 0000 0000 0000000000000001 0000000000010000 00000200");
        assert_eq!(
            Request::decode(Framing::Simple, &golden[..27]),
            Err(WireError::Short {
                what: "request",
                needed: 28,
                found: 27
            })
        );
        let magic = |found| {
            Err(WireError::Magic {
                what: "request",
                found,
            })
        };
        assert_eq!(
            Request::decode(Framing::Simple, &[0xa5; 28]),
            magic(0xa5a5_a5a5)
        );
        let mut extended = golden.clone();
        extended.extend([0; 4]);
        assert_eq!(
            Request::decode(Framing::Extended, &extended),
            magic(0x2560_9513)
        );
    }

    #[test]
    fn nonsense_keeps_its_cookie_and_payload_length() {
        // Both answered with `invalid` by qemu-nbd 10.0.2 and nbdkit 1.32.5.
        let unknown = hex("25609513 0000 004d 1122334455667788 0000000000000000 00000200");
        let view = RequestView::new(Framing::Structured, &unknown).unwrap();
        assert_eq!(
            (view.cookie().0, view.payload_length().0),
            (0x1122_3344_5566_7788, 0)
        );
        assert_eq!(
            Request::parse(view),
            Err(WireError::UnknownCommand { code: 77 })
        );
        let flags = hex("25609513 0002 0000 0000000000000008 0000000000000000 00000200");
        assert_eq!(
            Request::decode(Framing::Structured, &flags),
            Err(WireError::CommandFlags {
                command: 0,
                flags: 2
            })
        );
        let trim = hex("21e41c71 0020 0004 0000000000000001 0000000000000000 0000000000000008");
        let view = RequestView::new(Framing::Extended, &trim).unwrap();
        assert_eq!(view.payload_length(), ByteCount(8));
        assert_eq!(
            Request::parse(view),
            Err(WireError::CommandFlags {
                command: 4,
                flags: 0x20
            })
        );
    }

    #[test]
    fn framing_decides_what_a_request_may_be() {
        let status = request(CommandKind::BlockStatus, CommandFlags::empty(), 0, 512);
        let not_agreed = WireError::NotAgreed {
            what: "block status",
        };
        assert_eq!(status.encode(Framing::Simple), Err(not_agreed));
        let read = request(CommandKind::Read, CommandFlags::DF, 0, 512);
        let refused = WireError::CommandFlags {
            command: 0,
            flags: 4,
        };
        assert_eq!(read.encode(Framing::Simple), Err(refused));
        assert!(read.encode(Framing::Structured).is_ok());
        let trim = request(CommandKind::Trim, CommandFlags::empty(), 0, 1 << 32);
        let large = WireError::DoesNotFit {
            what: "length",
            value: 1 << 32,
        };
        assert_eq!(trim.encode(Framing::Structured), Err(large.clone()));
        assert!(trim.encode(Framing::Extended).is_ok());
        let write = request(CommandKind::Write, CommandFlags::empty(), 0, 1 << 32);
        assert_eq!(write.encode(Framing::Extended), Err(large));
        let end = request(CommandKind::Read, CommandFlags::empty(), u64::MAX, 1);
        let range = WireError::Range {
            offset: u64::MAX,
            length: 1,
        };
        assert_eq!(end.encode(Framing::Simple), Err(range));
    }

    #[test]
    fn block_status_may_have_a_payload() {
        both_ways(
            Framing::Extended,
            "21e41c71 0028 0007 0000000000000001 0000000000000200 0000000000000010",
            request(
                CommandKind::BlockStatus,
                CommandFlags::REQ_ONE | CommandFlags::PAYLOAD_LEN,
                512,
                16,
            ),
        );
    }
}
