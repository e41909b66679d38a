//! Replies.

use dm_core::command::TargetVersion;
use dm_core::devid::DevNo;
use dm_core::table::TableLine;

use super::bytes::{ByteOrder, BytesMut};
use super::error::{EncodeError, Problem, WireError};
use super::layout::{HEADER, HEADER_MIN, ioctl};
use super::number::{Call, Flags, Payload};
use super::record::{self, NextFrom, TEXT};
use super::view::{Header, View};

pub use super::record::NameRecord;

/// A reply of the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// What its header says.
    pub header: Header,
    /// What follows the header.
    pub data: ReplyData,
}

/// The payload of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyData {
    /// Nothing.
    None,
    /// Devices.
    Names(Vec<NameRecord>),
    /// Kinds of targets.
    Versions(Vec<TargetVersion>),
    /// Numbers of the devices that a table stands on.
    Deps(Vec<DevNo>),
    /// A table, or the status of its targets.
    Lines(Vec<TableLine>),
    /// A target's answer to a message.
    Answer(Option<String>),
}

/// Whether a reply fits its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Whole,
    /// It does not: only the header was written, with [`Flags::BUFFER_FULL`].
    Full,
}

impl Reply {
    /// A reply. Its count of targets and its flag for an answer are those of `data`, if it is of
    /// that kind.
    pub fn new(mut header: Header, data: ReplyData) -> Reply {
        match &data {
            ReplyData::Lines(lines) => {
                header.target_count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
            }
            ReplyData::Answer(answer) => header.flags.set(Flags::DATA_OUT, answer.is_some()),
            _ => {}
        }
        Reply { header, data }
    }

    /// Reads the reply to `call`.
    ///
    /// # Errors
    /// [`WireError`] names the field that is wrong; [`Problem::Full`] if the reply did not fit.
    pub fn decode(call: Call, bytes: &[u8], order: ByteOrder) -> Result<Reply, WireError> {
        let view = View::new(bytes, order)?;
        let header = view.header()?;
        if header.flags.contains(Flags::BUFFER_FULL) {
            let (name, at) = (ioctl::FLAGS.name, ioctl::FLAGS.offset);
            return Err(WireError::new(name, at, Problem::Full));
        }
        let payload = match call.reply() {
            Payload::None => None,
            _ => view.payload()?,
        };
        let data = match (call.reply(), payload) {
            (Payload::Names, Some((bytes, start))) => {
                ReplyData::Names(record::read_names(bytes, start, header.version)?)
            }
            (Payload::Names, None) => ReplyData::Names(Vec::new()),
            (Payload::Versions, Some((bytes, start))) => {
                ReplyData::Versions(record::read_versions(bytes, start)?)
            }
            (Payload::Versions, None) => ReplyData::Versions(Vec::new()),
            (Payload::Deps, Some((bytes, start))) => {
                ReplyData::Deps(record::read_deps(bytes, start)?)
            }
            (Payload::Deps, None) => ReplyData::Deps(Vec::new()),
            (Payload::Specs, Some((bytes, start))) => {
                let count = header.target_count;
                ReplyData::Lines(record::read_lines(bytes, start, count, NextFrom::First)?)
            }
            (Payload::Specs, None) => match header.target_count {
                0 => ReplyData::Lines(Vec::new()),
                count => {
                    let (name, at) = (ioctl::TARGET_COUNT.name, ioctl::TARGET_COUNT.offset);
                    let value = count.into();
                    return Err(WireError::new(name, at, Problem::Value { value }));
                }
            },
            (Payload::Text, found) if header.flags.contains(Flags::DATA_OUT) => match found {
                Some((bytes, start)) => ReplyData::Answer(Some(record::read_answer(bytes, start)?)),
                None => {
                    let problem = Problem::Unterminated;
                    return Err(WireError::new(TEXT.name, view.data_start()?, problem));
                }
            },
            (Payload::Text, _) => ReplyData::Answer(None),
            _ => ReplyData::None,
        };
        Ok(Reply { header, data })
    }

