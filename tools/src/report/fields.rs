//! Every field of every report.
//!
//! # Source
//! The names, headings and descriptions are those of `dmsetup info -c -o help`.

use dm_core::command::DeviceInfo;
use dm_core::devid::DevNo;
use dm_core::error::DmError;
use dm_core::flags::DeviceFlags;
use dm_linux::mangle::{MangleError, Mode, mangle, unmangle};

use crate::failure::Failure;
use crate::stack::{Device, block_name};
use crate::stats::{Area, Bounds, Values};

use super::cell::Cell;
use super::field::{Field, Group, Kind, SELECTED};
use super::object::{LvmName, Object};

/// The fields, in the order of help and of `all`.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field(Group::Name, Kind::Text, "Name", 16, "name", "Name of mapped device.", |o| name(o, as_it_is)),
    field(Group::Name, Kind::Text, "MangledName", 16, "mangled_name", "Mangled name of mapped device.", |o| name(o, mangled)),
    field(Group::Name, Kind::Text, "UnmangledName", 16, "unmangled_name", "Unmangled name of mapped device.", |o| name(o, unmangled)),
    field(Group::Name, Kind::Text, "UUID", 32, "uuid", "Unique (optional) identifier for mapped device.", |o| uuid(o, as_it_is)),
    field(Group::Name, Kind::Text, "MangledUUID", 32, "mangled_uuid", "Mangled unique (optional) identifier for mapped device.", |o| uuid(o, mangled)),
    field(Group::Name, Kind::Text, "UnmangledUUID", 32, "unmangled_uuid", "Unmangled unique (optional) identifier for mapped device.", |o| uuid(o, unmangled)),
    field(Group::Name, Kind::Number, "RAhead", 6, "read_ahead", "Read ahead value.", |o| Ok(Cell::number(o.read_ahead.map_or(0, |it| it.0)))),
    field(Group::Info, Kind::Text, "BlkDevName", 16, "blkdevname", "Name of block device.", |o| text(o, |info| block_name(info.number))),
    field(Group::Info, Kind::Text, "Stat", 4, "attr", "(L)ive, (I)nactive, (s)uspended, (r)ead-only, read-(w)rite.", |o| text(o, attributes)),
    field(Group::Info, Kind::Text, "Tables", 6, "tables_loaded", "Which of the live and inactive table slots are filled.", |o| text(o, tables)),
    field(Group::Info, Kind::Text, "Suspended", 9, "suspended", "Whether the device is suspended.", |o| text(o, |info| either(info, DeviceFlags::SUSPENDED, "Suspended", "Active"))),
    field(Group::Info, Kind::Text, "Read-only", 9, "readonly", "Whether the device is read-only or writeable.", |o| text(o, |info| either(info, DeviceFlags::READ_ONLY, "Read-only", "Writeable"))),
    field(Group::Info, Kind::Text, "DevNo", 5, "devno", "Device major and minor numbers", |o| text(o, |info| info.number.to_string())),
    field(Group::Info, Kind::Number, "Maj", 3, "major", "Block device major number.", |o| number(o, |info| info.number.major)),
    field(Group::Info, Kind::Number, "Min", 3, "minor", "Block device minor number.", |o| number(o, |info| info.number.minor)),
    field(Group::Info, Kind::Number, "Open", 4, "open", "Number of references to open device, if requested.", |o| number(o, |info| info.open_count)),
    field(Group::Info, Kind::Number, "Targ", 4, "segments", "Number of segments in live table, if present.", |o| number(o, |info| info.target_count)),
    field(Group::Info, Kind::Number, "Event", 6, "events", "Number of most recent event.", |o| number(o, |info| info.event)),
    field(Group::Deps, Kind::Number, "#Devs", 5, "device_count", "Number of devices used by this one.", |o| Ok(Cell::number(o.deps.len() as u64))),
    field(Group::Tree, Kind::Text, "DevNamesUsed", 16, "devs_used", "List of names of mapped devices used by this one.", |o| below(o, |device| device.name().map(str::to_owned))),
    field(Group::Deps, Kind::Text, "DevNosUsed", 16, "devnos_used", "List of device numbers of devices used by this one.", |o| used(o, |number| number.to_string())),
    field(Group::Deps, Kind::Text, "BlkDevNamesUsed", 16, "blkdevs_used", "List of names of block devices used by this one.", |o| used(o, block_name)),
    field(Group::Tree, Kind::Number, "#Refs", 5, "device_ref_count", "Number of mapped devices referencing this one.", |o| Ok(Cell::number(above(o).count() as u64))),
    field(Group::Tree, Kind::Text, "RefNames", 8, "names_using_dev", "List of names of mapped devices using this one.", |o| Ok(join(above(o).filter_map(|device| device.name().map(str::to_owned))))),
    field(Group::Tree, Kind::Text, "RefDevNos", 9, "devnos_using_dev", "List of device numbers of mapped devices using this one.", |o| Ok(join(above(o).map(|device| device.number.to_string())))),
    field(Group::Split, Kind::Text, "Subsys", 6, "subsystem", "Userspace subsystem responsible for this device.", |o| part(o, |name| &name.subsystem)),
    field(Group::Split, Kind::Text, "VG", 4, "vg_name", "LVM Volume Group name.", |o| part(o, |name| &name.group)),
    field(Group::Split, Kind::Text, "LV", 4, "lv_name", "LVM Logical Volume name.", |o| part(o, |name| &name.volume)),
    field(Group::Split, Kind::Text, "LVLayer", 7, "lv_layer", "LVM device layer.", |o| part(o, |name| &name.layer)),
    field(Group::Stats, Kind::Number, "#Reads", 6, "read_count", "Count of reads completed.", |o| count(o, |area| area.counters.reads.count)),
    field(Group::Stats, Kind::Number, "#RdMrgs", 7, "reads_merged_count", "Count of read requests merged.", |o| count(o, |area| area.counters.reads.merged)),
    field(Group::Stats, Kind::Number, "#RdSectors", 10, "read_sector_count", "Count of sectors read.", |o| count(o, |area| area.counters.reads.sectors)),
    field(Group::Stats, Kind::Number, "AccRdTime", 11, "read_time", "Accumulated duration of all read requests (ns).", |o| count(o, |area| area.counters.reads.time)),
    field(Group::Stats, Kind::Number, "#Writes", 7, "write_count", "Count of writes completed.", |o| count(o, |area| area.counters.writes.count)),
    field(Group::Stats, Kind::Number, "#WrMrgs", 7, "writes_merged_count", "Count of write requests merged.", |o| count(o, |area| area.counters.writes.merged)),
    field(Group::Stats, Kind::Number, "#WrSectors", 10, "write_sector_count", "Count of sectors written.", |o| count(o, |area| area.counters.writes.sectors)),
    field(Group::Stats, Kind::Number, "AccWrTime", 11, "write_time", "Accumulated duration of all writes (ns).", |o| count(o, |area| area.counters.writes.time)),
    field(Group::Stats, Kind::Number, "#InProg", 7, "in_progress_count", "Count of requests currently in progress.", |o| count(o, |area| area.counters.in_flight)),
    field(Group::Stats, Kind::Number, "IoTicks", 7, "io_ticks", "Nanoseconds spent servicing requests.", |o| count(o, |area| area.counters.io_ticks)),
    field(Group::Stats, Kind::Number, "QueueTicks", 10, "queue_ticks", "Total nanoseconds spent in queue.", |o| count(o, |area| area.counters.queue_ticks)),
    field(Group::Stats, Kind::Number, "RdTicks", 7, "read_ticks", "Nanoseconds spent servicing reads.", |o| count(o, |area| area.counters.read_ticks)),
    field(Group::Stats, Kind::Number, "WrTicks", 7, "write_ticks", "Nanoseconds spent servicing writes.", |o| count(o, |area| area.counters.write_ticks)),
    field(Group::Stats, Kind::Number, "RMrg/s", 6, "reads_merged_per_sec", "Read requests merged per second.", |o| metric(o, |area| area.per_interval(area.counters.reads.merged))),
    field(Group::Stats, Kind::Number, "WMrg/s", 6, "writes_merged_per_sec", "Write requests merged per second.", |o| metric(o, |area| area.per_interval(area.counters.writes.merged))),
    field(Group::Stats, Kind::Number, "R/s", 3, "reads_per_sec", "Reads per second.", |o| metric(o, |area| area.per_second(area.counters.reads.count))),
    field(Group::Stats, Kind::Number, "W/s", 3, "writes_per_sec", "Writes per second.", |o| metric(o, |area| area.per_second(area.counters.writes.count))),
    field(Group::Stats, Kind::Number, "RSz/s", 5, "read_size_per_sec", "Size of data read per second.", |o| size(o, |area| area.per_second(area.counters.reads.sectors))),
    field(Group::Stats, Kind::Number, "WSz/s", 5, "write_size_per_sec", "Size of data written per second.", |o| size(o, |area| area.per_second(area.counters.writes.sectors))),
    field(Group::Stats, Kind::Number, "AvgRqSz", 7, "avg_request_size", "Average request size.", |o| size(o, |area| area.request_size())),
    field(Group::Stats, Kind::Number, "QSize", 5, "queue_size", "Average queue size.", |o| metric(o, |area| area.queue_size())),
    field(Group::Stats, Kind::Number, "AWait", 5, "await", "Average wait time.", |o| metric(o, |area| area.wait())),
    field(Group::Stats, Kind::Number, "RdAWait", 7, "read_await", "Average read wait time.", |o| metric(o, |area| area.read_wait())),
    field(Group::Stats, Kind::Number, "WrAWait", 7, "write_await", "Average write wait time.", |o| metric(o, |area| area.write_wait())),
    field(Group::Stats, Kind::Number, "Throughput", 10, "throughput", "Throughput.", |o| metric(o, |area| area.throughput())),
    field(Group::Stats, Kind::Number, "SvcTm", 5, "service_time", "Service time.", |o| metric(o, |area| area.service_time())),
    field(Group::Stats, Kind::Number, "Util%", 5, "util", "Utilization.", |o| metric(o, |area| area.utilization())),
    field(Group::Stats, Kind::Text, "Histogram Counts", 16, "hist_count", "Latency histogram counts.", |o| of_area(o, |area| Cell::text(area.histogram(Values::Counts, Bounds::None)))),
    field(Group::Stats, Kind::Text, "Histogram Counts", 16, "hist_count_bounds", "Latency histogram counts with bin boundaries.", |o| of_area(o, |area| Cell::text(area.histogram(Values::Counts, Bounds::Lower)))),
    field(Group::Stats, Kind::Text, "Histogram Counts", 16, "hist_count_ranges", "Latency histogram counts with bin ranges.", |o| of_area(o, |area| Cell::text(area.histogram(Values::Counts, Bounds::Range)))),
    field(Group::Stats, Kind::Text, "Histogram%", 10, "hist_percent", "Relative latency histogram.", |o| of_area(o, |area| Cell::text(area.histogram(Values::Percent, Bounds::None)))),
    field(Group::Stats, Kind::Text, "Histogram%", 10, "hist_percent_bounds", "Relative latency histogram with bin boundaries.", |o| of_area(o, |area| Cell::text(area.histogram(Values::Percent, Bounds::Lower)))),
    field(Group::Stats, Kind::Text, "Histogram%", 10, "hist_percent_ranges", "Relative latency histogram with bin ranges.", |o| of_area(o, |area| Cell::text(area.histogram(Values::Percent, Bounds::Range)))),
    field(Group::Stats, Kind::Number, "IntervalNs", 10, "interval_ns", "Sampling interval in nanoseconds.", |o| count(o, |area| area.interval)),
    field(Group::Stats, Kind::Number, "Interval", 8, "interval", "Sampling interval.", |o| of_area(o, |area| area.interval_seconds())),
    field(Group::Region, Kind::Number, "RgID", 4, "region_id", "Region ID.", |o| of_area(o, Area::region_cell)),
    field(Group::Region, Kind::Size, "RgStart", 7, "region_start", "Region start.", |o| size(o, |area| area.region.range.start as f64)),
    field(Group::Region, Kind::Size, "RgSize", 6, "region_len", "Region length.", |o| size(o, |area| area.region_length() as f64)),
    field(Group::Region, Kind::Number, "ArID", 4, "area_id", "Area ID.", |o| count(o, |area| area.id)),
    field(Group::Region, Kind::Size, "ArStart", 7, "area_start", "Area offset from start of device.", |o| size(o, |area| area.range.start as f64)),
    field(Group::Region, Kind::Size, "ArSize", 6, "area_len", "Area length.", |o| size(o, |area| area.range.length as f64)),
    field(Group::Region, Kind::Size, "ArOff", 5, "area_offset", "Area offset from start of region.", |o| size(o, |area| area.offset() as f64)),
    field(Group::Region, Kind::Number, "#Areas", 6, "area_count", "Area count.", |o| count(o, Area::count)),
    field(Group::Region, Kind::Number, "GrpID", 5, "group_id", "Group ID.", |o| of_area(o, Area::group_cell)),
    field(Group::Region, Kind::Text, "ProgID", 6, "program_id", "Program ID.", |o| of_area(o, |area| Cell::text(&*area.region.program))),
    field(Group::Region, Kind::Text, "UserData", 8, "user_data", "Auxiliary data.", |o| of_area(o, |area| Cell::text(&*area.region.user_data))),
    field(Group::Region, Kind::Text, "Precise", 7, "precise", "Set if nanosecond precision counters are enabled.", |o| of_area(o, |area| Cell::text(u8::from(area.region.precise).to_string()))),
    field(Group::Region, Kind::Text, "#Bins", 9, "hist_bins", "The number of histogram bins configured.", |o| of_area(o, |area| Cell::text(area.region.bins().to_string()))),
    field(Group::Region, Kind::Text, "Histogram Bounds", 16, "hist_bounds", "Latency histogram bin boundaries.", |o| of_area(o, |area| Cell::text(area.histogram(Values::None, Bounds::Lower)))),
    field(Group::Region, Kind::Text, "Histogram Ranges", 16, "hist_ranges", "Latency histogram bin ranges.", |o| of_area(o, |area| Cell::text(area.histogram(Values::None, Bounds::Range)))),
    field(Group::Region, Kind::Text, "Name", 16, "stats_name", "Stats name of current object.", |o| of_area(o, |area| Cell::text(area.name()))),
    field(Group::Region, Kind::Text, "ObjType", 7, "obj_type", "Type of stats object being reported.", |o| of_area(o, |area| Cell::text(area.kind.word()))),
    // The report fills it in.
    field(Group::Special, Kind::Number, "Selected", 8, SELECTED, "Set if item passes selection criteria.", |_| Ok(Cell::number(1_u64))),
    field(Group::Special, Kind::Number, "Help", 8, "help", "Show help.", |_| Ok(Cell::text(""))),
    field(Group::Special, Kind::Number, "Help", 8, "?", "Show help.", |_| Ok(Cell::text(""))),
];

