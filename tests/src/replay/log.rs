//! The log of what went on between the steps.

use std::collections::BTreeMap;

/// Something that `io.log` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The next step was sent.
    Step,
    /// A disk appeared.
    Disk { path: String, image: String },
    /// A node was made for a mapped device.
    Node { path: String, minor: u32 },
    /// A node was opened, and stays open.
    Open { path: String },
    /// A node was closed.
    Close { path: String },
    /// Bytes were read, or could not be.
    Read {
        path: String,
        from: usize,
        length: usize,
        bytes: Option<Vec<u8>>,
    },
    /// Bytes were written, or could not be.
    Write {
        path: String,
        from: usize,
        length: usize,
        /// What was written, which the log does not say: found in what was read there later.
        byte: u8,
        written: Option<usize>,
    },
    /// What a disk held, seen from its host.
    Host {
        image: String,
        from: usize,
        bytes: Vec<u8>,
    },
}

/// The events in their order. Lines of other kinds are no events.
pub(super) fn read(text: &str) -> Vec<Event> {
    let mut events: Vec<Event> = text.lines().filter_map(event).collect();
    guess_written(&mut events);
    events
}

fn event(line: &str) -> Option<Event> {
    if line
        .as_bytes()
        .first_chunk::<4>()
        .is_some_and(|head| head[..3].iter().all(u8::is_ascii_digit) && head[3] == b' ')
    {
        return Some(Event::Step);
    }
    let (head, outcome) = line.split_once(" -> ")?;
    let words: Vec<&str> = head.split(' ').collect();
    Some(match words[..] {
        ["etfs", path, image] => Event::Disk {
            path: path.into(),
            image: image.into(),
        },
        ["mknod", path, "minor", minor] => Event::Node {
            path: path.into(),
            minor: minor.parse().ok()?,
        },
        ["open", path] => Event::Open { path: path.into() },
        ["close", path] => Event::Close { path: path.into() },
        ["read", path, from, length] => Event::Read {
            path: path.into(),
            from: number(from, "off=")?,
            length: number(length, "len=")?,
            bytes: bytes(outcome),
        },
        ["write", path, from, length] => Event::Write {
            path: path.into(),
            from: number(from, "off=")?,
            length: number(length, "len=")?,
            byte: 0x5a,
            written: outcome.trim().parse().ok(),
        },
        ["hostread", image, from] => Event::Host {
            image: image.into(),
            from: number(from, "off=")?,
            bytes: runs(outcome)?,
        },
        _ => return None,
    })
}

fn number(word: &str, name: &str) -> Option<usize> {
    word.strip_prefix(name)?.parse().ok()
}

/// What was read: `COUNT  RUNS`, or `-1 ERRNO`.
fn bytes(outcome: &str) -> Option<Vec<u8>> {
    let (count, rest) = outcome.split_once(' ')?;
    let bytes = runs(rest)?;
    (count.parse() == Ok(bytes.len())).then_some(bytes)
}

/// Runs of bytes: `10*512 ab*1024`.
fn runs(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for run in text.split_whitespace() {
        let (byte, count) = run.split_once('*')?;
        let byte = u8::from_str_radix(byte, 16).ok()?;
        bytes.resize(bytes.len() + count.parse::<usize>().ok()?, byte);
    }
    Some(bytes)
}

/// Finds what each write wrote: what was next read from that place of that device.
fn guess_written(events: &mut [Event]) {
    let mut minors = BTreeMap::new();
    for at in 0..events.len() {
        if let Event::Node { path, minor } = &events[at] {
            minors.insert(path.clone(), *minor);
        }
        let Event::Write { path, from, .. } = &events[at] else {
            continue;
        };
        let (minor, from) = (minors.get(path).copied(), *from);
        let found = events[at + 1..].iter().find_map(|event| match event {
            Event::Read {
                path,
                from: start,
                bytes: Some(bytes),
                ..
            } if minors.get(path).copied() == minor => {
                bytes.get(from.checked_sub(*start)?).copied()
            }
            _ => None,
        });
        if let (Event::Write { byte, .. }, Some(found)) = (&mut events[at], found) {
            *byte = found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_events() {
        let text = "ioctl number 0xc010fd00, dm block major 169\n\
            etfs /dev/rump_wd0a disk0.img -> 0\n\
            004 create errno=0(0) reply len=531\n\
            mknod /dev/mapper/lv0 minor 1 -> 0 \n\
            write /dev/mapper/lv0 off=512 len=512 -> 512 \n\
            read /dev/mapper/lv0 off=0 len=2048 -> 1024  10*512 ab*512\n\
            read /dev/mapper/lv0 off=4096 len=512 -> 0 \n\
            read /dev/mapper/lv0 off=100 len=512 -> -1 EINVAL\n\
            hostread disk0.img off=0 -> 10*512\n";
        let events = read(text);
        assert_eq!(events.len(), 8);
        assert_eq!(events[1], Event::Step);
        assert!(matches!(
            &events[3],
            Event::Write {
                byte: 0xab,
                written: Some(512),
                ..
            }
        ));
        assert!(
            matches!(&events[4], Event::Read { bytes: Some(bytes), .. } if bytes.len() == 1024)
        );
        assert!(matches!(&events[5], Event::Read { bytes: Some(bytes), .. } if bytes.is_empty()));
        assert!(matches!(&events[6], Event::Read { bytes: None, .. }));
    }
}
