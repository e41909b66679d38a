//! Offsets, sizes and numbers against the C header of this host.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use dm_linux::abi::layout::{self, STRUCTS};
use dm_linux::abi::{Call, Flags};

const HEADER: &str = "/usr/include/linux/dm-ioctl.h";

/// The one ioctl that is not the control node's.
const PROBE_PATHS: &str = "DM_MPATH_PROBE_PATHS";

/// The name of a flag in C.
fn c_flag(name: &str) -> String {
    match name {
        "DEFERRED_REMOVE" => "DM_DEFERRED_REMOVE".into(),
        name => format!("DM_{name}_FLAG"),
    }
}

/// What is to be printed, and what is wanted.
struct Fact {
    /// In C.
    expression: String,
    /// The macro without which it is left out, since the header is too old for it.
    needs: Option<String>,
    wanted: u64,
}

fn facts() -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut push = |expression: String, needs: Option<&str>, wanted: u64| {
        facts.push(Fact {
            expression,
            needs: needs.map(str::to_owned),
            wanted,
        });
    };
    let mut fact = |expression: String, wanted: usize| {
        push(expression, None, u64::try_from(wanted).unwrap());
    };
    for layout in STRUCTS {
        let name = layout.name;
        fact(format!("sizeof(struct {name})"), layout.size);
        for field in layout.fields {
            fact(
                format!("offsetof(struct {name}, {})", field.name),
                field.offset,
            );
            if field.size > 0 {
                fact(
                    format!("sizeof(((struct {name} *)0)->{})", field.name),
                    field.size,
                );
            }
        }
    }
    for call in Call::ALL {
        let name = call.name();
        let mut fact = |expression: String, wanted| push(expression, Some(name), wanted);
        fact(format!("_IOC_NR({name})"), call.number().into());
        fact(format!("_IOC_DIR({name}) == (_IOC_READ | _IOC_WRITE)"), 1);
        fact(format!("_IOC_TYPE({name})"), layout::LETTER.into());
        fact(
            format!("_IOC_SIZE({name})"),
            u64::try_from(layout::HEADER).unwrap(),
        );
    }
    for (name, flag) in Flags::named() {
        push(c_flag(name), Some(&c_flag(name)), flag.bits().into());
    }
    for (name, value) in [
        ("DM_NAME_LIST_FLAG_HAS_UUID", layout::LIST_HAS_UUID),
        ("DM_NAME_LIST_FLAG_DOESNT_HAVE_UUID", layout::LIST_NO_UUID),
        ("DM_VERSION_MAJOR", layout::REQUEST_VERSION.0),
    ] {
        push(name.into(), Some(name), value.into());
    }
    #[cfg(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    ))]
    for (name, number) in [
        ("DM_VERSION", layout::REQUEST),
        (PROBE_PATHS, layout::PROBE_PATHS),
    ] {
        push(name.into(), Some(name), number.into());
    }
    facts
}

/// Why the test is skipped, unless nothing may be.
fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

#[test]
fn layout_is_that_of_the_c_header() {
    if !Path::new(HEADER).exists() {
        return skip("linux/dm-ioctl.h is not installed");
    }
    let facts = facts();
    let mut program = String::from(
        "#include <stddef.h>\n#include <stdio.h>\n#include <sys/ioctl.h>\n#include <linux/dm-ioctl.h>\nint main(void) {\n",
    );
    for Fact {
        expression, needs, ..
    } in &facts
    {
        let print = format!("  printf(\"%llu\\n\", (unsigned long long)({expression}));\n");
        match needs {
            Some(name) => program.push_str(&format!(
                "#ifdef {name}\n{print}#else\n  puts(\"unknown\");\n#endif\n"
            )),
            None => program.push_str(&print),
        }
    }
    program.push_str("  return 0;\n}\n");

    let home = tempfile::tempdir().unwrap();
    let binary = home.path().join("facts");
    let compiler = Command::new("cc")
        .args(["-x", "c", "-", "-o"])
        .arg(&binary)
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut compiler) = compiler else {
        return skip("there is no cc");
    };
    let mut stdin = compiler.stdin.take().unwrap();
    stdin.write_all(program.as_bytes()).unwrap();
    drop(stdin);
    assert!(compiler.wait().unwrap().success(), "{program}");
    let output = Command::new(&binary).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<&str> = printed.lines().collect();
    assert_eq!(printed.len(), facts.len());
    let mut compared = 0;
    for (fact, found) in facts.iter().zip(printed) {
        let Fact {
            expression, wanted, ..
        } = fact;
        if found == "unknown" {
            eprintln!("skipped: this header is too old for {expression}");
            continue;
        }
        assert_eq!(found.parse(), Ok(*wanted), "{expression}");
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

/// The other way round: what the header has and this crate does not would be missed.
#[test]
fn header_has_no_struct_ioctl_or_flag_that_is_not_here() {
    let Ok(header) = std::fs::read_to_string(HEADER) else {
        return skip("linux/dm-ioctl.h is not installed");
    };
    let (mut structs, mut calls, mut flags) = (0, 0, 0);
    for line in header.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["struct", name, "{"] => {
                assert!(STRUCTS.iter().any(|layout| layout.name == name), "{name}");
                structs += 1;
            }
            ["#define", name, value, ..] if value.starts_with("_IO") => {
                let known = Call::ALL.iter().any(|call| call.name() == name);
                assert!(known || name == PROBE_PATHS, "{name}");
                calls += 1;
            }
            ["#define", name, "(1", ..] => {
                let known = Flags::named().any(|(flag, _)| c_flag(flag) == name);
                assert!(known, "{name}");
                flags += 1;
            }
            _ => {}
        }
    }
    assert!(
        structs >= 6 && calls >= 15 && flags >= 15,
        "{structs} {calls} {flags}"
    );
}
