//! Numbers and bytes of Linux's ublk driver.
//!
//! # Source
//! `include/uapi/linux/ublk_cmd.h`, `Documentation/block/ublk.rst`.

use bitflags::bitflags;

/// What the control device is asked, as numbers of ioctls.
pub(super) mod control {
    /// `_IOC(direction, 'u', number, 32)`: a command is 32 bytes.
    const fn number(direction: u32, number: u32) -> u32 {
        (direction << 30) | (32 << 16) | (0x75 << 8) | number
    }
    const READ: u32 = 2;
    const BOTH: u32 = 3;

    pub(crate) const GET_DEV_INFO: u32 = number(READ, 0x02);
    pub(crate) const ADD_DEV: u32 = number(BOTH, 0x04);
    pub(crate) const DEL_DEV: u32 = number(BOTH, 0x05);
    pub(crate) const START_DEV: u32 = number(BOTH, 0x06);
    pub(crate) const STOP_DEV: u32 = number(BOTH, 0x07);
    pub(crate) const SET_PARAMS: u32 = number(BOTH, 0x08);
    pub(crate) const GET_PARAMS: u32 = number(READ, 0x09);
    pub(crate) const START_USER_RECOVERY: u32 = number(BOTH, 0x10);
    pub(crate) const END_USER_RECOVERY: u32 = number(BOTH, 0x11);
    /// Linux 6.9 or later.
    pub(crate) const DEL_DEV_ASYNC: u32 = number(READ, 0x14);
    /// Linux 6.16 or later.
    pub(crate) const UPDATE_SIZE: u32 = number(BOTH, 0x15);
}

/// What a queue is told: `_IOWR('u', number, 16)`.
pub(super) const FETCH_REQ: u32 = 0xc010_7520;
pub(super) const COMMIT_AND_FETCH_REQ: u32 = 0xc010_7521;

/// Bytes of the descriptors of a queue, in the mapping of all: 4096 of them.
pub(super) const QUEUE_STRIDE: u64 = 4096 * DESCRIPTOR_BYTES as u64;
/// Bytes of a request's descriptor.
pub(super) const DESCRIPTOR_BYTES: usize = 24;
/// Bytes of what is known of a device.
pub(super) const INFO_BYTES: usize = 64;
/// Bytes of a device's parameters, as far as they are used here.
pub(super) const PARAMS_BYTES: usize = PARAMS_LENGTH as usize;
const PARAMS_LENGTH: u32 = 60;

/// The state of a device that was not begun, or was ended.
pub(super) const DEAD: u16 = 0;
/// The state of a device whose server is gone.
pub(super) const QUIESCED: u16 = 2;

bitflags! {
    /// How a device is served.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Features: u64 {
        const USER_RECOVERY = 1 << 3;
        const USER_RECOVERY_REISSUE = 1 << 4;
        const CMD_IOCTL_ENCODE = 1 << 6;
        /// Of the drivers that have it; others take it away.
        const UPDATE_SIZE = 1 << 10;
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Attributes: u32 {
        const READ_ONLY = 1;
        const ROTATIONAL = 2;
        const VOLATILE_CACHE = 4;
        const FUA = 8;
    }
}

/// `struct ublksrv_ctrl_cmd`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ControlCommand {
    pub(super) device: u32,
    pub(super) length: u16,
    /// Where the command's buffer is.
    pub(super) address: u64,
    pub(super) data: u64,
}

impl ControlCommand {
    pub(super) fn encode(self) -> [u8; 80] {
        let mut bytes = [0; 80];
        bytes[..4].copy_from_slice(&native32(self.device));
        // No queue.
        bytes[4..6].copy_from_slice(&native16(u16::MAX));
        bytes[6..8].copy_from_slice(&native16(self.length));
        bytes[8..16].copy_from_slice(&native64(self.address));
        bytes[16..24].copy_from_slice(&native64(self.data));
        bytes
    }
}

