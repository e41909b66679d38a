//! Every name on the wire has its row in docs/proplib.md, with all that a row says.

use dm_proto::netbsd::WireFlags;

const KEYS: &str = include_str!("../src/netbsd/keys.rs");
const PAGE: &str = include_str!("../../docs/proplib.md");

/// The words of the constants in a part of `keys.rs`.
fn words(part: &str) -> Vec<&str> {
    let word = |line: &'static str| line.split_once(": &str = \"")?.1.strip_suffix("\";");
    let module = format!("pub mod {part} {{");
    let text = match part {
        "" => KEYS.split("pub mod").next(),
        _ => KEYS
            .split(module.as_str())
            .nth(1)
            .and_then(|text| text.split("\n}").next()),
    };
    let words: Vec<_> = text.expect(part).lines().filter_map(word).collect();
    assert!(words.len() > 5, "{part}: {words:?}");
    words
}

/// The cells of the rows of a section of the page, but for the head.
fn rows(section: &str) -> Vec<Vec<&str>> {
    let text = PAGE.split("\n## ").find(|text| text.starts_with(section));
    let rows = text
        .expect(section)
        .lines()
        .filter(|line| line.starts_with("| "));
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect();
    rows.map(cells).collect()
}

#[test]
fn keys_have_type_direction_release_and_source() {
    let rows = [rows("At the top"), rows("Items of `cmd_data`")].concat();
    let values = ["engine"];
    for key in words("").into_iter().filter(|word| !values.contains(word)) {
        let of_key: Vec<_> = rows
            .iter()
            .filter(|row| row[0] == format!("`{key}`"))
            .collect();
        assert!(!of_key.is_empty(), "{key} is not documented");
        for row in of_key {
            assert!(
                row.len() >= 6 && row.iter().all(|cell| !cell.is_empty()),
                "{row:?}"
            );
        }
    }
}

#[test]
fn commands_and_kinds_of_replies_are_listed() {
    let commands = rows("Commands");
    for word in words("command") {
        let word = format!("`{word}`");
        assert!(commands.iter().any(|row| row[0].contains(&word)), "{word}");
    }
    let top = rows("At the top");
    let kinds = top.iter().find(|row| row[0] == "`reply`").expect("reply");
    for word in words("reply") {
        assert!(kinds[1].contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn flags_have_bit_direction_release_and_source() {
    let rows = rows("Flags");
    for (name, flag) in WireFlags::all().iter_names() {
        let bit = format!("{:#x}", flag.bits());
        let row = rows.iter().find(|row| row[0] == bit).expect(name);
        let plain = |name: &str| name.replace('_', "");
        assert_eq!((plain(row[1]), row.len()), (plain(name), 6));
        assert!(
            [2, 4, 5].iter().all(|cell| !row[*cell].is_empty()),
            "{row:?}"
        );
    }
}
