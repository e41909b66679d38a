//! A program in C drives the library with captured texts.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library that was built last: cargo puts it beside its test, under a name with a hash.
fn library() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libdm_netbsd_c-") && name.ends_with(".a")
    };
    let beside = fs::read_dir(program.parent().unwrap()).unwrap();
    let found = beside.map(|entry| entry.unwrap().path()).filter(is_it);
    let newest = found.max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    newest.expect("the library was built with this test")
}

#[test]
fn program_in_c_gets_what_the_captured_reply_says() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let captured = here.join("../../tests/golden/netbsd/life");
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("call");
    let compiled = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-no-pie", "-I"])
        .arg(here.join("include"))
        .arg(here.join("tests/call.c"))
        .arg(library())
        .args(["-lpthread", "-lm", "-ldl", "-o"])
        .arg(&program)
        .output()
        .expect("a C compiler is there");
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{said}");

    let request = fs::read_to_string(captured.join("005-names-one.request.plist")).unwrap();
    let dialect =
        "<key>dialect</key><string>engine</string><key>event_nr</key><integer>0</integer></dict>";
    let ours = folder.path().join("request.plist");
    fs::write(&ours, request.replace("</dict>", dialect)).unwrap();
    let run = Command::new(&program)
        .arg(ours)
        .arg(captured.join("005-names-one.reply.plist"))
        .arg("<string>vg0-lv0</string>")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success(),
        "{}{said}",
        String::from_utf8_lossy(&run.stdout)
    );
}
