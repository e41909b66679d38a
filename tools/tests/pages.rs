//! What the pages tell to type does what they say: the README's tour, and the examples of each target.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::Home;
use dm_tests::tools::find;

/// A file of this repository.
fn page(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(path).expect("the page is there")
}

/// The commands that a page has for a shell.
fn blocks(page: &str) -> impl Iterator<Item = &str> {
    let behind = page.split("```sh\n").skip(1);
    behind.filter_map(|text| text.split("```").next())
}

/// Runs a script in a home as somebody would who pastes it, to its first failure.
fn paste(home: &Home, script: &str) {
    let dmctl = Path::new(env!("CARGO_BIN_EXE_dmctl"));
    let folder = dmctl.parent().expect("a folder has it").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let ended = Command::new("sh")
        .args(["-euc", script])
        .current_dir(home.path())
        .env("PATH", format!("{folder}:{path}"))
        .env("DM_RUNTIME_DIR", home.runtime())
        .env("DM_BACKEND", "engine")
        .output()
        .expect("there is a shell");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        ended.status.success(),
        "{script}\n{}{}",
        said(&ended.stdout),
        said(&ended.stderr)
    );
}

/// A line of which the page shows what it prints, with `…` for what is another each time, as a
/// line that fails if it prints something else.
fn held_to_what_it_shows(line: &str) -> String {
    match line.split_once("# ") {
        Some((command, shown)) if shown.contains('…') => {
            let parts: Vec<String> = shown.split('…').map(|part| format!("'{part}'")).collect();
            let pattern = parts.join("*");
            format!(
                "said=$({command}); case $said in {pattern}) ;; *) echo \"$said\"; false ;; esac"
            )
        }
        _ => line.to_owned(),
    }
}

#[test]
fn tour_of_the_readme_does_what_it_says() {
    let clients = ["nbdinfo", "nbdcopy", "qemu-img"];
    if clients.iter().any(|client| find(client).is_none()) {
        return;
    }
    let readme = page("README.md");
    let (_, tour) = readme.split_once("## A tour\n").expect("there is a tour");
    let (tour, _) = tour.split_once("\n## ").expect("it ends");
    let lines = blocks(tour).flat_map(str::lines);
    // The program is built, and the test has a folder of its own for the tour's files, and another one to run in.
    let prepares = |line: &&str| {
        ["cargo ", "export ", "cd "]
            .iter()
            .any(|word| line.starts_with(word))
    };
    let lines = lines.filter(|line| !prepares(line));
    let lines: Vec<String> = lines.map(held_to_what_it_shows).collect();
    assert!(lines.len() > 20, "{lines:?}");
    let script = lines.join("\n");
    let (slow, quick) = ("luks format", "luks format --iter-time 50");
    assert!(script.contains(slow), "{script}");
    paste(&Home::new(), &script.replace(slow, quick));
}

#[test]
fn examples_of_each_target_do_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/targets");
    let mut pages = 0;
    for entry in fs::read_dir(folder).expect("the pages are there") {
        let path = entry.expect("it can be read").path();
        let text = fs::read_to_string(&path).expect("it can be read");
        let home = Home::new();
        let mut tried = 0;
        for block in blocks(&text) {
            // What needs such a disk, or a program that was built with TLS.
            let has_tls = cfg!(feature = "tls") && find("openssl").is_some();
            if block.contains("/dev/nvme") || (block.contains("openssl") && !has_tls) {
                continue;
            }
            paste(&home, block);
            tried += 1;
        }
        assert!(tried > 0, "{} has no example", path.display());
        pages += 1;
    }
    assert!(pages > 25, "{pages} pages");
}
