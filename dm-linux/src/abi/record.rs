//! The records of payloads.

use std::borrow::Cow;

use dm_core::command::TargetVersion;
use dm_core::devid::DevNo;
use dm_core::names::TargetName;
use dm_core::table::TableLine;
use dm_core::units::{Sector, SectorCount};
use dm_core::version::Version;

use super::bytes::{Bytes, BytesMut, Encoded, align};
use super::error::{EncodeError, Problem, WireError};
use super::layout::{
    ALIGN, Field, LIST_EVENT, LIST_EVENT_MAYBE, LIST_HAS_UUID, LIST_NO_UUID, deps, message,
    name_list, spec, versions,
};

/// A device in the driver's list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameRecord {
    /// Its name.
    pub name: Vec<u8>,
    /// Its number.
    pub number: DevNo,
    /// Its event number, if the driver tells.
    pub event: Option<u32>,
    /// Its uuid, if it has one and the driver tells.
    pub uuid: Option<Vec<u8>>,
}

/// What a spec's `next` counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextFrom {
    /// Its own spec: in a load.
    This,
    /// The first spec: in a reply.
    First,
}

impl NameRecord {
    /// A device in the list, of which no more is told.
    pub fn new(name: impl Into<Vec<u8>>, number: DevNo) -> NameRecord {
        NameRecord {
            name: name.into(),
            number,
            event: None,
            uuid: None,
        }
    }
}

/// Checks that the record after the one that ends at `end` starts at `value`.
fn follow(name: &'static str, at: usize, value: usize, end: usize) -> Result<usize, WireError> {
    if value < end {
        return Err(WireError::new(name, at, Problem::Overlap { value, end }));
    }
    if !value.is_multiple_of(ALIGN) {
        return Err(WireError::new(name, at, Problem::Unaligned { value }));
    }
    Ok(value)
}

/// A text that the command's types hold as UTF-8.
fn utf8<'a>(text: &'a [u8], at: usize, field: &Field) -> Result<&'a str, WireError> {
    str::from_utf8(text)
        .map_err(|_| WireError::new(field.name, at + field.offset, Problem::NotText))
}

fn target_name(text: &[u8], at: usize, field: &Field) -> Result<TargetName, WireError> {
    TargetName::new(utf8(text, at, field)?)
        .map_err(|error| WireError::new(field.name, at + field.offset, Problem::Name(error)))
}

pub(super) fn read_lines(
    bytes: Bytes<'_>,
    start: usize,
    count: u32,
    from: NextFrom,
) -> Result<Vec<TableLine>, WireError> {
    let mut lines = Vec::new();
    let mut at = start;
    for number in 0..count {
        let target = bytes.text(at, &spec::TARGET_TYPE)?;
        let params = bytes.text(at, &spec::PARAMS)?;
        lines.push(TableLine {
            start: Sector(bytes.u64(at, &spec::SECTOR_START)?),
            length: SectorCount(bytes.u64(at, &spec::LENGTH)?),
            target: target_name(target, at, &spec::TARGET_TYPE)?,
            params: utf8(params, at, &spec::PARAMS)?.into(),
        });
        if number + 1 < count {
            let next = bytes.size(at, &spec::NEXT)?;
            let base = match from {
                NextFrom::This => at,
                NextFrom::First => start,
            };
            let end = at + spec::SIZE + params.len() + 1;
            let next = base.saturating_add(next);
            at = follow(spec::NEXT.name, at + spec::NEXT.offset, next, end)?;
        }
    }
    Ok(lines)
}

/// Writes specs, and gives the end of the last one's parameters.
pub(super) fn write_lines(
    out: &mut BytesMut<'_>,
    start: usize,
    lines: &[TableLine],
    from: NextFrom,
) -> Result<usize, EncodeError> {
    let (mut at, mut end) = (start, start);
    for line in lines {
        end = at + spec::SIZE + line.params.len() + 1;
        let next = align(end);
        out.clear(at, next)?;
        out.set_u64(at, &spec::SECTOR_START, line.start.0)?;
        out.set_u64(at, &spec::LENGTH, line.length.0)?;
        let base = match from {
            NextFrom::This => at,
            NextFrom::First => start,
        };
        out.set_size(at, &spec::NEXT, next - base)?;
        out.set_text(at, &spec::TARGET_TYPE, line.target.as_str().as_bytes())?;
        out.set_text(at, &spec::PARAMS, line.params.as_bytes())?;
        at = next;
    }
    Ok(end)
}

/// Bytes of the specs of `lines`.
pub(super) fn lines_size(lines: &[TableLine]) -> usize {
    lines
        .iter()
        .map(|line| align(spec::SIZE + line.params.len() + 1))
        .fold(0, usize::saturating_add)
}

pub(super) fn read_names(
    bytes: Bytes<'_>,
    start: usize,
    version: Version,
) -> Result<Vec<NameRecord>, WireError> {
    let mut records = Vec::new();
    let mut at = start;
    loop {
        let Some(number) = bytes.dev(at, &name_list::DEV)? else {
            if records.is_empty() {
                return Ok(records);
            }
            let (name, at) = (name_list::DEV.name, at + name_list::DEV.offset);
            return Err(WireError::new(name, at, Problem::Value { value: 0 }));
        };
        let next = bytes.size(at, &name_list::NEXT)?;
        let next_at = at + name_list::NEXT.offset;
        let name = bytes.text(at, &name_list::NAME)?;
        let end = at + name_list::NAME.offset + name.len() + 1;
        let following = match next {
            0 => None,
            _ => Some(follow(
                name_list::NEXT.name,
                next_at,
                at.saturating_add(next),
                end,
            )?),
        };
        let mut record = NameRecord::new(name, number);
        let within = following.map_or(bytes, |following| bytes.until(following));
        let tail = align(end);
        let room = within.slice.len() >= tail + name_list::UUID.offset;
        if version >= LIST_EVENT || (version >= LIST_EVENT_MAYBE && room) {
            record.event = Some(within.u32(tail, &name_list::EVENT_NR)?);
            if within.u32(tail, &name_list::FLAGS)? & LIST_HAS_UUID != 0 {
                record.uuid = Some(within.text(tail, &name_list::UUID)?.into());
            }
        }
        records.push(record);
        match following {
            Some(following) => at = following,
            None => return Ok(records),
        }
    }
}

