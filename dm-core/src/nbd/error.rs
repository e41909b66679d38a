//! What can be wrong with bytes, and the protocol's own error numbers.

use thiserror::Error;

use super::constants::error;
use super::option_error::OptionError;
use crate::errno::Errno;

/// Why bytes are no message, or a message can not be bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end too early.
    #[error("{what}: {needed} bytes needed, {found} found")]
    Short {
        /// The message or field.
        what: &'static str,
        /// The bytes that it has.
        needed: usize,
        /// The bytes that are there.
        found: usize,
    },
    /// There are bytes behind the end.
    #[error("{what}: {extra} bytes too many")]
    Trailing {
        /// The message.
        what: &'static str,
        /// The bytes behind its end.
        extra: usize,
    },
    /// The magic is another one; the connection can not go on.
    #[error("{what}: magic {found:#x}")]
    Magic {
        /// The message.
        what: &'static str,
        /// What stands in the magic's place.
        found: u64,
    },
    /// The server speaks the protocol from before options.
    #[error("greeting: server speaks oldstyle")]
    Oldstyle,
    /// The client takes what was not offered.
    #[error("client flags: {flags:#x} were not offered")]
    ClientFlags {
        /// The bits that were not offered.
        flags: u32,
    },
    /// Longer than the protocol or this codec allows.
    #[error("{what}: {length} bytes, at most {limit} allowed")]
    TooLong {
        /// The message or field.
        what: &'static str,
        /// Its length.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// A length that this message can not have.
    #[error("{what}: length {length} is wrong")]
    Length {
        /// The message.
        what: &'static str,
        /// Its length.
        length: u64,
    },
    /// A count that does not fit the payload.
    #[error("{what}: count {count} is wrong")]
    Count {
        /// The message.
        what: &'static str,
        /// The count.
        count: u64,
    },
    /// A string that is not UTF-8.
    #[error("{what}: not UTF-8")]
    NotUtf8 {
        /// The string.
        what: &'static str,
    },
    /// A string with a NUL in it.
    #[error("{what}: holds a NUL")]
    Nul {
        /// The string.
        what: &'static str,
    },
    /// A number that does not fit its field in this framing.
    #[error("{what}: {value} does not fit its field")]
    DoesNotFit {
        /// The field.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// A field that must not be zero is zero.
    #[error("{what} is zero")]
    Zero {
        /// The field.
        what: &'static str,
    },
    /// An option that this codec does not know.
    #[error("unknown option {code}")]
    UnknownOption {
        /// Its code.
        code: u32,
    },
    /// An option reply that this codec does not know.
    #[error("unknown option reply {kind}")]
    UnknownOptionReply {
        /// Its code.
        kind: u32,
    },
    /// Block sizes that break the protocol's rules.
    #[error("block sizes {minimum}, {preferred}, {maximum} are wrong")]
    BlockSizes {
        /// The minimum block size.
        minimum: u32,
        /// The preferred block size.
        preferred: u32,
        /// The maximum payload.
        maximum: u32,
    },
    /// A command that this codec does not know.
    #[error("unknown command {code}")]
    UnknownCommand {
        /// Its code.
        code: u16,
    },
    /// Command flags that the command does not take in this framing.
    #[error("command {command}: flags {flags:#x} not allowed")]
    CommandFlags {
        /// The command's code.
        command: u16,
        /// The bits that it does not take.
        flags: u16,
    },
    /// A range whose end overflows.
    #[error("offset {offset} and length {length} overflow")]
    Range {
        /// The offset.
        offset: u64,
        /// The length.
        length: u64,
    },
    /// The same metadata context twice.
    #[error("metadata context {context} twice")]
    DuplicateContext {
        /// Its number.
        context: u32,
    },
    /// A chunk that this framing does not have.
    #[error("unknown chunk {kind:#x}")]
    UnknownChunk {
        /// Its code.
        kind: u16,
    },
    /// A chunk without payload that is not the last one.
    #[error("empty chunk is not the last one")]
    NotDone,
    /// A message that needs a framing that was not agreed on.
    #[error("{what}: framing was not agreed on")]
    NotAgreed {
        /// The message.
        what: &'static str,
    },
}

impl WireError {
    /// What a server answers to an option that does not parse.
    ///
    /// A request that does not parse is always answered with [`NbdErrno::Invalid`].
    pub fn option_error(&self) -> OptionError {
        match self {
            WireError::UnknownOption { .. } => OptionError::UNSUPPORTED,
            WireError::TooLong { .. } => OptionError::TOO_BIG,
            _ => OptionError::INVALID,
        }
    }
}

/// The errors that the wire has a number for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NbdErrno {
    /// Not permitted, also for a write to a read-only export.
    Permission,
    /// The io failed.
    Io,
    /// No memory.
    NoMemory,
    /// The request is wrong.
    Invalid,
    /// No space, also for a write behind the end.
    NoSpace,
    /// Too large.
    Overflow,
    /// Not supported.
    NotSupported,
    /// The server goes down; the client has to leave.
    Shutdown,
}