/// `struct ublksrv_io_cmd`.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueCommand {
    pub(super) queue: u16,
    pub(super) tag: u16,
    pub(super) result: i32,
    pub(super) address: u64,
}

impl QueueCommand {
    pub(super) fn encode(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&native16(self.queue));
        bytes[2..4].copy_from_slice(&native16(self.tag));
        bytes[4..8].copy_from_slice(&native32(self.result.cast_unsigned()));
        bytes[8..].copy_from_slice(&native64(self.address));
        bytes
    }
}

/// `struct ublksrv_ctrl_dev_info`, as far as it is used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) queues: u16,
    pub(super) depth: u16,
    pub(super) state: u16,
    pub(super) max_io_bytes: u32,
    pub(super) device: u32,
    /// Who serves it, or did; -1 if nobody did.
    pub(super) server: i32,
    pub(super) features: Features,
    /// The server's own, which means nothing to the driver.
    pub(super) mark: u64,
}

impl Info {
    pub(super) fn encode(self) -> [u8; INFO_BYTES] {
        let mut bytes = [0; INFO_BYTES];
        bytes[..2].copy_from_slice(&native16(self.queues));
        bytes[2..4].copy_from_slice(&native16(self.depth));
        bytes[4..6].copy_from_slice(&native16(self.state));
        bytes[8..12].copy_from_slice(&native32(self.max_io_bytes));
        bytes[12..16].copy_from_slice(&native32(self.device));
        bytes[16..20].copy_from_slice(&native32(self.server.cast_unsigned()));
        bytes[24..32].copy_from_slice(&native64(self.features.bits()));
        bytes[32..40].copy_from_slice(&native64(self.mark));
        bytes
    }

    pub(super) fn decode(bytes: &[u8; INFO_BYTES]) -> Info {
        Info {
            queues: u16_at(bytes, 0),
            depth: u16_at(bytes, 2),
            state: u16_at(bytes, 4),
            max_io_bytes: u32_at(bytes, 8),
            device: u32_at(bytes, 12),
            server: u32_at(bytes, 16).cast_signed(),
            features: Features::from_bits_truncate(u64_at(bytes, 24)),
            mark: u64_at(bytes, 32),
        }
    }
}

/// `struct ublk_params`, its first two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Params {
    pub(super) attributes: Attributes,
    /// Bytes, as powers of two.
    pub(super) logical_shift: u8,
    pub(super) physical_shift: u8,
    pub(super) optimal_shift: u8,
    pub(super) minimal_shift: u8,
    /// Sectors of a request, at most.
    pub(super) max_sectors: u32,
    pub(super) sectors: u64,
    /// Bytes.
    pub(super) discard_granularity: u32,
    /// Sectors of a request without data, at most.
    pub(super) max_discard_sectors: u32,
}

impl Params {
    pub(super) fn encode(self) -> [u8; PARAMS_BYTES] {
        /// Basic parameters, and those of discards.
        const PARTS: u32 = 1 | 2;
        let mut bytes = [0; PARAMS_BYTES];
        bytes[..4].copy_from_slice(&native32(PARAMS_LENGTH));
        bytes[4..8].copy_from_slice(&native32(PARTS));
        bytes[8..12].copy_from_slice(&native32(self.attributes.bits()));
        bytes[12..16].copy_from_slice(&[
            self.logical_shift,
            self.physical_shift,
            self.optimal_shift,
            self.minimal_shift,
        ]);
        bytes[16..20].copy_from_slice(&native32(self.max_sectors));
        bytes[24..32].copy_from_slice(&native64(self.sectors));
        bytes[44..48].copy_from_slice(&native32(self.discard_granularity));
        bytes[48..52].copy_from_slice(&native32(self.max_discard_sectors));
        bytes[52..56].copy_from_slice(&native32(self.max_discard_sectors));
        // One segment.
        bytes[56..58].copy_from_slice(&native16(1));
        bytes
    }

