//! What requests ask for.

use super::constants::request;
use super::flags::CommandFlags;
use super::unit::Framing;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CommandKind {
    /// Read.
    Read,
    /// Write the payload.
    Write,
    /// End the session; has no reply.
    Disconnect,
    /// Put on stable storage what was written.
    Flush,
    /// Forget the data, as a hint.
    Trim,
    /// Read ahead.
    Cache,
    /// Make it read as zeroes.
    WriteZeroes,
    /// Tell the extents of the chosen metadata contexts.
    BlockStatus,
}

impl CommandKind {
    /// The command with the wire's number.
    pub const fn from_wire(code: u16) -> Option<CommandKind> {
        Some(match code {
            request::READ => CommandKind::Read,
            request::WRITE => CommandKind::Write,
            request::DISCONNECT => CommandKind::Disconnect,
            request::FLUSH => CommandKind::Flush,
            request::TRIM => CommandKind::Trim,
            request::CACHE => CommandKind::Cache,
            request::WRITE_ZEROES => CommandKind::WriteZeroes,
            request::BLOCK_STATUS => CommandKind::BlockStatus,
            _ => return None,
        })
    }

    /// The wire's number.
    pub const fn to_wire(self) -> u16 {
        match self {
            CommandKind::Read => request::READ,
            CommandKind::Write => request::WRITE,
            CommandKind::Disconnect => request::DISCONNECT,
            CommandKind::Flush => request::FLUSH,
            CommandKind::Trim => request::TRIM,
            CommandKind::Cache => request::CACHE,
            CommandKind::WriteZeroes => request::WRITE_ZEROES,
            CommandKind::BlockStatus => request::BLOCK_STATUS,
        }
    }

    /// The flags that the command takes. Clients set FUA on any command.
    pub fn flags(self, framing: Framing) -> CommandFlags {
        let own = match (self, framing) {
            (CommandKind::Read, Framing::Structured | Framing::Extended) => CommandFlags::DF,
            (CommandKind::WriteZeroes, _) => CommandFlags::NO_HOLE | CommandFlags::FAST_ZERO,
            (CommandKind::BlockStatus, Framing::Structured) => CommandFlags::REQ_ONE,
            (CommandKind::BlockStatus, Framing::Extended) => {
                CommandFlags::REQ_ONE | CommandFlags::PAYLOAD_LEN
            }
            _ => CommandFlags::empty(),
        };
        own | CommandFlags::FUA
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_the_numbers_0_to_7() {
        for code in 0..=7 {
            assert_eq!(
                CommandKind::from_wire(code).map(CommandKind::to_wire),
                Some(code)
            );
        }
        assert_eq!(CommandKind::from_wire(8), None);
    }

    #[test]
    fn flags_depend_on_command_and_framing() {
        let all = CommandFlags::all();
        let read = CommandKind::Read.flags(Framing::Simple);
        assert_eq!(read, CommandFlags::FUA);
        let read = CommandKind::Read.flags(Framing::Extended);
        assert_eq!(read, CommandFlags::FUA | CommandFlags::DF);
        let zeroes = CommandKind::WriteZeroes.flags(Framing::Simple);
        let status = CommandKind::BlockStatus.flags(Framing::Extended);
        assert_eq!(read | zeroes | status, all);
        assert_eq!(zeroes & status & read, CommandFlags::FUA);
    }
}
