//! The pages in docs/targets: they say what the types read, and no more.

use std::collections::{BTreeMap, BTreeSet};

use dm_core::table::Reason;
use dm_core::typed::{self, KINDS, Kind, Note, Reader, Role};
use dm_core::version::Version;

use super::examples::PARAMS;
use super::sets;

#[test]
fn every_kind_has_its_syntax() {
    for kind in KINDS {
        let syntax = kind.syntax();
        assert!(
            syntax.starts_with(&format!("START LENGTH {}", kind.name)),
            "{}: {syntax:?}",
            kind.name
        );
    }
}

#[test]
fn every_page_is_of_a_kind() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/targets");
    for entry in std::fs::read_dir(folder).expect("the pages are there") {
        let path = entry.expect("it can be read").path();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        let kind = typed::kind(name).unwrap_or_else(|| panic!("{name} is no kind"));
        assert_eq!(kind.page().text(), text);
        let targets = text
            .lines()
            .filter_map(|line| line.strip_prefix("START LENGTH "));
        for target in targets.filter_map(|line| line.split(' ').next()) {
            assert!(typed::kind(target).is_some(), "{name}: {target} is no kind");
        }
    }
}

/// The options of a target that its type reads: those that right texts have, and those that it
/// names when one is unknown.
fn options_read(kind: &Kind) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in texts(kind.name) {
        let mut notes: Vec<Note> = Vec::new();
        let _ = kind.params(Reader::new(&text).noting(&mut notes));
        let options = notes.iter().filter(|note| is_option(note));
        for option in options.clone() {
            let row = kind.option(&option.text);
            let policy = kind.name == "cache" && option.what == "setting";
            assert!(row.is_some() || policy, "{}: {}", kind.name, option.text);
            found.extend(row.map(|row| row.word.to_owned()));
        }
        // The same text with a word for each option that is none.
        for option in options {
            let words = text.split(' ').enumerate();
            let wrong = words.map(|(at, word)| match at + 1 == option.place {
                true => "nonsense",
                false => word,
            });
            let wrong: Vec<&str> = wrong.collect();
            let error = kind.params(Reader::new(&wrong.join(" ")));
            if let Some(Reason::UnknownWord { known, .. }) = error.err().map(|error| error.reason) {
                let known = known.split(", ").filter(|word| !word.contains(' '));
                found.extend(known.map(|word| word.to_owned()));
            }
        }
    }
    found
}

fn is_option(note: &Note) -> bool {
    match note.role {
        Role::Option | Role::DeviceIn { .. } => true,
        Role::Key { at } => at > 0,
        _ => false,
    }
}

/// Right texts of a target.
fn texts(name: &str) -> Vec<String> {
    let file = sets::FILES.iter().find(|(target, _)| *target == name);
    let sets = file.map(|(_, text)| sets::read(text, sets::over("253:0")));
    let held = sets
        .into_iter()
        .flat_map(|sets| sets.good)
        .map(|set| set.params);
    let shown = PARAMS.iter().filter(|(target, _)| *target == name);
    let shown = shown.map(|(_, text)| text.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
    held.chain(shown).collect()
}

#[test]
fn pages_have_the_options_that_types_read() {
    for kind in KINDS {
        let on_page: BTreeSet<String> = kind
            .page()
            .options()
            .map(|row| row.word.trim_end_matches(':').to_owned())
            .collect();
        if matches!(kind.name, "snapshot-origin") {
            continue;
        }
        let read: BTreeSet<String> = options_read(kind)
            .into_iter()
            .map(|word| word.trim_end_matches(':').to_owned())
            .collect();
        assert_eq!(on_page, read, "{}", kind.name);
    }
}

/// Each option that needs a version is refused by the one before it, and by no other.
#[test]
fn versions_are_those_of_the_pages() {
    for kind in KINDS {
        let mut seen = BTreeMap::new();
        for text in texts(kind.name) {
            let mut notes: Vec<Note> = Vec::new();
            let _ = kind.params(Reader::new(&text).noting(&mut notes));
            let since = notes.iter().filter(|note| is_option(note));
            let needed: Vec<Version> = since
                .filter_map(|note| kind.option(&note.text)?.since)
                .map(|since| since.version)
                .collect();
            let most = needed.iter().max().copied();
            let read = |version| kind.params(Reader::new(&text).for_version(version)).err();
            if let Some(most) = most {
                assert_eq!(read(most), None, "{} {text}", kind.name);
                let old = Version(0, 9, 9);
                let error = read(old).map(|error| error.reason);
                assert!(
                    matches!(error, Some(Reason::NeedsVersion { found, .. }) if found == old),
                    "{} {text}: {error:?}",
                    kind.name
                );
                seen.insert(most, text);
            }
        }
        let on_page = kind.page().options().filter_map(|row| row.since);
        assert!(
            on_page.count() == 0 || !seen.is_empty() || kind.name.starts_with("snapshot-"),
            "{}: no text has an option that needs a version",
            kind.name
        );
    }
}

#[test]
fn unknown_options_are_explained_by_none() {
    let crypt = typed::kind("crypt").expect("it is listed");
    assert_eq!(crypt.option("allow_discard"), None);
    let size = crypt.option("sector_size:4096").expect("it is on the page");
    assert_eq!((size.word, size.value), ("sector_size:", "BYTES"));
    assert_eq!(size.since.and_then(|since| since.kernel), Some("4.12"));
}