/// Each error with its number and errno.
const ERRNOS: &[(NbdErrno, u32, Errno)] = &[
    (NbdErrno::Permission, error::PERMISSION, Errno::EPERM),
    (NbdErrno::Io, error::IO, Errno::EIO),
    (NbdErrno::NoMemory, error::NO_MEMORY, Errno::ENOMEM),
    (NbdErrno::Invalid, error::INVALID, Errno::EINVAL),
    (NbdErrno::NoSpace, error::NO_SPACE, Errno::ENOSPC),
    (NbdErrno::Overflow, error::OVERFLOW, Errno::EOVERFLOW),
    (
        NbdErrno::NotSupported,
        error::NOT_SUPPORTED,
        Errno::EOPNOTSUPP,
    ),
    (NbdErrno::Shutdown, error::SHUTDOWN, Errno::ESHUTDOWN),
];

impl NbdErrno {
    /// The error with the wire's number: none for 0, [`NbdErrno::Invalid`] for a number that the
    /// protocol does not define, as it asks of clients.
    pub fn from_wire(number: u32) -> Option<NbdErrno> {
        if number == 0 {
            return None;
        }
        let row = ERRNOS.iter().find(|row| row.1 == number);
        Some(row.map_or(NbdErrno::Invalid, |row| row.0))
    }

    /// The wire's number.
    pub const fn to_wire(self) -> u32 {
        match self {
            NbdErrno::Permission => error::PERMISSION,
            NbdErrno::Io => error::IO,
            NbdErrno::NoMemory => error::NO_MEMORY,
            NbdErrno::Invalid => error::INVALID,
            NbdErrno::NoSpace => error::NO_SPACE,
            NbdErrno::Overflow => error::OVERFLOW,
            NbdErrno::NotSupported => error::NOT_SUPPORTED,
            NbdErrno::Shutdown => error::SHUTDOWN,
        }
    }
}

impl From<Errno> for NbdErrno {
    /// The nearest error.
    ///
    /// What has no near one is [`NbdErrno::Io`]: a fault of the device must not look like a fault
    /// of the request. `ENXIO` and `ENODEV` are among them and not [`NbdErrno::Shutdown`], since
    /// that ends the client's session, and the next table may bring the device back.
    fn from(errno: Errno) -> NbdErrno {
        match errno {
            Errno::EPERM | Errno::EACCES | Errno::EROFS => NbdErrno::Permission,
            Errno::ENOMEM | Errno::ENOBUFS => NbdErrno::NoMemory,
            Errno::EINVAL | Errno::ERANGE | Errno::E2BIG => NbdErrno::Invalid,
            Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG => NbdErrno::NoSpace,
            Errno::EOVERFLOW => NbdErrno::Overflow,
            Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::ENOTTY => NbdErrno::NotSupported,
            Errno::ESHUTDOWN => NbdErrno::Shutdown,
            _ => NbdErrno::Io,
        }
    }
}

impl From<NbdErrno> for Errno {
    fn from(error: NbdErrno) -> Errno {
        let row = ERRNOS.iter().find(|row| row.0 == error);
        row.map_or(Errno::EIO, |row| row.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errnos_with_a_number_round_trip() {
        let numbers = [1, 5, 12, 22, 28, 75, 95, 108];
        assert_eq!(ERRNOS.len(), numbers.len());
        for ((error, number, errno), expected) in ERRNOS.iter().zip(numbers) {
            assert_eq!(
                (*number, errno.linux()),
                (expected, i32::try_from(expected).unwrap())
            );
            assert_eq!(error.to_wire(), expected);
            assert_eq!(NbdErrno::from_wire(expected), Some(*error));
            assert_eq!(
                (NbdErrno::from(*errno), Errno::from(*error)),
                (*error, *errno)
            );
        }
    }

    #[test]
    fn errnos_without_a_number_go_to_the_nearest() {
        assert_eq!(NbdErrno::from(Errno::EROFS), NbdErrno::Permission);
        assert_eq!(NbdErrno::from(Errno::EDQUOT), NbdErrno::NoSpace);
        assert_eq!(NbdErrno::from(Errno::EFBIG), NbdErrno::NoSpace);
        assert_eq!(NbdErrno::from(Errno::ENXIO), NbdErrno::Io);
        assert_eq!(NbdErrno::from(Errno::EILSEQ), NbdErrno::Io);
        assert_eq!(NbdErrno::from(Errno::from_linux(-7)), NbdErrno::Io);
    }

    #[test]
    fn unknown_number_is_invalid_and_zero_is_none() {
        assert_eq!(NbdErrno::from_wire(0), None);
        assert_eq!(NbdErrno::from_wire(30), Some(NbdErrno::Invalid));
    }

    #[test]
    fn option_that_does_not_parse_has_an_answer() {
        let unknown = WireError::UnknownOption { code: 99 };
        let long = WireError::TooLong {
            what: "option",
            length: 70_000,
            limit: 65_536,
        };
        assert_eq!(unknown.option_error(), OptionError::UNSUPPORTED);
        assert_eq!(long.option_error(), OptionError::TOO_BIG);
        assert_eq!(
            WireError::Nul { what: "name" }.option_error(),
            OptionError::INVALID
        );
    }
}
