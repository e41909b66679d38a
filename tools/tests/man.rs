//! The manual pages, as mandoc and NetBSD's man read them.

use std::process::Command;

#[test]
fn pages_are_without_a_fault_to_mandoc() {
    let folder = tempfile::tempdir().unwrap();
    let written = Command::new(env!("CARGO_BIN_EXE_dmctl"))
        .args(["man", "--all"])
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(written.success());
    let mut pages: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    pages.sort();
    assert!(pages.len() > 50, "{pages:?}");
    let lint = Command::new("mandoc")
        .args(["-T", "lint", "-W", "warning"])
        .args(&pages)
        .output();
    let lint = match lint {
        Err(_) if std::env::var_os("CI").is_none() => {
            return eprintln!("SKIPPED: there is no mandoc");
        }
        lint => lint.unwrap(),
    };
    let said = String::from_utf8_lossy(&lint.stdout);
    let said = format!("{said}{}", String::from_utf8_lossy(&lint.stderr));
    assert_eq!(said, "");
}
