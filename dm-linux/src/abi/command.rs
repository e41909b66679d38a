//! Requests.

use std::borrow::Cow;
use std::fmt;

use dm_core::table::TableLine;
use dm_core::units::Sector;
use dm_core::version::Version;

use super::bytes::{ByteOrder, Bytes, BytesMut, align};
use super::error::{EncodeError, WireError};
use super::layout::{HEADER, message};
use super::number::{Call, Flags, Payload};
use super::record::{self, NextFrom, TEXT};
use super::view::{Header, View};

/// A request of the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request<'a> {
    /// Which ioctl.
    pub call: Call,
    /// What its header says.
    pub header: Header,
    /// What follows the header.
    pub data: RequestData<'a>,
}

/// The payload of a request.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestData<'a> {
    /// Nothing.
    None,
    /// A table.
    Lines(Cow<'a, [TableLine]>),
    /// A name, a uuid or a geometry.
    Text(Cow<'a, [u8]>),
    /// Words for the target that maps a sector.
    Message(Sector, Cow<'a, str>),
}

impl<'a> Request<'a> {
    /// A request. The count of targets is that of `data`.
    pub fn new(call: Call, mut header: Header, data: RequestData<'a>) -> Request<'a> {
        if let RequestData::Lines(lines) = &data {
            // A table that 32 bits can not count does not fit any buffer either.
            header.target_count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        }
        Request { call, header, data }
    }

    /// The bytes that it needs. The reply may need more.
    ///
    /// # Units
    /// Bytes, a multiple of 8.
    pub fn size(&self) -> usize {
        let data = match &self.data {
            RequestData::None => 0,
            RequestData::Lines(lines) => record::lines_size(lines),
            RequestData::Text(text) => text.len() + 1,
            RequestData::Message(_, text) => message::SIZE + text.len() + 1,
        };
        align(data.saturating_add(HEADER))
    }

    /// The first version of the interface that obeys it.
    pub fn since(&self) -> Version {
        let uuid = match self.call {
            // An older driver would rename the device.
            Call::DevRename if self.header.flags.contains(Flags::UUID) => Version(4, 19, 0),
            _ => Version(4, 0, 0),
        };
        let flags = self.header.flags.since();
        self.call.since().max(flags).max(uuid)
    }

    /// Writes it over all of `out`, all of which the reply may use.
    ///
    /// # Errors
    /// [`EncodeError`]; `out` then holds a part of it.
    pub fn encode(&self, out: &mut [u8], order: ByteOrder) -> Result<(), EncodeError> {
        let limit = out.len();
        let needed = self.size();
        if limit < needed {
            return Err(EncodeError::NoRoom { needed, limit });
        }
        let mut out = BytesMut { slice: out, order };
        self.header.write(&mut out, limit)?;
        let end = match &self.data {
            RequestData::Lines(lines) => align(record::write_lines(
                &mut out,
                HEADER,
                lines,
                NextFrom::This,
            )?),
            _ => HEADER,
        };
        out.clear(end, limit)?;
        match &self.data {
            RequestData::None | RequestData::Lines(_) => Ok(()),
            RequestData::Text(text) => out.set_text(HEADER, &TEXT, text),
            RequestData::Message(sector, text) => {
                record::write_message(&mut out, HEADER, *sector, text)
            }
        }
    }

    /// Reads a request, as the driver does.
    ///
    /// # Errors
    /// [`WireError`] names the field that is wrong.
    pub fn decode(
        call: Call,
        bytes: &[u8],
        order: ByteOrder,
    ) -> Result<Request<'static>, WireError> {
        let view = View::new(bytes, order)?;
        let header = view.header()?;
        // In no bytes a text has no end and a spec no room: the same reads find that.
        let nothing = (Bytes { slice: &[], order }, HEADER);
        let payload = || view.payload().map(|found| found.unwrap_or(nothing));
        let data = match call.request() {
            Payload::Specs => {
                let (bytes, start) = payload()?;
                let count = header.target_count;
                let lines = record::read_lines(bytes, start, count, NextFrom::This)?;
                RequestData::Lines(lines.into())
            }
            Payload::Text => {
                let (bytes, start) = payload()?;
                RequestData::Text(bytes.text(start, &TEXT)?.to_vec().into())
            }
            Payload::Message => {
                let (bytes, start) = payload()?;
                let (sector, text) = record::read_message(bytes, start)?;
                RequestData::Message(sector, text)
            }
            _ => RequestData::None,
        };
        Ok(Request { call, header, data })
    }
}

/// Without the words, which may hold a key.
impl fmt::Debug for RequestData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestData::None => f.write_str("None"),
            RequestData::Lines(lines) => f.debug_tuple("Lines").field(lines).finish(),
            RequestData::Text(text) => write!(f, "Text({})", text.escape_ascii()),
            RequestData::Message(sector, _) => write!(f, "Message({sector}, …)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_reads_back_in_both_orders() {
        let lines = TableLine::parse_table("0 8 zero\n8 16 linear /dev/sda 384").unwrap();
        let header = Header {
            name: b"vol0".into(),
            ..Header::default()
        };
        for (call, data) in [
            (Call::DevStatus, RequestData::None),
            (Call::TableLoad, RequestData::Lines(lines.into())),
            (Call::DevRename, RequestData::Text(b"new"[..].into())),
            (
                Call::TargetMsg,
                RequestData::Message(Sector(7), "drop all".into()),
            ),
        ] {
            let request = Request::new(call, header.clone(), data);
            for order in [ByteOrder::Little, ByteOrder::Big] {
                for more in [0, 8, 1000] {
                    let mut bytes = vec![0xa5; request.size() + more];
                    request.encode(&mut bytes, order).unwrap();
                    assert_eq!(Request::decode(call, &bytes, order), Ok(request.clone()));
                }
            }
        }
    }

    #[test]
    fn too_small_a_buffer_is_refused() {
        let header = Header::default();
        let request = Request::new(Call::DevRename, header, RequestData::Text(b"n"[..].into()));
        let refused = request.encode(&mut [0; HEADER], ByteOrder::NATIVE);
        let (needed, limit) = (320, 312);
        assert_eq!(refused, Err(EncodeError::NoRoom { needed, limit }));
    }

    #[test]
    fn nul_and_long_texts_are_refused() {
        let refused = |name: &[u8], data| {
            let name = name.into();
            let header = Header {
                name,
                ..Header::default()
            };
            let request = Request::new(Call::DevRename, header, data);
            let mut bytes = vec![0; request.size()];
            request.encode(&mut bytes, ByteOrder::NATIVE).unwrap_err()
        };
        let none = || RequestData::None;
        assert_eq!(
            refused(&[b'n'; 128], none()).to_string(),
            "the name has 128 bytes, at most 127 fit"
        );
        assert_eq!(
            refused(b"a\0b", none()).to_string(),
            "the name has a NUL character"
        );
        let text = RequestData::Text(b"a\0b"[..].into());
        assert_eq!(
            refused(b"", text).to_string(),
            "the text has a NUL character"
        );
    }

    #[test]
    fn debug_hides_the_words_of_a_message() {
        let data = RequestData::Message(Sector(0), "key set 00112233".into());
        assert_eq!(format!("{data:?}"), "Message(0, …)");
    }
}
