//! Why options fail.

use core::fmt;

use super::constants::option_reply;

/// Why an option failed; the number has the error bit, and may be unknown.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OptionError(u32);

impl OptionError {
    /// The server does not know the option.
    pub const UNSUPPORTED: OptionError = OptionError::numbered(1);
    /// The server's rules forbid the option.
    pub const POLICY: OptionError = OptionError::numbered(2);
    /// The option is wrong.
    pub const INVALID: OptionError = OptionError::numbered(3);
    /// The server's platform or build can not do it.
    pub const PLATFORM: OptionError = OptionError::numbered(4);
    /// Only under TLS.
    pub const TLS_REQUIRED: OptionError = OptionError::numbered(5);
    /// No such export.
    pub const UNKNOWN_EXPORT: OptionError = OptionError::numbered(6);
    /// The server goes down.
    pub const SHUTDOWN: OptionError = OptionError::numbered(7);
    /// Only for a client that asks for [`InfoKind::BLOCK_SIZE`](super::InfoKind::BLOCK_SIZE).
    pub const BLOCK_SIZE_REQUIRED: OptionError = OptionError::numbered(8);
    /// The request or its reply is too large.
    pub const TOO_BIG: OptionError = OptionError::numbered(9);
    /// Only with extended headers.
    pub const EXTENDED_HEADERS_REQUIRED: OptionError = OptionError::numbered(10);

    const fn numbered(number: u32) -> OptionError {
        OptionError(option_reply::ERROR | number)
    }

    /// The error with the reply number `kind`, if that is an error's.
    pub const fn from_wire(kind: u32) -> Option<OptionError> {
        if kind & option_reply::ERROR == 0 {
            None
        } else {
            Some(OptionError(kind))
        }
    }

    /// The reply number.
    pub const fn to_wire(self) -> u32 {
        self.0
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            OptionError::UNSUPPORTED => "option not supported",
            OptionError::POLICY => "forbidden by the server",
            OptionError::INVALID => "option invalid",
            OptionError::PLATFORM => "not supported on the server's platform",
            OptionError::TLS_REQUIRED => "TLS required",
            OptionError::UNKNOWN_EXPORT => "no such export",
            OptionError::SHUTDOWN => "server is shutting down",
            OptionError::BLOCK_SIZE_REQUIRED => "block sizes must be asked for",
            OptionError::TOO_BIG => "option too big",
            OptionError::EXTENDED_HEADERS_REQUIRED => "extended headers required",
            OptionError(kind) => return write!(f, "option error {}", kind & !option_reply::ERROR),
        })
    }
}

impl fmt::Debug for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OptionError({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn unknown_error_has_its_number() {
        assert_eq!(OptionError::from_wire(option_reply::ACK), None);
        let unknown = OptionError::from_wire(0x8000_000b).unwrap();
        assert_eq!(unknown.to_string(), "option error 11");
    }
}
