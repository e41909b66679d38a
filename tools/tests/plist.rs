//! `dmctl plist` over documents whose fate is known from libprop itself.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::Home;
use serde_json::json;

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../dm-proto/tests/vectors/proplib")
        .join(name)
}

fn plist(home: &Home, arguments: &[&str], name: &str) -> Output {
    let mut command = home.command(&["plist"]);
    command
        .args(arguments)
        .arg(vector(name))
        .output()
        .expect("dmctl starts")
}

/// A document on stdin, which must be refused.
fn refused(home: &Home, arguments: &[&str], text: &str) -> String {
    let ended = home.run_with(&[&["plist", "-"], arguments].concat(), text);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{text}");
    ended.stderr
}

#[test]
fn canonical_form_is_libprops_to_the_byte() {
    let home = Home::new();
    for name in [
        "001-canonical-small",
        "004-empty-array",
        "010-leading-ws",
        "032-trailing-after-nul",
        "060-dict-utf8-keys",
        "061-dict-duplicate-key",
        "097-array-depth-64",
        "122-integer-hex-upper-digits",
        "172-string-entities",
        "182-string-ctrl",
        "185-string-latin1",
        "212-data-ws-only",
        "214-data-all-bytes",
    ] {
        let output = plist(&home, &[], &format!("{name}.plist"));
        let canonical = fs::read(vector(&format!("{name}.out.plist"))).unwrap();
        assert!(output.stdout == canonical, "{name}");
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{name}"
        );
    }
}

#[test]
fn what_libprop_rejects_ends_with_1() {
    let home = Home::new();
    for name in [
        "011-bom",
        "012-empty-file",
        "054-cdata",
        "178-string-hex-entity",
    ] {
        let output = plist(&home, &[], &format!("{name}.plist"));
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{name}"
        );
    }
}

#[test]
fn refusal_says_where_and_why() {
    let home = Home::new();
    let text = "<plist><dict>\n\t<key>k</key>\n\t<real>1</real>\n</dict></plist>";
    assert_eq!(
        refused(&home, &[], text),
        "dmctl: plist: stdin: line 3, column 2: unknown element\n"
    );
    fs::write(home.path().join("bad.plist"), "<plist>\n<true/>").unwrap();
    assert_eq!(
        home.fails(1, &["plist", "bad.plist"]),
        "dmctl: plist: bad.plist: line 2, column 1: wrong top-level element\n"
    );
    let document = home.json(&["plist", "bad.plist"]);
    let fault = json!({ "line": 2, "column": 1, "offset": 8, "reason": "wrong top-level element" });
    assert_eq!(document["fault"], fault);
    assert_eq!(document["error"]["line"], 2);
    assert_eq!(document["error"]["kind"], "invalid");
}

#[test]
fn kernel_is_stricter() {
    let home = Home::new();
    let name = "138-integer-uint64-max.plist";
    assert!(plist(&home, &[], name).status.success());
    let output = plist(&home, &["--kernel"], name);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let hint =
        "integer out of range\nhint: the kernel takes numbers past 2^63-1 in hexadecimal only\n";
    assert!(stderr.ends_with(hint), "{stderr}");
    let name = "140-integer-uint64-max-hex.plist";
    assert!(plist(&home, &["--kernel"], name).status.success());
}

#[test]
fn json_has_the_value() {
    let home = Home::new();
    let text = "<plist><dict><key>n</key><integer>0xffffffffffffffff</integer>\
        <key>s</key><integer>-9223372036854775808</integer><key>d</key><data>AAEC</data>\
        <key>a</key><array><true/><string>&lt;</string></array></dict></plist>";
    fs::write(home.path().join("value.plist"), text).unwrap();
    let document = home.json(&["plist", "value.plist"]);
    assert_eq!(document["command"], "plist");
    assert_eq!(document["canonical"], false);
    let value = json!({ "a": [true, "<"], "d": "AAEC", "n": u64::MAX, "s": i64::MIN });
    assert_eq!(document["value"], value);

    fs::write(
        home.path().join("canonical.plist"),
        home.ok(&["plist", "value.plist"]),
    )
    .unwrap();
    let document = home.json(&["plist", "canonical.plist"]);
    assert_eq!(
        (&document["canonical"], &document["value"]),
        (&json!(true), &value)
    );
}

/// Deep documents take stack where they are shown as JSON.
#[test]
fn deepest_document_is_shown() {
    let home = Home::new();
    for arguments in [&[][..], &["--json"]] {
        let output = plist(&home, arguments, "098-array-depth-2000.plist");
        assert!(output.status.success(), "{arguments:?}");
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn missing_file_is_4_and_needs_no_driver() {
    let home = Home::new();
    assert_eq!(
        home.fails(4, &["--backend", "socket:/nowhere", "plist", "none.plist"]),
        "dmctl: plist: cannot open none.plist: no such file or directory\n"
    );
    let ended = home.run_with(
        &["--backend", "socket:/nowhere", "plist", "-"],
        "<plist><dict/></plist>",
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.ends_with("<dict/>\n</plist>\n"));
}
