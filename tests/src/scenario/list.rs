//! The scripts.

use super::step::{
    Step, clear, close, create, create_minor, create_uuid, deps, deps_inactive, info,
    info_inactive, info_uuid, list, load, load_ro, message, open, read, remove, remove_all,
    remove_deferred, rename, resume, set_uuid, status, status_inactive, suspend, suspend_noflush,
    table, table_inactive, wait, write,
};

/// A script with its name.
pub struct Scenario {
    /// What it is about.
    pub name: &'static str,
    /// Its steps.
    pub steps: fn() -> Vec<Step>,
}

/// Linear lines of one sector.
fn many(lines: u64) -> String {
    (0..lines)
        .map(|at| format!("{at} 1 linear $0 {}\n", at % 500))
        .collect()
}

/// Every script. `$0` and `$1` are the base devices.
#[rustfmt::skip]
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a fresh device", steps: || vec![create("a"), info("a"), table("a"), status("a"), deps("a"), list()] },
    Scenario { name: "create twice", steps: || vec![create("a"), create("a"), list()] },
    Scenario { name: "create with a uuid that is taken", steps: || vec![create_uuid("a", "U"), create_uuid("b", "U"), list()] },
    Scenario { name: "create with a minor number", steps: || vec![create_minor("a", 7), create("b"), create_minor("c", 7), list()] },
    Scenario { name: "create and resume without a table", steps: || vec![create("a"), resume("a"), info("a")] },
    Scenario { name: "suspend a fresh device", steps: || vec![create("a"), suspend("a"), info("a"), resume("a"), info("a")] },
    Scenario { name: "suspended fresh device gets a table", steps: || vec![create("a"), suspend("a"), load("a", "0 8 zero"), info("a"), resume("a"), info("a")] },
    Scenario { name: "load, look, resume, look", steps: || vec![create("a"), load("a", "0 16 linear $0 8"), info("a"), table("a"), table_inactive("a"), status_inactive("a"), deps_inactive("a"), info_inactive("a"), resume("a"), info("a"), table("a"), status("a"), deps("a"), table_inactive("a"), info_inactive("a")] },
    Scenario { name: "load twice before resume", steps: || vec![create("a"), load("a", "0 8 zero"), load("a", "0 16 linear $0 8"), table_inactive("a"), resume("a"), table("a")] },
    Scenario { name: "clear", steps: || vec![create("a"), clear("a"), load("a", "0 8 zero"), clear("a"), info("a"), resume("a"), info("a")] },
    Scenario { name: "clear keeps the active table", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), clear("a"), resume("a"), table("a"), info("a")] },
    Scenario { name: "resume twice", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), resume("a"), info("a"), table("a")] },
    Scenario { name: "suspend twice", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), suspend("a"), suspend("a"), info("a"), resume("a"), info("a")] },
    Scenario { name: "suspend without flush", steps: || vec![create("a"), load("a", "0 16 linear $0 8"), resume("a"), suspend_noflush("a"), info("a"), resume("a"), info("a")] },
    Scenario { name: "load while suspended", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), suspend("a"), load("a", "0 16 linear $0 8"), info("a"), table("a"), table_inactive("a"), resume("a"), table("a"), info("a")] },
    Scenario { name: "clear while suspended", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), suspend("a"), load("a", "0 16 linear $0 8"), clear("a"), info("a"), resume("a"), table("a")] },
    Scenario { name: "swap grows and shrinks", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 64 zero"), resume("a"), info("a"), read("a", 56, 8), load("a", "0 16 zero"), resume("a"), read("a", 8, 8), read("a", 8, 16)] },
    Scenario { name: "remove a fresh device", steps: || vec![create("a"), remove("a"), remove("a"), info("a"), list()] },
    Scenario { name: "remove with tables", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), remove("a"), info("a")] },
    Scenario { name: "remove while suspended", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), suspend("a"), remove("a"), list()] },
    Scenario { name: "remove while open", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), open("a"), info("a"), remove("a"), info("a"), close("a"), remove("a"), list()] },
    Scenario { name: "remove under another device", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), create("b"), load("b", "0 8 linear /dev/mapper/a 0"), info("a"), remove("a"), resume("b"), info("a"), remove("a"), remove("b"), info("a"), remove("a"), list()] },
    Scenario { name: "deferred remove of an open device", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), open("a"), remove_deferred("a"), info("a"), read("a", 0, 8), open("a"), close("a"), info("a"), close("a"), info("a"), list()] },
    Scenario { name: "deferred remove of an unused device", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), remove_deferred("a"), info("a")] },
    Scenario { name: "deferred remove called off", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), open("a"), remove_deferred("a"), message("a", 0, "@cancel_deferred_remove"), info("a"), close("a"), info("a")] },
    Scenario { name: "deferred remove under another device", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), create("b"), load("b", "0 8 linear /dev/mapper/a 0"), resume("b"), remove_deferred("a"), info("a"), remove("b"), info("a"), list()] },
    Scenario { name: "called off without a deferred remove", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), message("a", 0, "@cancel_deferred_remove"), info("a")] },
    Scenario { name: "remove all", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), create("b"), create("c"), open("a"), remove_all(), list(), close("a"), remove_all(), list()] },
    Scenario { name: "remove all of nothing", steps: || vec![remove_all(), list()] },
    Scenario { name: "rename", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), rename("a", "b"), info("a"), info("b"), table("b"), list()] },
    Scenario { name: "rename a fresh device", steps: || vec![create("a"), rename("a", "b"), info("b"), list()] },
    Scenario { name: "rename onto an existing name", steps: || vec![create("a"), create("b"), rename("a", "b"), list(), info("a")] },
    Scenario { name: "rename onto its own name", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), rename("a", "a"), info("a")] },
    Scenario { name: "rename of no device", steps: || vec![rename("a", "b"), list()] },
    Scenario { name: "rename while open and suspended", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), open("a"), suspend("a"), rename("a", "b"), resume("b"), info("b"), close("a")] },
    Scenario { name: "uuid set once", steps: || vec![create("a"), set_uuid("a", "U"), info("a"), info_uuid("U"), set_uuid("a", "V"), info("a")] },
    Scenario { name: "uuid set twice the same", steps: || vec![create("a"), set_uuid("a", "U"), set_uuid("a", "U"), info("a")] },
    Scenario { name: "uuid that another device has", steps: || vec![create_uuid("a", "U"), create("b"), set_uuid("b", "U"), info("b")] },
    Scenario { name: "uuid of a device with a table raises an event", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), set_uuid("a", "U"), info("a")] },
    Scenario { name: "by uuid", steps: || vec![create_uuid("a", "LVM-x"), load("a", "0 8 zero"), resume("a"), info_uuid("LVM-x"), info_uuid("LVM-y")] },
    Scenario { name: "wait with an old and a future event number", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), rename("a", "b"), info("b"), wait("b", 0), wait("b", 99)] },
    Scenario { name: "wait for the present event number", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), Step::WaitWhile { device: "a".into(), event: 0, steps: vec![info("a"), rename("a", "b")] }, info("b")] },
    Scenario { name: "wait of a device without a table", steps: || vec![create("a"), wait("a", 5), info("a")] },
    Scenario { name: "events over swaps", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), info("a"), load("a", "0 16 linear $0 8"), resume("a"), info("a"), suspend("a"), resume("a"), info("a")] },
    Scenario { name: "read-only table", steps: || vec![create("a"), load_ro("a", "0 16 linear $0 8"), info("a"), info_inactive("a"), resume("a"), info("a"), read("a", 0, 8), write("a", 0, 8, 1), load("a", "0 16 linear $0 8"), info_inactive("a"), resume("a"), info("a"), write("a", 0, 8, 1)] },
    Scenario { name: "writable table on a read-only device", steps: || vec![create("a"), load_ro("a", "0 8 zero"), resume("a"), create("b"), load("b", "0 8 linear /dev/mapper/a 0"), load_ro("b", "0 8 linear /dev/mapper/a 0"), resume("b"), info("b")] },
    Scenario { name: "zero", steps: || vec![create("a"), load("a", "0 64 zero"), resume("a"), write("a", 0, 8, 7), read("a", 0, 64), status("a"), table("a")] },
    Scenario { name: "error", steps: || vec![create("a"), load("a", "0 64 error"), resume("a"), write("a", 0, 8, 7), read("a", 0, 8), status("a"), table("a"), deps("a")] },
    Scenario { name: "error with words", steps: || vec![create("a"), load("a", "0 64 error word"), resume("a"), table("a"), load("a", "0 64 error three more words"), resume("a"), table("a")] },
    Scenario { name: "error with a device", steps: || vec![create("a"), load("a", "0 64 error $0 8"), resume("a"), table("a"), status("a"), deps("a"), load("a", "0 64 error some words"), info("a")] },
    Scenario { name: "linear lands where it should", steps: || vec![create("a"), load("a", "0 64 linear $0 100"), resume("a"), write("a", 8, 8, 7), load("a", "0 8 linear $0 108"), resume("a"), read("a", 0, 8)] },
    Scenario { name: "two segments", steps: || vec![create("a"), load("a", "0 32 linear $0 0\n32 32 linear $1 0"), resume("a"), write("a", 24, 16, 9), read("a", 16, 32), table("a"), deps("a"), status("a")] },
    Scenario { name: "zero and error between", steps: || vec![create("a"), load("a", "0 8 linear $0 0\n8 8 zero\n16 8 error\n24 8 linear $0 8"), resume("a"), write("a", 0, 8, 3), write("a", 24, 8, 4), read("a", 0, 16), read("a", 16, 8), read("a", 24, 8), table("a"), status("a"), deps("a")] },
    Scenario { name: "striped", steps: || vec![create("a"), load("a", "0 64 striped 2 8 $0 0 $1 64"), resume("a"), write("a", 0, 64, 5), status("a"), table("a"), deps("a"), load("a", "0 32 linear $1 64"), resume("a"), read("a", 0, 32)] },
    Scenario { name: "striped over three, chunk of four", steps: || vec![create("a"), load("a", "0 96 striped 3 8 $0 0 $1 0 $0 512"), resume("a"), write("a", 8, 40, 6), read("a", 0, 96), table("a"), deps("a")] },
    Scenario { name: "striped counts errors", steps: || vec![create("e"), load("e", "0 64 error"), resume("e"), create("a"), load("a", "0 64 striped 2 8 $0 0 /dev/mapper/e 0"), resume("a"), read("a", 0, 8), status("a"), read("a", 8, 8), wait("a", 0), status("a")] },
    Scenario { name: "same device twice in a table", steps: || vec![create("a"), load("a", "0 8 linear $0 0\n8 8 linear $0 64\n16 8 linear $1 0"), resume("a"), deps("a"), info("a")] },
    Scenario { name: "three levels", steps: || vec![create("a"), load("a", "0 64 linear $0 0"), resume("a"), create("b"), load("b", "0 32 linear /dev/mapper/a 16"), resume("b"), create("c"), load("c", "0 16 striped 1 8 /dev/mapper/b 8"), resume("c"), write("c", 0, 16, 8), read("a", 24, 16), deps("c"), deps("b"), info("a"), info("b"), table("c")] },
    Scenario { name: "suspended below", steps: || vec![create("a"), load("a", "0 64 linear $0 0"), resume("a"), create("b"), load("b", "0 32 linear /dev/mapper/a 0"), resume("b"), suspend("a"), info("b"), load("a", "0 64 linear $1 0"), resume("a"), write("b", 0, 8, 1), read("a", 0, 8)] },
    Scenario { name: "name of 127 bytes", steps: || vec![create(&"n".repeat(127)), info(&"n".repeat(127)), rename(&"n".repeat(127), "a"), info("a")] },
    Scenario { name: "names with odd characters", steps: || vec![create("a+b.c_d-e=f@g:h#i"), info("a+b.c_d-e=f@g:h#i"), list()] },
    Scenario { name: "uuid of 128 bytes", steps: || vec![create_uuid("a", &"u".repeat(128)), info("a"), info_uuid(&"u".repeat(128))] },
    Scenario { name: "table of 10,000 lines", steps: || vec![create("a"), load("a", &many(10_000)), info_inactive("a"), table_inactive("a"), resume("a"), info("a"), table("a"), status("a"), deps("a"), write("a", 9_000, 8, 5), read("a", 8_992, 32)] },
    Scenario { name: "wrong table: no lines", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", ""), info("a"), table("a")] },
    Scenario { name: "wrong table: gap", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 zero\n9 8 zero"), info("a"), table("a")] },
    Scenario { name: "wrong table: overlap", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 zero\n4 8 zero"), info("a"), table("a")] },
    Scenario { name: "wrong table: not from zero", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "8 8 zero"), info("a"), table("a")] },
    Scenario { name: "wrong table: zero length", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 0 zero"), info("a"), table("a")] },
    Scenario { name: "wrong table: unknown target", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 nonesuch"), info("a"), table("a")] },
    Scenario { name: "wrong table: word after zero", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 zero x"), info("a"), table("a")] },
    Scenario { name: "wrong table: linear without words", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 linear"), info("a"), table("a")] },
    Scenario { name: "wrong table: linear with one word", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 linear $0"), info("a"), table("a")] },
    Scenario { name: "wrong table: linear with three words", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 linear $0 0 0"), info("a"), table("a")] },
    Scenario { name: "wrong table: linear with no number", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 linear $0 x"), info("a"), table("a")] },
    Scenario { name: "wrong table: linear past the end", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 linear $0 999999999"), info("a"), table("a")] },
    Scenario { name: "wrong table: linear of no device", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 linear /dev/none 0"), info("a"), table("a")] },
    Scenario { name: "wrong table: linear of no number", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 linear 253:999 0"), info("a"), table("a")] },
    Scenario { name: "wrong table: striped without words", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 striped"), info("a"), table("a")] },
    Scenario { name: "wrong table: striped with no stripes", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 striped 0 8"), info("a"), table("a")] },
    Scenario { name: "wrong table: striped with chunk zero", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 striped 1 0 $0 0"), info("a"), table("a")] },
    Scenario { name: "wrong table: striped with odd length", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 9 striped 2 1 $0 0 $1 0"), info("a"), table("a")] },
    Scenario { name: "wrong table: striped with odd chunk", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 24 striped 2 8 $0 0 $1 0"), info("a"), table("a")] },
    Scenario { name: "wrong table: striped with a missing stripe", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 16 striped 2 8 $0 0"), info("a"), table("a")] },
    Scenario { name: "wrong table: striped with a word too many", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 16 striped 2 8 $0 0 $1 0 x"), info("a"), table("a")] },
    Scenario { name: "wrong table: good line, then a bad one", steps: || vec![create("a"), load("a", "0 8 zero"), resume("a"), load("a", "0 16 linear $0 8"), load("a", "0 8 zero\n8 8 linear $0 x"), info("a"), table("a")] },
];