    /// Writes it over `out`, as the driver does: only the bytes that count.
    ///
    /// # Errors
    /// [`EncodeError`] for names and numbers that no field holds, and for a buffer that does not
    /// even hold the header.
    pub fn encode(&self, out: &mut [u8], order: ByteOrder) -> Result<Fit, EncodeError> {
        let mut out = BytesMut { slice: out, order };
        let end = match &self.data {
            ReplyData::None | ReplyData::Answer(None) => Ok(HEADER_MIN),
            ReplyData::Lines(lines) if lines.is_empty() => Ok(HEADER_MIN),
            ReplyData::Lines(lines) => {
                record::write_lines(&mut out, HEADER, lines, NextFrom::First)
            }
            ReplyData::Names(records) => record::write_names(&mut out, HEADER, records),
            ReplyData::Versions(kinds) => record::write_versions(&mut out, HEADER, kinds),
            ReplyData::Deps(numbers) => record::write_deps(&mut out, HEADER, numbers),
            ReplyData::Answer(Some(text)) => out
                .set_text(HEADER, &TEXT, text.as_bytes())
                .map(|()| HEADER + text.len() + 1),
        };
        match end {
            Ok(end) => {
                self.header.write(&mut out, end)?;
                Ok(Fit::Whole)
            }
            Err(EncodeError::NoRoom { .. }) => {
                let mut header = self.header.clone();
                header.flags.insert(Flags::BUFFER_FULL);
                header.write(&mut out, HEADER_MIN)?;
                Ok(Fit::Full)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dm_core::names::TargetName;
    use dm_core::version::Version;

    const SDA: DevNo = DevNo { major: 8, minor: 0 };

    fn header() -> Header {
        Header {
            version: Version(4, 48, 0),
            name: b"vol0".into(),
            ..Header::default()
        }
    }

    fn samples() -> Vec<(Call, ReplyData)> {
        let lines = TableLine::parse_table("0 8 zero\n8 16 linear 8:0 384\n24 1 error").unwrap();
        let kind =
            |name, minor| TargetVersion::new(TargetName::new(name).unwrap(), Version(1, minor, 0));
        let mut named = NameRecord::new(*b"vol0", SDA);
        named.event = Some(3);
        let mut both = NameRecord::new(*b"a-longer-name", SDA);
        both.event = Some(0);
        both.uuid = Some(b"LVM-1234".into());
        vec![
            (Call::DevStatus, ReplyData::None),
            (Call::TableStatus, ReplyData::Lines(lines.clone())),
            (Call::DevWait, ReplyData::Lines(lines)),
            (Call::TableStatus, ReplyData::Lines(Vec::new())),
            (Call::TableDeps, ReplyData::Deps(vec![SDA, SDA])),
            (Call::TableDeps, ReplyData::Deps(Vec::new())),
            (
                Call::ListDevices,
                ReplyData::Names(vec![named.clone(), both, named]),
            ),
            (Call::ListDevices, ReplyData::Names(Vec::new())),
            (
                Call::ListVersions,
                ReplyData::Versions(vec![kind("zero", 2), kind("snapshot-origin", 9)]),
            ),
            (Call::ListVersions, ReplyData::Versions(Vec::new())),
            (Call::TargetMsg, ReplyData::Answer(None)),
            (
                Call::TargetMsg,
                ReplyData::Answer(Some("two\nlines\n".into())),
            ),
        ]
    }

    #[test]
    fn reply_reads_back_in_both_orders() {
        for (call, data) in samples() {
            let reply = Reply::new(header(), data);
            for order in [ByteOrder::Little, ByteOrder::Big] {
                let mut bytes = [0xa5; 1024];
                assert_eq!(reply.encode(&mut bytes, order), Ok(Fit::Whole));
                assert_eq!(Reply::decode(call, &bytes, order), Ok(reply.clone()));
            }
        }
    }

    #[test]
    fn reply_that_does_not_fit_says_so() {
        let order = ByteOrder::NATIVE;
        for (call, data) in samples() {
            let reply = Reply::new(header(), data);
            let mut whole = vec![0xa5; 1024];
            reply.encode(&mut whole, order).unwrap();
            let size = View::new(&whole, order).unwrap().data_size().unwrap();
            if size <= HEADER {
                continue;
            }
            let mut bytes = vec![0xa5; size - 1];
            assert_eq!(reply.encode(&mut bytes, order), Ok(Fit::Full), "{call:?}");
            let error = Reply::decode(call, &bytes, order).unwrap_err();
            assert_eq!(error.problem, Problem::Full);
        }
    }

    #[test]
    fn list_of_an_old_driver_has_no_events() {
        let order = ByteOrder::Little;
        let records = vec![NameRecord::new(*b"a", SDA), NameRecord::new(*b"bcdef", SDA)];
        for (minor, read) in [(36, true), (37, true), (38, false)] {
            let version = Version(4, minor, 0);
            let reply = Reply::new(
                Header {
                    version,
                    ..header()
                },
                ReplyData::Names(records.clone()),
            );
            let mut bytes = [0xa5; 512];
            reply.encode(&mut bytes, order).unwrap();
            let found = Reply::decode(Call::ListDevices, &bytes, order);
            match read {
                true => assert_eq!(found, Ok(reply)),
                false => assert_eq!(found.unwrap_err().field, "event_nr"),
            }
        }
    }
}
