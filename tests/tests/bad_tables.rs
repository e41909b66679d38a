//! Every wrong table names the line, the word and the reason, and leaves the old table in place.

use std::sync::Arc;

use dm_core::blockdev::{BlockDev, Fault, FaultDev, MemDev, Then};
use dm_core::client::Dm;
use dm_core::command::Slot;
use dm_core::engine::Engine;
use dm_core::error::ErrorKind;
use dm_core::io::Io;
use dm_core::units::{Sector, SectorCount};
use dm_tests::script::{create, load, name, open, swap};

/// Tables and what is said of them. `DIR` is a folder with a file `disk.img` of 64 sectors.
const WRONG: &[(&str, &str)] = &[
    ("", "the table has no lines"),
    ("# only a comment\n\n", "the table has no lines"),
    (
        "5 8 zero",
        "line 1: zero: starts at sector 5, but the table must start at 0",
    ),
    (
        "0 8 zero\n9 8 zero",
        "line 2: zero: starts at sector 9, which leaves a gap after sector 8",
    ),
    (
        "0 8 zero\n7 8 zero",
        "line 2: zero: starts at sector 7, within the line before, which ends at 8",
    ),
    ("0 0 zero", "line 1: zero: the length is zero"),
    (
        "x 8 zero",
        "line 1: \"x\": the start sector is not a decimal number",
    ),
    (
        "0 -8 zero",
        "line 1: \"-8\": the length is not a decimal number",
    ),
    (
        "0 0x8 zero",
        "line 1: \"0x8\": the length is not a decimal number",
    ),
    (
        "0 18446744073709551616 zero",
        "line 1: \"18446744073709551616\": the length is more than 18446744073709551615",
    ),
    (
        "0 18446744073709551615 zero\n18446744073709551615 1 zero",
        "line 2: zero: the end of 1 sectors from 18446744073709551615 overflows",
    ),
    (
        "0 9 zero\n9 18446744073709551615 zero",
        "line 2: zero: the end of 18446744073709551615 sectors from 9 overflows",
    ),
    ("0", "line 1: the length is missing"),
    ("0 8", "line 1: the target is missing"),
    ("0 8 nonesuch", "line 1: nonesuch: the target is unknown"),
    (
        "0 8 averylongtargetname",
        "line 1: averylongtargetname: the target name has 19 bytes, at most 15 are allowed",
    ),
    (
        "0 8 zero now",
        "line 1: zero: word 1 \"now\": is one word too many",
    ),
    ("0 8 linear", "line 1: linear: the device is missing"),
    (
        "0 8 linear memory",
        "line 1: linear: the start sector on the device is missing",
    ),
    (
        "0 8 linear memory 0 0",
        "line 1: linear: word 3 \"0\": is one word too many",
    ),
    (
        "0 8 linear memory 1k",
        "line 1: linear: word 2 \"1k\": the start sector on the device is not a decimal number",
    ),
    (
        "0 8 linear memory +1",
        "line 1: linear: word 2 \"+1\": the start sector on the device is not a decimal number",
    ),
    (
        "0 8 linear memory 57",
        "line 1: linear: word 2 \"57\": sectors 57+8 lie past the end of the device, which has 64",
    ),
    (
        "0 8 linear memory 18446744073709551615",
        "line 1: linear: word 2 \"18446744073709551615\": the end of 8 sectors from \
         18446744073709551615 overflows",
    ),
    (
        "0 8 linear DIR/none.img 0",
        "line 1: linear: word 1 \"DIR/none.img\": no such file or directory",
    ),
    (
        "0 8 linear DIR 0",
        "line 1: linear: word 1 \"DIR\": is a directory",
    ),
    (
        "0 8 linear /dev/null 0",
        "line 1: linear: word 1 \"/dev/null\": is neither a regular file nor a block device",
    ),
    (
        "0 8 linear 253:99 0",
        "line 1: linear: word 1 \"253:99\": no mapped device has number 253:99",
    ),
    (
        "0 8 linear read-only 0",
        "line 1: linear: word 1 \"read-only\": the device is read-only",
    ),
    (
        "0 8 linear blocks 4",
        "line 1: linear: word 2 \"4\": sectors 4+8 are not aligned to the device's 4096-byte blocks",
    ),
    (
        "0 8 linear /dev/mapper/vol 0",
        "line 1: linear: word 1 \"/dev/mapper/vol\": the device would stand on itself",
    ),
    (
        "0 8 zero\n8 8 linear /dev/mapper/above 0",
        "line 2: linear: word 1 \"/dev/mapper/above\": the device would stand on itself",
    ),
    (
        "0 8 striped",
        "line 1: striped: the number of stripes is missing",
    ),
    (
        "0 8 striped 2",
        "line 1: striped: the chunk size is missing",
    ),
    (
        "0 8 striped 0 4 memory 0",
        "line 1: striped: word 1 \"0\": the number of stripes is zero",
    ),
    (
        "0 8 striped two 4 memory 0",
        "line 1: striped: word 1 \"two\": the number of stripes is not a decimal number",
    ),
    (
        "0 8 striped 4294967296 4 memory 0",
        "line 1: striped: word 1 \"4294967296\": the number of stripes is more than 4294967295",
    ),
    (
        "0 8 striped 1 0 memory 0",
        "line 1: striped: word 2 \"0\": the chunk size is zero",
    ),
    (
        "0 9 striped 2 1 memory 0 memory 32",
        "line 1: striped: word 1 \"2\": the length of 9 sectors is not divisible by the number of \
         stripes, 2",
    ),
    (
        "0 12 striped 2 4 memory 0 memory 32",
        "line 1: striped: word 2 \"4\": a stripe of 6 sectors is not divisible by the chunk size, 4",
    ),
    (
        "0 8 striped 2 4 memory 0",
        "line 1: striped: word 1 \"2\": 2 stripes need 4 words behind the chunk size, not 2",
    ),
    (
        "0 8 striped 1 4 memory 0 memory 0",
        "line 1: striped: word 5 \"memory\": is one word too many",
    ),
    (
        "0 128 striped 2 4 memory 1 memory 0",
        "line 1: striped: word 4 \"1\": sectors 1+64 lie past the end of the device, which has 64",
    ),
];