type Read = fn(&Object<'_>) -> Result<Cell, Failure>;

const fn field(
    group: Group,
    kind: Kind,
    heading: &'static str,
    width: usize,
    id: &'static str,
    about: &'static str,
    read: Read,
) -> Field {
    Field {
        group,
        kind,
        heading,
        width,
        id,
        about,
        read,
    }
}

/// How a name or a uuid is shown.
type Write = fn(&str) -> Result<String, MangleError>;

fn name(object: &Object<'_>, write: Write) -> Result<Cell, Failure> {
    named(object.info.map(|info| info.name.as_str()), write)
}

fn uuid(object: &Object<'_>, write: Write) -> Result<Cell, Failure> {
    let uuid = object.info.and_then(|info| info.uuid.as_ref());
    named(uuid.map(|uuid| uuid.as_str()), write)
}

fn named(name: Option<&str>, write: Write) -> Result<Cell, Failure> {
    let written = name.map(write).transpose().map_err(DmError::from)?;
    Ok(Cell::text(written.unwrap_or_default()))
}

/// A name as Linux's driver has it, or is to have it.
fn mangled(name: &str) -> Result<String, MangleError> {
    let mode = Mode::now();
    let written = match mode {
        Mode::None => mangle(name),
        mode => mode.write(name),
    };
    match written {
        Ok(mangled) => Ok(mangled.into_owned()),
        Err(error @ MangleError::Mixed { .. }) if mode == Mode::None => Err(error),
        // It came from the driver like this.
        Err(_) => Ok(name.to_owned()),
    }
}

/// A name as it was read.
fn as_it_is(name: &str) -> Result<String, MangleError> {
    Ok(name.to_owned())
}

/// A name as it is meant.
fn unmangled(name: &str) -> Result<String, MangleError> {
    match Mode::now() {
        // It was read as the driver has it.
        Mode::None => Ok(unmangle(name.as_bytes())),
        _ => as_it_is(name),
    }
}

fn text(object: &Object<'_>, say: impl Fn(&DeviceInfo) -> String) -> Result<Cell, Failure> {
    Ok(Cell::text(object.info.map(say).unwrap_or_default()))
}

fn number(object: &Object<'_>, say: fn(&DeviceInfo) -> u32) -> Result<Cell, Failure> {
    Ok(Cell::number(object.info.map(say).unwrap_or_default()))
}

fn either(info: &DeviceInfo, flag: DeviceFlags, yes: &str, no: &str) -> String {
    let word = if info.flags.contains(flag) { yes } else { no };
    word.to_owned()
}

fn attributes(info: &DeviceInfo) -> String {
    let letter = |flag, yes, no| match info.flags.contains(flag) {
        true => yes,
        false => no,
    };
    [
        letter(DeviceFlags::ACTIVE_PRESENT, 'L', '-'),
        letter(DeviceFlags::INACTIVE_PRESENT, 'I', '-'),
        letter(DeviceFlags::SUSPENDED, 's', '-'),
        letter(DeviceFlags::READ_ONLY, 'r', 'w'),
    ]
    .iter()
    .collect()
}

fn tables(info: &DeviceInfo) -> String {
    let has = |flag| info.flags.contains(flag);
    let word = match (
        has(DeviceFlags::ACTIVE_PRESENT),
        has(DeviceFlags::INACTIVE_PRESENT),
    ) {
        (true, true) => "Both",
        (true, false) => "Live",
        (false, true) => "Inactive",
        (false, false) => "None",
    };
    word.to_owned()
}

fn join(words: impl Iterator<Item = String>) -> Cell {
    Cell::text(words.collect::<Vec<_>>().join(","))
}

fn used(object: &Object<'_>, say: fn(DevNo) -> String) -> Result<Cell, Failure> {
    Ok(join(object.deps.iter().map(|dep| say(dep.number))))
}

fn below(object: &Object<'_>, say: fn(&Device) -> Option<String>) -> Result<Cell, Failure> {
    let place = object.stack.zip(object.info);
    let below = place
        .into_iter()
        .flat_map(|(stack, info)| stack.below(info.number));
    Ok(join(below.filter_map(say)))
}

fn above<'a>(object: &Object<'a>) -> impl Iterator<Item = &'a Device> + use<'a> {
    let place = object.stack.zip(object.info);
    place
        .into_iter()
        .flat_map(|(stack, info)| stack.above(info.number))
}

fn part(object: &Object<'_>, say: fn(&LvmName) -> &String) -> Result<Cell, Failure> {
    Ok(Cell::text(
        object.name.map(say).cloned().unwrap_or_default(),
    ))
}

fn of_area(object: &Object<'_>, say: impl Fn(&Area) -> Cell) -> Result<Cell, Failure> {
    Ok(object.area.map(say).unwrap_or_else(|| Cell::text("")))
}

fn count(object: &Object<'_>, say: fn(&Area) -> u64) -> Result<Cell, Failure> {
    of_area(object, |area| Cell::number(say(area)))
}

fn metric(object: &Object<'_>, say: fn(&Area) -> f64) -> Result<Cell, Failure> {
    of_area(object, |area| {
        let value = say(area);
        Cell::shown(format!("{value:.2}"), value)
    })
}

fn size(object: &Object<'_>, say: fn(&Area) -> f64) -> Result<Cell, Failure> {
    of_area(object, |area| {
        let sectors = say(area);
        Cell::shown(area.units.show(sectors), sectors)
    })
}
