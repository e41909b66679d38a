//! Before and after the options: the greeting, the client's flags, the reply to an export name.

use bytes::BufMut;

use super::constants::{GREETING_MAGIC, OLDSTYLE_MAGIC, OPTION_MAGIC, greeting};
use super::error::WireError;
use super::flags::{ClientFlags, HandshakeFlags, TransmissionFlags};
use super::unit::ByteCount;
use super::view::{Reader, check_size, u16_at, u64_at};

/// The first message, from the server.
///
/// # Shape
/// `NBDMAGIC`, `IHAVEOPT`, 16 bits of [`HandshakeFlags`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// What the server offers.
    pub flags: HandshakeFlags,
}

/// Whether zeroes follow the reply to an export name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Padding {
    /// 124 zeroes follow.
    Zeroes,
    /// Nothing follows.
    Absent,
}

/// The server's answer to the option that only names an export.
///
/// # Shape
/// 64 bits of size, 16 bits of [`TransmissionFlags`], then the [`Padding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportNameReply {
    /// The export's size.
    pub size: ByteCount,
    /// What the export can do.
    pub flags: TransmissionFlags,
}

impl Greeting {
    /// The greeting of a server that speaks fixed newstyle and can leave out the zeroes.
    pub const FIXED: Greeting = Greeting {
        flags: HandshakeFlags::FIXED_NEWSTYLE.union(HandshakeFlags::NO_ZEROES),
    };

    /// The bytes to send.
    pub fn encode(self) -> [u8; greeting::SIZE] {
        let mut bytes = [0; greeting::SIZE];
        let mut out = &mut bytes[..];
        out.put_u64(GREETING_MAGIC);
        out.put_u64(OPTION_MAGIC);
        out.put_u16(self.flags.bits());
        bytes
    }

    /// The greeting in `bytes`; flags that this codec does not know stay.
    ///
    /// # Errors
    /// If the length or a magic is wrong, or the server speaks oldstyle.
    pub fn decode(bytes: &[u8]) -> Result<Greeting, WireError> {
        check_size("greeting", bytes, greeting::SIZE)?;
        match (u64_at(bytes, 0), u64_at(bytes, greeting::STYLE)) {
            (GREETING_MAGIC, OPTION_MAGIC) => {}
            (GREETING_MAGIC, OLDSTYLE_MAGIC) => return Err(WireError::Oldstyle),
            (GREETING_MAGIC, found) | (found, _) => {
                return Err(WireError::Magic {
                    what: "greeting",
                    found,
                });
            }
        }
        let flags = HandshakeFlags::from_bits_retain(u16_at(bytes, greeting::FLAGS));
        Ok(Greeting { flags })
    }
}

impl ClientFlags {
    /// What a client that knows both flags answers to `offered`.
    pub fn answer(offered: HandshakeFlags) -> ClientFlags {
        ClientFlags::from_bits_truncate(u32::from(offered.bits()))
    }

    /// The bytes to send.
    pub fn encode(self) -> [u8; greeting::CLIENT_FLAGS_SIZE] {
        self.bits().to_be_bytes()
    }

    /// The flags in `bytes`.
    ///
    /// # Errors
    /// If one of them was not `offered`; the server has to drop the connection.
    pub fn decode(
        bytes: [u8; greeting::CLIENT_FLAGS_SIZE],
        offered: HandshakeFlags,
    ) -> Result<ClientFlags, WireError> {
        let found = ClientFlags::from_bits_retain(u32::from_be_bytes(bytes));
        let extra = found.difference(ClientFlags::answer(offered));
        if !extra.is_empty() {
            return Err(WireError::ClientFlags {
                flags: extra.bits(),
            });
        }
        Ok(found)
    }

    /// What follows the reply to an export name.
    pub fn padding(self) -> Padding {
        if self.contains(ClientFlags::NO_ZEROES) {
            Padding::Absent
        } else {
            Padding::Zeroes
        }
    }
}

impl ExportNameReply {
    /// The bytes of the reply with `padding`.
    pub const fn size_on_wire(padding: Padding) -> usize {
        match padding {
            Padding::Zeroes => 10 + greeting::PADDING,
            Padding::Absent => 10,
        }
    }

    /// Appends the reply.
    pub fn encode(self, padding: Padding, out: &mut impl BufMut) {
        out.put_u64(self.size.0);
        out.put_u16(self.flags.bits());
        if padding == Padding::Zeroes {
            out.put_bytes(0, greeting::PADDING);
        }
    }

