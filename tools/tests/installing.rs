//! `tools/install`: what it puts where.

use std::process::Command;

#[test]
fn install_puts_all_under_the_given_root() {
    let root = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/install");
    let status = Command::new("sh")
        .arg(script)
        .env("DMCTL", env!("CARGO_BIN_EXE_dmctl"))
        .env("DESTDIR", root.path())
        .env("PREFIX", "/usr")
        .env("DMSETUP", "yes")
        .status()
        .unwrap();
    assert!(status.success());
    let usr = root.path().join("usr");
    for path in [
        "sbin/dmctl",
        "sbin/dmsetup",
        "sbin/dmstats",
        "share/bash-completion/completions/dmctl",
        "share/zsh/site-functions/_dmctl",
        "share/fish/vendor_completions.d/dmctl.fish",
        "lib/systemd/system/dmctl.service",
        "share/man/man8/dmctl.8",
        "share/man/man8/dmctl-create.8",
    ] {
        // NetBSD has other places for the last ones.
        if cfg!(target_os = "linux") || path.starts_with("sbin") {
            assert!(usr.join(path).exists(), "{path}");
        }
    }
    if cfg!(target_os = "linux") {
        let unit = usr.join("lib/systemd/system/dmctl.service");
        let unit = std::fs::read_to_string(unit).unwrap();
        assert!(unit.contains("ExecStart=/usr/sbin/dmctl daemon"), "{unit}");
        assert!(!unit.contains('@'), "{unit}");
    }
    let ours = Command::new(usr.join("sbin/dmsetup"))
        .arg("nosuch")
        .output()
        .unwrap();
    assert_eq!(ours.status.code(), Some(1));
}
