//! `dmctl graph`: the stack as a picture, in DOT or SVG.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::{Args, ValueEnum};
use dm_core::devid::DevNo;
use dm_core::flags::DeviceFlags;

use crate::failure::Failure;
use crate::output::Answer;
use crate::stack::{Device, Stack, Way};
use crate::units::Units;

use super::commands::Run;
use super::session::Session;
use super::tree::{Content, called, contents, devices, states};

/// The devices are to be drawn as a picture.
#[derive(Debug, Args)]
pub(super) struct Graph {
    /// What the picture is written as
    #[arg(long, value_enum, default_value_t)]
    format: Picture,
}

/// What a picture is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Picture {
    /// A picture that browsers show
    #[default]
    Svg,
    /// For Graphviz, which lays it out otherwise
    Dot,
}

/// A device's box and the space around it, in pixels.
const WIDTH: usize = 180;
const HEIGHT: usize = 44;
const GAP_X: usize = 24;
const GAP_Y: usize = 48;

/// How many letters fit into a box.
const LETTERS: usize = 24;

impl Run for Graph {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let stack = Stack::of(session.dm()?)?;
        let contents = contents(session, &stack)?;
        answer.text = match self.format {
            Picture::Dot => dot(&stack, &contents),
            Picture::Svg => svg(&stack, &contents),
        };
        answer.field("picture", answer.text.clone());
        answer.field("devices", devices(&stack, &contents));
        Ok(())
    }
}

/// The second line of a device's box.
fn detail(device: &Device, contents: &BTreeMap<DevNo, Content>) -> String {
    let Some(content) = contents.get(&device.number) else {
        return device.number.to_string();
    };
    let size = Units::new("h").map(|units| units.show(content.sectors as f64));
    let mut detail = format!("{} {}", size.unwrap_or_default(), content.targets.join(","));
    for state in states(device) {
        detail.push_str(", ");
        detail.push_str(state);
    }
    detail
}

fn dot(stack: &Stack, contents: &BTreeMap<DevNo, Content>) -> String {
    let mut text = "digraph devices {\n  node [shape=box, fontname=\"sans-serif\"];\n".to_owned();
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    for device in stack.devices() {
        let (name, detail) = (quoted(&called(device)), quoted(&detail(device, contents)));
        let style = if device.info.is_some() {
            "solid"
        } else {
            "dashed"
        };
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "  \"{}\" [label=\"{name}\\n{detail}\", style={style}];",
            device.number
        );
    }
    for device in stack.devices() {
        for below in stack.next(device, Way::Down) {
            let _ = writeln!(text, "  \"{}\" -> \"{}\";", device.number, below.number);
        }
    }
    text.push_str("}\n");
    text
}

/// How far above the ground each device is: one more than the highest on which it stands.
fn levels(stack: &Stack) -> BTreeMap<DevNo, usize> {
    fn level(stack: &Stack, device: &Device, known: &mut BTreeMap<DevNo, usize>) -> usize {
        if let Some(level) = known.get(&device.number) {
            return *level;
        }
        // Kernels before 6.12 allow circles.
        known.insert(device.number, 0);
        let below = stack.next(device, Way::Down);
        let highest = below.map(|below| level(stack, below, known) + 1).max();
        let found = highest.unwrap_or_default();
        known.insert(device.number, found);
        found
    }
    let mut known = BTreeMap::new();
    for device in stack.devices() {
        level(stack, device, &mut known);
    }
    known
}

fn svg(stack: &Stack, contents: &BTreeMap<DevNo, Content>) -> String {
    let levels = levels(stack);
    let highest = levels.values().max().copied().unwrap_or_default();
    let mut taken = vec![0_usize; highest + 1];
    let mut places = BTreeMap::new();
    for device in stack.devices() {
        let level = levels.get(&device.number).copied().unwrap_or_default();
        let x = GAP_X + taken[level] * (WIDTH + GAP_X);
        let y = GAP_Y + (highest - level) * (HEIGHT + GAP_Y);
        taken[level] += 1;
        places.insert(device.number, (x, y));
    }
    let columns = taken.iter().max().copied().unwrap_or_default();
    let (width, height) = (
        GAP_X + columns * (WIDTH + GAP_X),
        GAP_Y + (highest + 1) * (HEIGHT + GAP_Y),
    );
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>Mapped devices</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for device in stack.devices() {
        for below in stack.next(device, Way::Down) {
            let ends = places.get(&device.number).zip(places.get(&below.number));
            if let Some(((x, y), (to_x, to_y))) = ends {
                // Writing to a String does not fail.
                let _ = writeln!(
                    text,
                    "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{to_y}\" stroke=\"#555\"/>",
                    x + WIDTH / 2,
                    y + HEIGHT,
                    to_x + WIDTH / 2,
                );
            }
        }
    }
    for device in stack.devices() {
        let Some((x, y)) = places.get(&device.number) else {
            continue;
        };
        let (fill, dash) = match &device.info {
            Some(info) if info.flags.contains(DeviceFlags::SUSPENDED) => ("#fdecc8", ""),
            Some(_) => ("#e8f0fe", ""),
            None => ("#f4f4f4", " stroke-dasharray=\"4\""),
        };
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"4\" \
             fill=\"{fill}\" stroke=\"#555\"{dash}/>"
        );
        let middle = x + WIDTH / 2;
        for (line, at) in [(called(device), y + 18), (detail(device, contents), y + 35)] {
            let line = escaped(&shortened(&line));
            let _ = writeln!(
                text,
                "<text x=\"{middle}\" y=\"{at}\" text-anchor=\"middle\">{line}</text>"
            );
        }
    }
    text.push_str("</svg>\n");
    text
}

fn shortened(text: &str) -> String {
    match text.chars().count() > LETTERS {
        false => text.to_owned(),
        true => text.chars().take(LETTERS - 1).chain(['…']).collect(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