pub(super) fn write_names(
    out: &mut BytesMut<'_>,
    start: usize,
    records: &[NameRecord],
) -> Result<usize, EncodeError> {
    let mut at = start;
    for (place, record) in records.iter().enumerate() {
        let tail = align(at + name_list::NAME.offset + record.name.len() + 1);
        let next = match (record.event, &record.uuid) {
            (None, _) => tail,
            (Some(_), None) => tail + name_list::UUID.offset,
            (Some(_), Some(uuid)) => align(tail + name_list::UUID.offset + uuid.len() + 1),
        };
        out.clear(at, next)?;
        out.set_dev(at, &name_list::DEV, Some(record.number))?;
        if place + 1 < records.len() {
            out.set_size(at, &name_list::NEXT, next - at)?;
        }
        out.set_text(at, &name_list::NAME, &record.name)?;
        if let Some(event) = record.event {
            out.set_u32(tail, &name_list::EVENT_NR, event)?;
            match &record.uuid {
                Some(uuid) => {
                    out.set_u32(tail, &name_list::FLAGS, LIST_HAS_UUID)?;
                    out.set_text(tail, &name_list::UUID, uuid)?;
                }
                None => out.set_u32(tail, &name_list::FLAGS, LIST_NO_UUID)?,
            }
        }
        at = next;
    }
    Ok(at)
}

pub(super) fn read_versions(
    bytes: Bytes<'_>,
    start: usize,
) -> Result<Vec<TargetVersion>, WireError> {
    let mut kinds = Vec::new();
    let mut at = start;
    loop {
        let next = bytes.size(at, &versions::NEXT)?;
        let name = bytes.text(at, &versions::NAME)?;
        kinds.push(TargetVersion::new(
            target_name(name, at, &versions::NAME)?,
            bytes.version(at, &versions::VERSION)?,
        ));
        if next == 0 {
            return Ok(kinds);
        }
        let end = at + versions::SIZE + name.len() + 1;
        let place = at + versions::NEXT.offset;
        at = follow(versions::NEXT.name, place, at.saturating_add(next), end)?;
    }
}

pub(super) fn write_versions(
    out: &mut BytesMut<'_>,
    start: usize,
    kinds: &[TargetVersion],
) -> Result<usize, EncodeError> {
    let mut at = start;
    for (place, kind) in kinds.iter().enumerate() {
        let name = kind.name.as_str().as_bytes();
        let next = align(at + versions::SIZE + name.len() + 1);
        out.clear(at, next)?;
        if place + 1 < kinds.len() {
            out.set_size(at, &versions::NEXT, next - at)?;
        }
        out.set_version(at, &versions::VERSION, kind.version)?;
        out.set_text(at, &versions::NAME, name)?;
        at = next;
    }
    Ok(at)
}

pub(super) fn read_deps(bytes: Bytes<'_>, start: usize) -> Result<Vec<DevNo>, WireError> {
    let count = bytes.size(start, &deps::COUNT)?;
    let end = start
        .saturating_add(deps::SIZE)
        .saturating_add(count.saturating_mul(deps::DEV_SIZE));
    if end > bytes.slice.len() {
        return Err(bytes.past_end(deps::COUNT.name, start + deps::COUNT.offset, end));
    }
    (0..count)
        .map(|place| {
            let at = start + place * deps::DEV_SIZE;
            let none = DevNo { major: 0, minor: 0 };
            Ok(bytes.dev(at, &deps::DEV)?.unwrap_or(none))
        })
        .collect()
}

pub(super) fn write_deps(
    out: &mut BytesMut<'_>,
    start: usize,
    numbers: &[DevNo],
) -> Result<usize, EncodeError> {
    let end = start + deps::SIZE + numbers.len() * deps::DEV_SIZE;
    out.clear(start, end)?;
    out.set_size(start, &deps::COUNT, numbers.len())?;
    for (place, number) in numbers.iter().enumerate() {
        out.set_dev(start + place * deps::DEV_SIZE, &deps::DEV, Some(*number))?;
    }
    Ok(end)
}

pub(super) fn read_message(
    bytes: Bytes<'_>,
    start: usize,
) -> Result<(Sector, Cow<'static, str>), WireError> {
    let sector = Sector(bytes.u64(start, &message::SECTOR)?);
    let text = utf8(
        bytes.text(start, &message::MESSAGE)?,
        start,
        &message::MESSAGE,
    )?;
    Ok((sector, text.to_owned().into()))
}

pub(super) fn write_message(
    out: &mut BytesMut<'_>,
    start: usize,
    sector: Sector,
    text: &str,
) -> Encoded {
    out.set_u64(start, &message::SECTOR, sector.0)?;
    out.set_text(start, &message::MESSAGE, text.as_bytes())
}

/// One text as the whole payload: in a rename, and in the answer to a message.
pub(super) const TEXT: Field = Field {
    name: "text",
    offset: 0,
    size: 0,
};

/// The answer to a message.
pub(super) fn read_answer(bytes: Bytes<'_>, start: usize) -> Result<String, WireError> {
    Ok(utf8(bytes.text(start, &TEXT)?, start, &TEXT)?.into())
}
