//! Disklabels as JSON.

use dm_core::disklabel::{Found, Label, MbrPartition, Port, Survey};
use serde_json::{Value, json};

use crate::output::Answer;

/// The fields of an answer that say what is on a disk.
pub(super) fn survey(answer: &mut Answer, survey: &Survey) {
    let partition = |partition: &MbrPartition| {
        json!({
            "number": partition.number,
            "type": partition.kind.0,
            "active": partition.active,
            "start": partition.range.start().0,
            "length": partition.range.length().0,
        })
    };
    let mbr = survey.mbr.as_ref();
    let partitions = mbr.map(|mbr| mbr.partitions.iter().map(partition).collect::<Value>());
    answer.field("sectors", survey.size.map(|size| size.0));
    answer.field("mbr", partitions);
    answer.field("labels", survey.labels.iter().map(found).collect::<Value>());
}

fn found(found: &Found) -> Value {
    let ports: Vec<&str> = found.ports().map(Port::name).collect();
    let mut value = label(&found.label);
    value["sector"] = found.sector().0.into();
    value["byte"] = found.place.offset.into();
    value["mbr_partition"] = found.partition.into();
    value["ports"] = ports.into();
    value["checksum_right"] = found.checksum.is_none().into();
    value
}

/// A label. Its partitions are in sectors of 512 bytes.
pub(super) fn label(label: &Label) -> Value {
    let partitions = ('a'..).zip(&label.partitions).map(|(letter, partition)| {
        let range = label.range(partition);
        json!({
            "partition": letter.to_string(),
            "start": range.map(|range| range.start().0),
            "length": range.map(|range| range.length().0),
            "fstype": partition.kind.0,
            "fstype_name": partition.kind.name(),
            "fragment_bytes": partition.fragment_bytes,
            "fragments_per_block": partition.fragments_per_block,
            "cylinders_per_group": partition.cylinders_per_group,
        })
    });
    json!({
        "order": label.order.word(),
        "type": label.kind.0,
        "type_name": label.kind.name(),
        "disk": label.type_name.to_string(),
        "label": label.pack_name.to_string(),
        "sector_size": label.sector_size,
        "sectors_per_track": label.sectors_per_track,
        "tracks_per_cylinder": label.tracks_per_cylinder,
        "sectors_per_cylinder": label.sectors_per_cylinder,
        "cylinders": label.cylinders,
        "sectors_per_unit": label.sectors_per_unit,
        "rpm": label.rpm,
        "interleave": label.interleave,
        "flags": label.flags,
        "partitions": partitions.collect::<Value>(),
    })
}
