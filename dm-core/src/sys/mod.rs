//! What a kernel does that no safe wrapper asks it for: the one module here with unsafe code.
#![allow(unsafe_code)]

#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
))]
pub(crate) mod ring;

use std::fs::File;
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
))]
use std::os::fd::AsRawFd;

use rustix::ioctl::{Opcode, Setter, ioctl, opcode};
#[cfg(feature = "crypt")]
use rustix::mm::{Advice, madvise};

/// Tells a block device that `length` bytes from byte `at` on are needed no more.
///
/// # Source
/// `BLKDISCARD` of linux/fs.h: `_IO(0x12, 119)`, of two 64-bit numbers.
pub(crate) fn discard(device: &File, at: u64, length: u64) -> rustix::io::Result<()> {
    const DISCARD: Opcode = opcode::none(0x12, 119);
    // SAFETY: the kernel reads two 64-bit numbers, which is what is passed, and writes nothing; a file
    // that is no block device refuses the number.
    unsafe { ioctl(device, Setter::<DISCARD, [u64; 2]>::new([at, length])) }
}

/// Lets a block device write zeroes to `length` bytes from byte `at` on, in its own way if it has one.
///
/// # Source
/// `BLKZEROOUT` of linux/fs.h: `_IO(0x12, 127)`, of two 64-bit numbers. It keeps the space, and changes
/// nothing in the page cache but to drop these pages.
pub(crate) fn zero_out(device: &File, at: u64, length: u64) -> rustix::io::Result<()> {
    const ZERO_OUT: Opcode = opcode::none(0x12, 127);
    // SAFETY: as for `discard`.
    unsafe { ioctl(device, Setter::<ZERO_OUT, [u64; 2]>::new([at, length])) }
}

/// Leaves the pages that `value` lies in out of core dumps, if the kernel can: it must fill them, so that nothing else
/// is left out. They stay so when it is gone.
///
/// # Source
/// `MADV_DONTDUMP` of madvise(2).
#[cfg(feature = "crypt")]
pub(crate) fn leave_out_of_dumps<T: ?Sized>(value: &T) -> rustix::io::Result<()> {
    let (start, bytes) = (std::ptr::from_ref(value), size_of_val(value));
    // SAFETY: this advice changes neither what is in the pages nor whether they are there; the range is that of a
    // value that is alive, and one that does not begin at a page is refused.
    unsafe {
        madvise(
            start.cast::<std::ffi::c_void>().cast_mut(),
            bytes,
            Advice::LinuxDontDump,
        )
    }
}

/// Whether the page cache holds all of `length` bytes from byte `at` on; false where the kernel does not
/// tell.
///
/// # Source
/// cachestat(2), Linux 6.5 and later. It tells of nobody's files but those that the caller could write.
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
))]
pub(crate) fn is_cached(file: &File, at: u64, length: u64) -> bool {
    const CACHESTAT: libc::c_long = 451;
    let range = [at, length];
    // Pages that are there; the other four are of no interest.
    let mut counts = [0_u64; 5];
    // SAFETY: the kernel reads two 64-bit numbers and writes five, which is what it gets; the descriptor
    // is open as long as `file` is borrowed.
    let told = unsafe {
        let (range, counts) = (range.as_ptr(), counts.as_mut_ptr());
        libc::syscall(CACHESTAT, file.as_raw_fd(), range, counts, 0_u32)
    };
    let page = rustix::param::page_size() as u64;
    let wanted = (at + length).div_ceil(page) - at / page;
    told == 0 && counts[0] >= wanted
}

/// The number of this call is another one elsewhere, or was not looked up.
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
)))]
pub(crate) fn is_cached(_: &File, _: u64, _: u64) -> bool {
    false
}
