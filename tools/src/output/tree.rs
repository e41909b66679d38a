//! `ls --tree`: devices above what they stand on, as dmsetup draws them.

use std::fmt::Write;

use dm_core::flags::DeviceFlags;

use crate::stack::{Device, Stack, Way, kernel_name};

use super::escape::printable;

/// How a tree is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    /// With which lines.
    pub(crate) lines: Lines,
    /// Which way.
    pub(crate) way: Way,
    /// Whether devices have their numbers.
    pub(crate) number: bool,
    /// Whether devices have the kernel's names.
    pub(crate) block_name: bool,
    /// Whether a device says if it is suspended.
    pub(crate) active: bool,
    /// Whether a device says how many have it open.
    pub(crate) open: bool,
    /// Whether a device says if it can be written.
    pub(crate) writable: bool,
    /// Whether a device says its uuid.
    pub(crate) uuid: bool,
    /// Whether the first device below another stands in its line.
    pub(crate) compact: bool,
    /// How many letters a line has at most; none for any number.
    pub(crate) width: Option<usize>,
}

/// The lines of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    /// Where nothing comes.
    pub(crate) empty: &'static str,
    /// To a device that others follow.
    pub(crate) branch: &'static str,
    /// Past devices, to one that follows.
    pub(crate) pass: &'static str,
    /// To the last device.
    pub(crate) last: &'static str,
    single: &'static str,
    first: &'static str,
}

/// Lines of letters.
pub(crate) const ASCII: Lines = Lines {
    empty: "  ",
    branch: "|-",
    pass: "| ",
    last: "`-",
    single: "---",
    first: "-+-",
};

/// Lines of Unicode's box drawing.
pub(crate) const UNICODE: Lines = Lines {
    empty: "  ",
    branch: "├─",
    pass: "│ ",
    last: "└─",
    single: "───",
    first: "─┬─",
};

/// Lines of a VT100's other character set.
pub(crate) const VT100: Lines = Lines {
    empty: "  ",
    branch: "\x1b(0\x0ftq\x1b(B",
    pass: "\x1b(0\x0fx\x1b(B ",
    last: "\x1b(0\x0fmq\x1b(B",
    single: "\x1b(0\x0fqqq\x1b(B",
    first: "\x1b(0\x0fqwq\x1b(B",
};

/// Deeper stacks than a driver allows are not drawn further.
const DEPTH: usize = 98;

/// Draws all devices.
pub(crate) fn draw(stack: &Stack, style: &Style) -> String {
    let mut drawing = Drawing {
        stack,
        style,
        text: String::new(),
        line: Vec::new(),
        more: Vec::new(),
        widths: Vec::new(),
    };
    drawing.level(&stack.starts(style.way).collect::<Vec<_>>());
    drawing.text
}

struct Drawing<'a> {
    stack: &'a Stack,
    style: &'a Style,
    text: String,
    /// The line so far.
    line: Vec<char>,
    /// Whether there are more devices to come at each depth.
    more: Vec<bool>,
    /// How wide the device of each depth is in a compact line.
    widths: Vec<usize>,
}

impl Drawing<'_> {
    fn level(&mut self, devices: &[&Device]) {
        let depth = self.more.len();
        if depth > DEPTH {
            return;
        }
        for (at, device) in devices.iter().enumerate() {
            let below: Vec<&Device> = self.stack.next(device, self.style.way).collect();
            self.more.push(at + 1 < devices.len());
            self.widths.push(0);
            self.device(device, depth, below.is_empty());
            self.level(&below);
            self.more.pop();
            self.widths.pop();
        }
    }

    fn device(&mut self, device: &Device, depth: usize, is_leaf: bool) {
        let style = self.style;
        if device.info.is_none() && !style.number && !style.block_name {
            return;
        }
        let attributes = self.attributes(device);
        let compact = style.compact && attributes.is_empty();
        let begins = self.line.is_empty();
        if !compact || begins {
            self.prefix(depth);
        }
        let offset = self.line.len();
        if compact && !begins {
            self.put(match self.more[depth] {
                true => style.lines.first,
                false => style.lines.single,
            });
        }
        let name = device.name().unwrap_or_default();
        let mut text = printable(name).into_owned();
        // Writing to a String does not fail.
        let kernel_name = kernel_name(device.number).filter(|_| style.block_name);
        if let Some(name) = kernel_name {
            let _ = write!(text, " <{name}>");
        }
        if style.number {
            let _ = write!(text, " ({})", device.number);
        }
        text.push_str(&attributes);
        self.put(&text);
        if compact {
            self.widths[depth] = self.line.len() - offset;
        }
        if !compact || is_leaf {
            self.end_line();
        }
    }

    fn attributes(&self, device: &Device) -> String {
        let Some(info) = &device.info else {
            return String::new();
        };
        let has = |flag| info.flags.contains(flag);
        let mut words = Vec::new();
        if self.style.active {
            let suspended = has(DeviceFlags::SUSPENDED);
            words.push(if suspended { "SUSPENDED" } else { "ACTIVE" }.to_owned());
        }
        if self.style.writable {
            words.push(
                if has(DeviceFlags::READ_ONLY) {
                    "RO"
                } else {
                    "RW"
                }
                .to_owned(),
            );
        }
        if self.style.open {
            words.push(info.open_count.to_string());
        }
        if self.style.uuid {
            let uuid = info.uuid.as_ref().map_or("", |uuid| uuid.as_str());
            words.push(printable(uuid).into_owned());
        }
        match words.is_empty() {
            true => String::new(),
            false => format!(" [{}]", words.join(", ")),
        }
    }

    fn prefix(&mut self, depth: usize) {
        let lines = self.style.lines;
        for at in 0..depth {
            self.put(&" ".repeat(self.widths[at] + 1));
            self.put(match (at + 1 == depth, self.more[at + 1]) {
                (true, true) => lines.branch,
                (true, false) => lines.last,
                (false, true) => lines.pass,
                (false, false) => lines.empty,
            });
        }
    }

    fn put(&mut self, text: &str) {
        self.line.extend(text.chars());
    }

    fn end_line(&mut self) {
        let cut = self.style.width.filter(|width| {
            // dmsetup does not look whether a letter of several bytes is the last one.
            let longer = self.line.len() > *width;
            longer
                || self
                    .line
                    .get(width - 1)
                    .is_some_and(|letter| !letter.is_ascii())
        });
        match cut {
            None => self.text.extend(&self.line),
            Some(width) => {
                self.text.extend(&self.line[..width - 1]);
                self.text.push_str("...");
            }
        }
        self.text.push('\n');
        self.line.clear();
    }
}
