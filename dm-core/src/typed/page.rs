//! The pages of targets in docs/targets: their syntax, and what each option means.

use crate::version::Version;

use super::Kind;

/// A target's page, as it stands in docs/targets.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    text: &'static str,
}

/// A row of a page's table of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WordRow {
    /// The word as the syntax has it, or several.
    pub word: &'static str,
    /// What it says.
    pub about: &'static str,
}

/// A row of a page's table of options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionRow {
    /// The option as a table line has it, with a colon if its value is behind one.
    pub word: &'static str,
    /// What its value is called.
    pub value: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What values it takes.
    pub values: &'static str,
    /// What is without it.
    pub default: &'static str,
    /// The target's first version that has it, if not each has.
    pub since: Option<Since>,
}

/// Since when something is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// The target's version.
    pub version: Version,
    /// The kernel that has it, such as `5.9`, if that is known.
    pub kernel: Option<&'static str>,
}

const PAGES: &[(&str, &str)] = &[
    ("linear", include_str!("../../../docs/targets/linear.md")),
    ("striped", include_str!("../../../docs/targets/striped.md")),
    ("zero", include_str!("../../../docs/targets/zero.md")),
    ("error", include_str!("../../../docs/targets/error.md")),
    ("delay", include_str!("../../../docs/targets/delay.md")),
    ("flakey", include_str!("../../../docs/targets/flakey.md")),
    ("dust", include_str!("../../../docs/targets/dust.md")),
    (
        "log-writes",
        include_str!("../../../docs/targets/log-writes.md"),
    ),
    ("snapshot", SNAPSHOT),
    ("snapshot-origin", SNAPSHOT),
    ("snapshot-merge", SNAPSHOT),
    ("mirror", include_str!("../../../docs/targets/mirror.md")),
    ("raid", include_str!("../../../docs/targets/raid.md")),
    ("crypt", include_str!("../../../docs/targets/crypt.md")),
    (
        "inlinecrypt",
        include_str!("../../../docs/targets/inlinecrypt.md"),
    ),
    (
        "integrity",
        include_str!("../../../docs/targets/integrity.md"),
    ),
    ("verity", include_str!("../../../docs/targets/verity.md")),
    (
        "thin-pool",
        include_str!("../../../docs/targets/thin-pool.md"),
    ),
    ("thin", include_str!("../../../docs/targets/thin.md")),
    ("cache", include_str!("../../../docs/targets/cache.md")),
    (
        "writecache",
        include_str!("../../../docs/targets/writecache.md"),
    ),
    ("era", include_str!("../../../docs/targets/era.md")),
    ("clone", include_str!("../../../docs/targets/clone.md")),
    (
        "multipath",
        include_str!("../../../docs/targets/multipath.md"),
    ),
    (
        "unstriped",
        include_str!("../../../docs/targets/unstriped.md"),
    ),
    ("switch", include_str!("../../../docs/targets/switch.md")),
    ("ebs", include_str!("../../../docs/targets/ebs.md")),
    ("zoned", include_str!("../../../docs/targets/zoned.md")),
    ("vdo", include_str!("../../../docs/targets/vdo.md")),
    ("pcache", include_str!("../../../docs/targets/pcache.md")),
];

/// Three targets share it.
const SNAPSHOT: &str = include_str!("../../../docs/targets/snapshot.md");

impl Kind {
    /// Its page.
    pub fn page(&self) -> Page {
        let page = PAGES.iter().find(|(name, _)| *name == self.name);
        Page {
            text: page.map_or("", |(_, text)| text),
        }
    }

    /// The syntax of its table lines, from `START` on.
    pub fn syntax(&self) -> &'static str {
        let lines = self.page().text.lines();
        let fits = |line: &&str| {
            let target = line.strip_prefix("START LENGTH ");
            let name = target.and_then(|target| target.split(' ').next());
            name == Some(self.name)
        };
        lines.into_iter().find(fits).unwrap_or_default()
    }

    /// What the page says of an option, of which `word` may have a value behind a colon.
    pub fn option(&self, word: &str) -> Option<OptionRow> {
        let name = match word.split_once(':') {
            Some((name, _)) => &word[..=name.len()],
            None => word,
        };
        let mut row = self
            .page()
            .options()
            .find(|row| row.word.eq_ignore_ascii_case(name))?;
        if self.name == "snapshot-merge" {
            // The versions on the page are those of the snapshots themselves.
            row.since = None;
        }
        Some(row)
    }
}

impl Page {
    /// The whole text.
    pub fn text(self) -> &'static str {
        self.text
    }

    /// What the target can be told, as the page says it; none if nothing.
    pub fn messages(self) -> Option<&'static str> {
        let (_, messages) = self.text.split_once(" Messages: ")?;
        let (messages, _) = messages.split_once(". Kernel version followed")?;
        Some(messages).filter(|messages| *messages != "none")
    }

    /// The rows of its table of words, which are those of the syntax.
    pub fn words(self) -> impl Iterator<Item = WordRow> {
        self.rows("| word |").map_while(word_row)
    }

    /// The rows of its table of options.
    pub fn options(self) -> impl Iterator<Item = OptionRow> {
        self.rows("| option |").map_while(option_row)
    }

    /// The lines behind the head of a table.
    fn rows(self, head: &'static str) -> impl Iterator<Item = &'static str> {
        let lines = self.text.lines();
        lines
            .skip_while(move |line| !line.starts_with(head))
            .skip(2)
    }
}

fn word_row(line: &'static str) -> Option<WordRow> {
    let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let (word, about) = cells.split_once(" | ")?;
    Some(WordRow { word, about })
}

fn option_row(line: &'static str) -> Option<OptionRow> {
    let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|');
    let mut cell = || cells.next().map(str::trim);
    let (word, value) = cell()?.strip_prefix('`')?.split_once('`')?;
    Some(OptionRow {
        word,
        value: value.trim(),
        about: cell()?,
        values: cell()?,
        default: cell()?,
        since: since(cell()?),
    })
}

/// `1.22.0`, or `1.22.0 (Linux 5.9)`.
fn since(cell: &'static str) -> Option<Since> {
    let (version, kernel) = match cell.split_once(" (Linux ") {
        Some((version, kernel)) => (version, kernel.strip_suffix(')')),
        None => (cell, None),
    };
    let mut parts = version.split('.').map(|part| part.parse().ok());
    let version = Version(parts.next()??, parts.next()??, parts.next()??);
    Some(Since { version, kernel })
}
