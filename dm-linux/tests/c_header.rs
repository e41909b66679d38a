//! Offsets, sizes and numbers against the C header of this host.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use dm_linux::abi::layout::{self, STRUCTS};
use dm_linux::abi::{Call, Flags};

const HEADER: &str = "/usr/include/linux/dm-ioctl.h";

/// The name of a flag in C.
fn c_flag(name: &str) -> String {
    match name {
        "DEFERRED_REMOVE" => "DM_DEFERRED_REMOVE".into(),
        name => format!("DM_{name}_FLAG"),
    }
}

/// What is to be printed, in C, and what is wanted.
fn facts() -> Vec<(String, u64)> {
    let mut facts = Vec::new();
    let mut fact = |expression: String, wanted: usize| {
        facts.push((expression, u64::try_from(wanted).unwrap()));
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
        fact(format!("_IOC_NR({})", call.name()), call.number().into());
        let dir = "_IOC_READ | _IOC_WRITE";
        fact(format!("_IOC_DIR({}) == ({dir})", call.name()), 1);
        fact(format!("_IOC_TYPE({})", call.name()), layout::LETTER.into());
        fact(format!("_IOC_SIZE({})", call.name()), layout::HEADER);
    }
    for (name, flag) in Flags::named() {
        facts.push((c_flag(name), flag.bits().into()));
    }
    for (name, value) in [
        ("DM_NAME_LIST_FLAG_HAS_UUID", layout::LIST_HAS_UUID),
        ("DM_NAME_LIST_FLAG_DOESNT_HAVE_UUID", layout::LIST_NO_UUID),
        ("DM_VERSION_MAJOR", layout::REQUEST_VERSION.0),
    ] {
        facts.push((name.into(), value.into()));
    }
    #[cfg(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    ))]
    facts.push(("DM_VERSION".into(), layout::REQUEST.into()));
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
    for (expression, _) in &facts {
        // A flag that this header is too old for is left out, and said.
        let name: String = expression
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        let known = name == *expression;
        let print = format!("  printf(\"%llu\\n\", (unsigned long long)({expression}));\n");
        match known {
            true => program.push_str(&format!(
                "#ifdef {name}\n{print}#else\n  puts(\"unknown\");\n#endif\n"
            )),
            false => program.push_str(&print),
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
    for ((expression, wanted), found) in facts.iter().zip(printed) {
        if found == "unknown" {
            eprintln!("skipped: this header is too old for {expression}");
            continue;
        }
        assert_eq!(found.parse(), Ok(*wanted), "{expression}");
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}
