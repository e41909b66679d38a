//! The bit sets of the wire.
//!
//! Where a receiver ignores bits that it does not know, the set keeps them, so that what was read
//! can be written again unchanged.

use bitflags::bitflags;

bitflags! {
    /// What the server offers in its greeting.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct HandshakeFlags: u16 {
        /// It answers options that it does not know.
        const FIXED_NEWSTYLE = 1 << 0;
        /// It can leave out the zeroes behind the reply to an export name.
        const NO_ZEROES = 1 << 1;
    }

    /// What the client takes of the server's offer.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ClientFlags: u32 {
        /// The client speaks fixed newstyle.
        const FIXED_NEWSTYLE = 1 << 0;
        /// The client wants no zeroes.
        const NO_ZEROES = 1 << 1;
    }

    /// What an export can do.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct TransmissionFlags: u16 {
        /// Always set.
        const HAS_FLAGS = 1 << 0;
        /// Writes are refused.
        const READ_ONLY = 1 << 1;
        /// Flush works.
        const SEND_FLUSH = 1 << 2;
        /// [`CommandFlags::FUA`] works.
        const SEND_FUA = 1 << 3;
        /// The medium rotates.
        const ROTATIONAL = 1 << 4;
        /// Trim works.
        const SEND_TRIM = 1 << 5;
        /// Write zeroes and [`CommandFlags::NO_HOLE`] work.
        const SEND_WRITE_ZEROES = 1 << 6;
        /// [`CommandFlags::DF`] works; only with chunks.
        const SEND_DF = 1 << 7;
        /// Flush and FUA on one connection cover all connections.
        const CAN_MULTI_CONN = 1 << 8;
        /// The withdrawn resize extension.
        const SEND_RESIZE = 1 << 9;
        /// Cache works.
        const SEND_CACHE = 1 << 10;
        /// [`CommandFlags::FAST_ZERO`] works.
        const SEND_FAST_ZERO = 1 << 11;
        /// A block status request may carry the contexts that it asks for; only with extended
        /// headers.
        const BLOCK_STATUS_PAYLOAD = 1 << 12;
    }

    /// How a command is to be done.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct CommandFlags: u16 {
        /// What the command writes is on stable storage before the reply.
        const FUA = 1 << 0;
        /// Write zeroes must not leave a hole.
        const NO_HOLE = 1 << 1;
        /// A read's data comes in one chunk.
        const DF = 1 << 2;
        /// Block status gives one extent a context.
        const REQ_ONE = 1 << 3;
        /// Write zeroes fails at once where it is no faster than a write.
        const FAST_ZERO = 1 << 4;
        /// The length is that of a payload behind the request; only with extended headers.
        const PAYLOAD_LEN = 1 << 5;
    }

    /// What a chunk is among those of its reply.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ReplyFlags: u16 {
        /// The last one.
        const DONE = 1 << 0;
    }

    /// What an extent is in the metadata context `base:allocation`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct AllocationFlags: u64 {
        /// Not allocated: a write may find no space.
        const HOLE = 1 << 0;
        /// Reads as zeroes.
        const ZERO = 1 << 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemu_and_nbdkit_exports_say_what_they_can() {
        // qemu-nbd 10.0.2 with and without --read-only, nbdkit 1.32.5 file plugin.
        let qemu = TransmissionFlags::from_bits_retain(0x0d6d);
        let read_only = TransmissionFlags::from_bits_retain(0x050f);
        let nbdkit = TransmissionFlags::from_bits_retain(0x056d);
        assert!(qemu.contains(TransmissionFlags::SEND_FAST_ZERO | TransmissionFlags::SEND_CACHE));
        assert!(read_only.contains(TransmissionFlags::READ_ONLY));
        assert!(!read_only.intersects(TransmissionFlags::SEND_TRIM));
        assert_eq!(qemu.difference(nbdkit), TransmissionFlags::SEND_FAST_ZERO);
    }
}