    /// Room for a device's, which the driver wants to be told of.
    pub(super) fn room() -> [u8; PARAMS_BYTES] {
        let mut bytes = [0; PARAMS_BYTES];
        bytes[..4].copy_from_slice(&native32(PARAMS_LENGTH));
        bytes
    }

    /// The device's size.
    pub(super) fn sectors_of(bytes: &[u8; PARAMS_BYTES]) -> u64 {
        u64_at(bytes, 24)
    }
}

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    Write,
    Flush,
    Discard,
    WriteZeroes,
    /// A number that is not known here.
    Other(u8),
}

bitflags! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct RequestFlags: u32 {
        const FUA = 1 << 13;
        const NO_UNMAP = 1 << 15;
    }
}

/// `struct ublksrv_io_desc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub(super) operation: Operation,
    pub(super) flags: RequestFlags,
    pub(super) sectors: u32,
    pub(super) start: u64,
}

impl Descriptor {
    pub(super) fn decode(bytes: &[u8; DESCRIPTOR_BYTES]) -> Descriptor {
        let word = u32_at(bytes, 0);
        let operation = match word.to_le_bytes()[0] {
            0 => Operation::Read,
            1 => Operation::Write,
            2 => Operation::Flush,
            3 => Operation::Discard,
            5 => Operation::WriteZeroes,
            other => Operation::Other(other),
        };
        Descriptor {
            operation,
            flags: RequestFlags::from_bits_truncate(word),
            sectors: u32_at(bytes, 4),
            start: u64_at(bytes, 8),
        }
    }
}

// The driver speaks in the host's order.
#[allow(clippy::host_endian_bytes)]
fn native16(number: u16) -> [u8; 2] {
    number.to_ne_bytes()
}

#[allow(clippy::host_endian_bytes)]
fn native32(number: u32) -> [u8; 4] {
    number.to_ne_bytes()
}

#[allow(clippy::host_endian_bytes)]
fn native64(number: u64) -> [u8; 8] {
    number.to_ne_bytes()
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

#[allow(clippy::host_endian_bytes)]
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes(array_at(bytes, at))
}

#[allow(clippy::host_endian_bytes)]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(array_at(bytes, at))
}

#[allow(clippy::host_endian_bytes)]
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(array_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beside what a C compiler makes of the header's macros on x86_64.
    #[test]
    fn commands_have_the_headers_numbers() {
        assert_eq!(control::GET_DEV_INFO, 0x8020_7502);
        assert_eq!(control::ADD_DEV, 0xc020_7504);
        assert_eq!(control::END_USER_RECOVERY, 0xc020_7511);
        assert_eq!(control::DEL_DEV_ASYNC, 0x8020_7514);
        assert_eq!(control::UPDATE_SIZE, 0xc020_7515);
        assert_eq!(FETCH_REQ, 0xc010_7520);
        assert_eq!(QUEUE_STRIDE, 98_304);
    }

    #[test]
    fn info_reads_back() {
        let info = Info {
            queues: 2,
            depth: 64,
            state: QUIESCED,
            max_io_bytes: 1 << 18,
            device: 7,
            server: -1,
            features: Features::USER_RECOVERY,
            mark: 0xfedc_ba98_7654_3210,
        };
        assert_eq!(Info::decode(&info.encode()), info);
    }

    #[test]
    fn descriptor_of_a_durable_write() {
        let mut bytes = [0; DESCRIPTOR_BYTES];
        bytes[..4].copy_from_slice(&native32(1 | 1 << 13 | 1 << 11));
        bytes[4..8].copy_from_slice(&native32(8));
        bytes[8..16].copy_from_slice(&native64(1 << 40));
        let wanted = Descriptor {
            operation: Operation::Write,
            flags: RequestFlags::FUA,
            sectors: 8,
            start: 1 << 40,
        };
        assert_eq!(Descriptor::decode(&bytes), wanted);
    }
}