    /// The reply in `bytes`; what stands in the padding does not matter.
    ///
    /// # Errors
    /// If the length is wrong.
    pub fn decode(bytes: &[u8], padding: Padding) -> Result<ExportNameReply, WireError> {
        let what = "export name reply";
        check_size(what, bytes, ExportNameReply::size_on_wire(padding))?;
        let mut reader = Reader::new(what, bytes);
        Ok(ExportNameReply {
            size: ByteCount(reader.u64()?),
            flags: TransmissionFlags::from_bits_retain(reader.u16()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::hex;
    use super::*;
    use alloc::vec;

    // qemu-nbd 10.0.2 and nbdkit 1.32.5 send the same greeting.
    const GREETING: &str = "4e42444d41474943 49484156454f5054 0003";

    #[test]
    fn greeting_of_qemu_and_nbdkit() {
        assert_eq!(Greeting::FIXED.encode().to_vec(), hex(GREETING));
        assert_eq!(Greeting::decode(&hex(GREETING)), Ok(Greeting::FIXED));
    }

    #[test]
    fn greeting_keeps_unknown_flags() {
        let bytes = hex("4e42444d41474943 49484156454f5054 8001");
        let greeting = Greeting::decode(&bytes).unwrap();
        assert_eq!(greeting.encode().to_vec(), bytes);
        assert_eq!(
            ClientFlags::answer(greeting.flags),
            ClientFlags::FIXED_NEWSTYLE
        );
    }

    #[test]
    fn greeting_that_is_wrong() {
        let oldstyle = hex("4e42444d41474943 0000420281861253 0000");
        assert_eq!(Greeting::decode(&oldstyle), Err(WireError::Oldstyle));
        let ssh = hex("5353482d322e302d 49484156454f5054 0003");
        let found = 0x5353_482d_322e_302d;
        assert_eq!(
            Greeting::decode(&ssh),
            Err(WireError::Magic {
                what: "greeting",
                found
            })
        );
        let other = hex("4e42444d41474943 a5a5a5a5a5a5a5a5 0003");
        let found = 0xa5a5_a5a5_a5a5_a5a5;
        assert_eq!(
            Greeting::decode(&other),
            Err(WireError::Magic {
                what: "greeting",
                found
            })
        );
        assert_eq!(
            Greeting::decode(&hex(GREETING)[..17]),
            Err(WireError::Short {
                what: "greeting",
                needed: 18,
                found: 17
            })
        );
    }

    #[test]
    fn client_takes_only_what_was_offered() {
        let offered = Greeting::FIXED.flags;
        let both = ClientFlags::FIXED_NEWSTYLE | ClientFlags::NO_ZEROES;
        assert_eq!(both.encode(), [0, 0, 0, 3]);
        assert_eq!(ClientFlags::decode([0, 0, 0, 3], offered), Ok(both));
        assert_eq!(
            ClientFlags::decode([0, 0, 0, 7], offered),
            Err(WireError::ClientFlags { flags: 4 })
        );
        assert_eq!(
            ClientFlags::decode([0, 0, 0, 3], HandshakeFlags::FIXED_NEWSTYLE),
            Err(WireError::ClientFlags { flags: 2 })
        );
    }

    #[test]
    fn export_name_reply_of_qemu() {
        // qemu-nbd 10.0.2 --read-only, 1 MiB.
        let golden = hex("0000000000100000 050f");
        let reply = ExportNameReply {
            size: ByteCount(1 << 20),
            flags: TransmissionFlags::from_bits_retain(0x050f),
        };
        let mut out = vec![0xa5];
        reply.encode(ClientFlags::NO_ZEROES.padding(), &mut out);
        assert_eq!(out[1..], golden);
        assert_eq!(ExportNameReply::decode(&golden, Padding::Absent), Ok(reply));
    }

    #[test]
    fn export_name_reply_with_zeroes_has_134_bytes() {
        let reply = ExportNameReply {
            size: ByteCount(512),
            flags: TransmissionFlags::HAS_FLAGS,
        };
        let mut out = vec![];
        reply.encode(ClientFlags::FIXED_NEWSTYLE.padding(), &mut out);
        assert_eq!(out.len(), 134);
        assert!(out[10..].iter().all(|byte| *byte == 0));
        assert_eq!(ExportNameReply::decode(&out, Padding::Zeroes), Ok(reply));
        assert_eq!(
            ExportNameReply::decode(&out, Padding::Absent),
            Err(WireError::Trailing {
                what: "export name reply",
                extra: 124
            })
        );
    }
}
