use dm_core::command::DeviceInfo;
use dm_core::devid::DevNo;
use dm_core::flags::DeviceFlags;
use dm_core::names::{DmName, DmUuid};

use super::*;

fn device(name: &str, minor: u32) -> DeviceInfo {
    let mut info = DeviceInfo::new(DmName::new(name).unwrap(), DevNo { major: 254, minor });
    info.flags = DeviceFlags::ACTIVE_PRESENT;
    info.uuid = Some(DmUuid::new(&format!("LVM-{name}")).unwrap());
    info
}

fn wanted<'a>(fields: &'a str, sort: &'a str, selection: &'a str) -> Wanted<'a> {
    Wanted {
        fields: Some(fields),
        usual: "name",
        groups: Groups::empty(),
        sort: Some(sort),
        selection: Some(selection),
    }
}

/// The report of three devices.
fn report(wanted: &Wanted<'_>, layout: Layout) -> String {
    let mut report = Report::new(wanted, layout).unwrap().unwrap();
    for (name, minor) in [("vg-b", 10), ("vg-a", 2), ("other", 1)] {
        let info = device(name, minor);
        let object = Object {
            info: Some(&info),
            ..Object::default()
        };
        report.add(&object).unwrap();
    }
    report.take()
}

fn refused(selection: &str) -> String {
    let failure = Report::new(&wanted("name", "", selection), Layout::default()).unwrap_err();
    failure.lines("dmctl").join("; ")
}

#[test]
fn columns_are_as_wide_as_they_must_be() {
    assert_eq!(
        report(&wanted("name,minor,attr", "", ""), Layout::default()),
        "Name             Min Stat\n\
         vg-b              10 L--w\n\
         vg-a               2 L--w\n\
         other              1 L--w\n"
    );
}

#[test]
fn rows_are_sorted_by_several_keys_each_its_way() {
    let layout = || Layout {
        headings: Headings::None,
        aligned: false,
        ..Layout::default()
    };
    assert_eq!(
        report(&wanted("name", "minor", ""), layout()),
        "other\nvg-a\nvg-b\n"
    );
    assert_eq!(
        report(&wanted("name", "-name", ""), layout()),
        "vg-b\nvg-a\nother\n"
    );
    assert_eq!(
        report(&wanted("name", "attr,-minor", ""), layout()),
        "vg-b\nvg-a\nother\n"
    );
}

#[test]
fn selection_knows_the_whole_grammar() {
    let layout = || Layout {
        headings: Headings::None,
        aligned: false,
        ..Layout::default()
    };
    for (selection, names) in [
        ("name=vg-a", "vg-a"),
        ("name != vg-a", "vg-b other"),
        ("name=~\"^vg\"", "vg-b vg-a"),
        ("name!~^vg", "other"),
        ("minor>1", "vg-b vg-a"),
        ("minor>=2 && minor<10", "vg-a"),
        ("minor>=2,minor<10", "vg-a"),
        ("minor=1||minor=10", "vg-b other"),
        ("minor=1 # minor=10", "vg-b other"),
        ("!(minor=1)", "vg-b vg-a"),
        ("(minor=1 || minor=2) && name='vg-a'", "vg-a"),
        ("name=~[^o]", "other"),
        ("MINOR<=2", "vg-a other"),
        ("all", "vg-b vg-a other"),
    ] {
        let found = report(&wanted("name", "", selection), layout());
        let found: Vec<&str> = found.lines().collect();
        assert_eq!(found.join(" "), names, "{selection}");
    }
}

#[test]
fn selection_points_at_what_is_wrong() {
    for (selection, says) in [
        (
            "nam=x",
            "selection, character 1, at \"nam=x\": there is no field \"nam\"; hint: there is name",
        ),
        (
            "name=x minor=1",
            "character 8, at \"minor=1\": &&, ||, or the end is expected",
        ),
        ("name", "at its end: an operator is expected"),
        (
            "name>1",
            "character 5, at \">1\": > is for numbers, and name is a string",
        ),
        (
            "minor=~1",
            "character 6, at \"=~1\": =~ is for strings, and minor is a number",
        ),
        ("minor=x", "character 7, at \"x\": a number is expected"),
        ("minor=1k", "minor has no units"),
        ("(minor=1", "at its end: ) is expected"),
        (
            "!minor=1",
            "character 2, at \"minor=1\": ( is expected after !",
        ),
        ("name='x", "' is missing at the end"),
        ("name=~'a('", "is no regular expression"),
        ("minor since 1", "since is for times"),
        ("&& name=x", "a field's name is expected"),
    ] {
        let said = refused(selection);
        assert!(said.contains(says), "{selection}: {said}");
    }
    let deep = "(".repeat(1000);
    assert!(refused(&deep).contains("too many parentheses"));
}

#[test]
fn names_quotes_and_turned_rows_are_for_scripts() {
    let named = Layout {
        aligned: false,
        named: true,
        ..Layout::default()
    };
    assert!(
        report(&wanted("name,minor", "minor", ""), named.clone())
            .ends_with("DM_NAME='vg-b' DM_MINOR='10'\n")
    );
    let bare = Layout {
        quoted: false,
        ..named
    };
    assert!(
        report(&wanted("name,minor", "minor", ""), bare).ends_with("DM_NAME=vg-b DM_MINOR=10\n")
    );
    let turned = Layout {
        aligned: false,
        turned: true,
        separator: ":".into(),
        ..Layout::default()
    };
    assert_eq!(
        report(&wanted("name,minor", "", ""), turned),
        "Name:vg-b:vg-a:other\nMin:10:2:1\n"
    );
}

#[test]
fn row_that_tells_whether_it_is_selected_is_always_shown() {
    let layout = Layout {
        headings: Headings::None,
        ..Layout::default()
    };
    assert_eq!(
        report(&wanted("name,selected", "", "minor=2"), layout),
        "vg-b                    0\nvg-a                    1\nother                   0\n"
    );
}

#[test]
fn lvm_names_are_split() {
    let split = |name: &str| {
        let name = LvmName::new("LVM", name);
        [name.group, name.volume, name.layer].join("/")
    };
    assert_eq!(split("vg-lv"), "vg/lv/");
    assert_eq!(split("my--vg-lv--0-real"), "my-vg/lv-0/real");
    assert_eq!(split("x"), "x//");
    assert_eq!(split("a---b"), "a-/b/");
    assert_eq!(split("a-b-c-d"), "a/b/c");
    assert_eq!(LvmName::new("CRYPT", "a-b").group, "");
}

#[test]
fn every_field_is_found_by_its_name_and_with_fewer_underscores() {
    for field in super::fields::FIELDS {
        assert_eq!(find(field.id).map(|found| found.id), Some(field.id));
        let short = field.id.replace('_', "");
        assert_eq!(find(&short).map(|found| found.id), Some(field.id));
    }
}