#[test]
fn wrong_table_names_line_word_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder_name = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("disk.img"), [0; 64 * 512]).unwrap();
    let engine = Engine::new();
    let memory = || MemDev::new(SectorCount(64));
    engine.attach("memory", Arc::new(memory()));
    engine.attach(
        "read-only",
        Arc::new(memory().with_info(|info| info.read_only = true)),
    );
    engine.attach(
        "blocks",
        Arc::new(memory().with_info(|info| info.limits.logical_block = 4096)),
    );
    let old = format!("0 8 linear {folder_name}/disk.img 0\n8 8 zero");
    create(&engine, "vol", &old).unwrap();
    load(&engine, "vol", &old).unwrap();
    create(&engine, "above", "0 8 linear /dev/mapper/vol 0").unwrap();
    let dm = Dm::new(&engine);
    for (table, said) in WRONG {
        let table = table.replace("DIR", folder_name);
        let error = load(&engine, "vol", &table).expect_err(&table);
        assert_eq!(error.kind, ErrorKind::InvalidTable, "{table}");
        assert_eq!(error.reason(), said.replace("DIR", folder_name), "{table}");
        for slot in [Slot::Active, Slot::Inactive] {
            let (_, lines) = dm.table(name("vol"), slot).unwrap();
            let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
            assert_eq!(text.join("\n"), old, "after {table}");
        }
    }
}

#[test]
fn inactive_tables_count_for_circles() {
    let engine = Engine::new();
    create(&engine, "a", "0 8 zero").unwrap();
    create(&engine, "b", "0 8 zero").unwrap();
    load(&engine, "a", "0 8 linear /dev/mapper/b 0").unwrap();
    let error = load(&engine, "b", "0 8 linear /dev/mapper/a 0").unwrap_err();
    assert!(
        error.reason().ends_with("the device would stand on itself"),
        "{}",
        error.reason()
    );
    Dm::new(&engine).clear(name("a")).unwrap();
    swap(&engine, "b", "0 8 linear /dev/mapper/a 0").unwrap();
}

#[test]
fn table_on_its_way_counts_for_circles() {
    let engine = Engine::new();
    let disk = Arc::new(FaultDev::new(Arc::new(MemDev::new(SectorCount(8)))));
    engine.attach("disk", disk.clone());
    create(&engine, "a", "0 8 linear disk 0").unwrap();
    create(&engine, "b", "0 8 zero").unwrap();
    load(&engine, "a", "0 8 linear /dev/mapper/b 0").unwrap();
    disk.inject(Fault::always(None, Then::Hold));
    let (done, ended) = std::sync::mpsc::channel();
    let write = Io::write(Sector(0), vec![1; 512].into()).unwrap();
    open(&engine, "a").submit(write.on_complete(move |_, result| done.send(result).unwrap()));
    let swapper = {
        let engine = engine.clone();
        std::thread::spawn(move || Dm::new(engine).resume(name("a"), Default::default()))
    };
    let dm = Dm::new(&engine);
    while dm.table(name("a"), Slot::Inactive).unwrap().1.len() == 1 {
        std::thread::yield_now();
    }
    let error = load(&engine, "b", "0 8 linear /dev/mapper/a 0").unwrap_err();
    assert!(
        error.reason().ends_with("the device would stand on itself"),
        "{}",
        error.reason()
    );
    disk.release();
    swapper.join().unwrap().unwrap();
    assert_eq!(ended.recv().unwrap(), Ok(()));
}

#[test]
fn stack_of_64_devices_works_and_65_are_refused() {
    let engine = Engine::new();
    create(&engine, "d0", "0 8 zero").unwrap();
    for level in 1..64 {
        let table = format!("0 8 linear /dev/mapper/d{} 0", level - 1);
        create(&engine, &format!("d{level}"), &table).unwrap();
    }
    let dev = dm_tests::script::open(&engine, "d63");
    dm_core::blockdev::Blocking::read_at(&dev, dm_core::units::Sector(0), &mut [0; 512]).unwrap();
    let error = create(&engine, "d64", "0 8 linear /dev/mapper/d63 0").unwrap_err();
    assert!(
        error.reason().contains("more than 64 devices deep"),
        "{}",
        error.reason()
    );
    // From below as well: the bottom can not get one more level.
    create(&engine, "ground", "0 8 zero").unwrap();
    let error = load(&engine, "d0", "0 8 linear /dev/mapper/ground 0").unwrap_err();
    assert!(
        error.reason().contains("more than 64 devices deep"),
        "{}",
        error.reason()
    );
}

#[test]
fn many_diamonds_are_checked_in_no_time() {
    let engine = Engine::new();
    create(&engine, "d0", "0 16 zero").unwrap();
    for level in 1..60 {
        let below = format!("/dev/mapper/d{}", level - 1);
        let side = format!("s{level}");
        create(&engine, &side, &format!("0 16 linear {below} 0")).unwrap();
        let table = format!("0 8 linear {below} 0\n8 8 linear /dev/mapper/{side} 8");
        match create(&engine, &format!("d{level}"), &table) {
            Ok(()) => {}
            Err(error) => return assert!(error.reason().contains("devices deep")),
        }
    }
    panic!("the stack got too deep without a word");
}
