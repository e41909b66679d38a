//! Numbers and shapes that NetBSD's headers give: all of them, so that a compiler can hold them against those headers.
//!
//! # Source
//! NetBSD 10.1: `sys/ioccom.h`, `prop/plistref.h`, `dev/dm/netbsd-dm.h`, `sys/disk.h`, `sys/dkio.h`, `sys/sysctl.h`.

use std::ffi::c_void;

/// `/dev/mapper`, the folder of the devices' nodes.
pub const DIRECTORY: &str = "/dev/mapper";
/// The control node.
pub const CONTROL: &str = "/dev/mapper/control";
/// The control node's minor number.
pub const CONTROL_MINOR: u32 = 0;
/// The driver's name in the kernel's list of drivers.
pub const DRIVER: &str = "dm";
/// The sysctl that is that list.
pub const DRIVERS: &std::ffi::CStr = c"kern.drivers";

/// `NETBSD_DM_IOCTL`: `_IOWR(0xfd, 0, struct plistref)`.
pub const NETBSD_DM_IOCTL: u32 = read_write::<Plistref>(0xfd, 0);
/// `DIOCGMEDIASIZE`: `_IOR('d', 132, off_t)`, in bytes.
pub const DIOCGMEDIASIZE: u32 = read::<i64>(b'd', 132);
/// `DIOCGSECTORSIZE`: `_IOR('d', 133, u_int)`, in bytes.
pub const DIOCGSECTORSIZE: u32 = read::<u32>(b'd', 133);
/// `DIOCGDISKINFO`: `_IOR('d', 127, struct plistref)`.
pub const DIOCGDISKINFO: u32 = read::<Plistref>(b'd', 127);
/// `DIOCGWEDGEINFO`: `_IOR('d', 122, struct dkwedge_info)`.
pub const DIOCGWEDGEINFO: u32 = read::<DkwedgeInfo>(b'd', 122);

/// `IOC_OUT`: the kernel writes.
const IOC_OUT: u32 = 0x4000_0000;
/// `IOC_IN`: the kernel reads.
const IOC_IN: u32 = 0x8000_0000;
/// `IOCPARM_MASK`: bits of a parameter's size.
const IOCPARM_MASK: usize = 0x1fff;

/// `struct plistref`: a text in somebody's memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Plistref {
    /// `pref_plist`.
    pub plist: *mut c_void,
    /// `pref_len`: its bytes, with the NUL.
    pub length: usize,
}

/// `struct dkwedge_info`: what a wedge, or a mapped device, says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct DkwedgeInfo {
    /// `dkw_devname`.
    pub devname: [u8; 16],
    /// `dkw_wname`.
    pub wname: [u8; 128],
    /// `dkw_parent`.
    pub parent: [u8; 16],
    /// `dkw_offset`, in blocks.
    pub offset: i64,
    /// `dkw_size`, in blocks.
    pub size: u64,
    /// `dkw_ptype`.
    pub ptype: [u8; 32],
}

/// `struct kinfo_drivers`: a driver's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct KinfoDrivers {
    /// `d_cmajor`: of its character nodes, or negative.
    pub cmajor: i32,
    /// `d_bmajor`: of its block nodes, or negative.
    pub bmajor: i32,
    /// `d_name`.
    pub name: [u8; 24],
}

const fn read<T>(group: u8, number: u8) -> u32 {
    request(IOC_OUT, group, number, size_of::<T>())
}

const fn read_write<T>(group: u8, number: u8) -> u32 {
    request(IOC_OUT | IOC_IN, group, number, size_of::<T>())
}

/// `_IOC`.
#[allow(clippy::cast_possible_truncation)] // The size is masked to 13 bits.
const fn request(direction: u32, group: u8, number: u8, size: usize) -> u32 {
    direction | (((size & IOCPARM_MASK) as u32) << 16) | ((group as u32) << 8) | number as u32
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    /// As the real kernel's headers have them.
    #[test]
    fn numbers_are_those_of_lp64() {
        assert_eq!(NETBSD_DM_IOCTL, 0xc010_fd00);
        assert_eq!(DIOCGMEDIASIZE, 0x4008_6484);
        assert_eq!(DIOCGSECTORSIZE, 0x4004_6485);
        assert_eq!(DIOCGDISKINFO, 0x4010_647f);
        assert_eq!(DIOCGWEDGEINFO, 0x40d0_647a);
        assert_eq!(size_of::<Plistref>(), 16);
        assert_eq!(size_of::<DkwedgeInfo>(), 208);
        assert_eq!(size_of::<KinfoDrivers>(), 32);
    }
}
