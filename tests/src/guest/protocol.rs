//! The lines on a guest's console.
//!
//! # Shape
//! The host writes requests, one a line: `RUN name`, `END`. The guest answers through the
//! kernel's log, because the kernel prints each record in one piece, while two writers on a
//! terminal cut into each other's lines. Hence a message may stand behind anything else in its
//! line, and starts with [`PREFIX`]:
//!
//! ```text
//! dm-guest: HAS name
//! dm-guest: READY 6.12.1-cloud
//! dm-guest: CHECK name START
//! dm-guest: CHECK name OK
//! dm-guest: CHECK name FAIL reason
//! dm-guest: BYE
//! ```

use std::fmt;

/// What each message starts with.
pub const PREFIX: &str = "dm-guest: ";
/// The longest reason in bytes; a record of the kernel's log holds about a thousand.
const REASON_MAX: usize = 700;

/// What the host asks of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Run the check of this name.
    Run(String),
    /// No more checks.
    End,
}

impl Request {
    /// Reads a line.
    pub fn parse(line: &str) -> Option<Request> {
        match line.trim_end() {
            "END" => Some(Request::End),
            line => line
                .strip_prefix("RUN ")
                .map(|name| Request::Run(name.to_owned())),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Run(name) => write!(f, "RUN {name}"),
            Request::End => f.write_str("END"),
        }
    }
}

/// What the guest tells the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// There is a check of this name.
    Has(String),
    /// All checks are told; this is the kernel's release.
    Ready(String),
    /// A check starts.
    Start(String),
    /// A check succeeded.
    Ok(String),
    /// A check failed, for this reason.
    Fail(String, String),
    /// The suite ends, as it was asked to.
    Bye,
}

/// A message that can not be, or not now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// No message.
    Garbled(String),
    /// A check is announced twice.
    AnnouncedTwice(String),
    /// A result or a start of a check that was not asked for, or has its result.
    Unasked(String),
    /// A check starts twice.
    StartedTwice(String),
    /// A check has a result and did not start.
    NeverStarted(String),
    /// A check has no result.
    Missing(String),
    /// The suite ended without its last word.
    NoBye,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Garbled(line) => write!(f, "no message: {line}"),
            Violation::AnnouncedTwice(check) => write!(f, "{check} is announced twice"),
            Violation::Unasked(check) => write!(f, "nobody asked for this result of {check}"),
            Violation::StartedTwice(check) => write!(f, "{check} starts twice"),
            Violation::NeverStarted(check) => write!(f, "{check} has a result and never started"),
            Violation::Missing(check) => write!(f, "{check} has no result"),
            Violation::NoBye => f.write_str("the suite ended without its last word"),
        }
    }
}

impl Message {
    /// The message in a line of the console, if the line has the prefix.
    pub fn find(line: &str) -> Option<Result<Message, Violation>> {
        let (_, text) = line.split_once(PREFIX)?;
        let text = text.trim_end();
        Some(Message::parse(text).ok_or_else(|| Violation::Garbled(text.to_owned())))
    }

    fn parse(text: &str) -> Option<Message> {
        let name = |text: &str| {
            let fine = !text.is_empty() && !text.contains(char::is_whitespace);
            fine.then(|| text.to_owned())
        };
        if text == "BYE" {
            return Some(Message::Bye);
        }
        let (word, rest) = text.split_once(' ')?;
        match word {
            "HAS" => name(rest).map(Message::Has),
            "READY" => name(rest).map(Message::Ready),
            "CHECK" => {
                let (check, result) = rest.split_once(' ')?;
                let check = name(check)?;
                match result {
                    "START" => Some(Message::Start(check)),
                    "OK" => Some(Message::Ok(check)),
                    _ => {
                        let reason = result.strip_prefix("FAIL")?;
                        Some(Message::Fail(check, reason.trim_start().to_owned()))
                    }
                }
            }
            _ => None,
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        match self {
            Message::Has(check) => write!(f, "HAS {check}"),
            Message::Ready(release) => write!(f, "READY {release}"),
            Message::Start(check) => write!(f, "CHECK {check} START"),
            Message::Ok(check) => write!(f, "CHECK {check} OK"),
            Message::Fail(check, reason) => {
                let reason = reason.trim().replace(['\n', '\r'], " | ");
                let ends = reason
                    .char_indices()
                    .map(|(start, char)| start + char.len_utf8());
                let end = ends
                    .take_while(|end| *end <= REASON_MAX)
                    .last()
                    .unwrap_or(0);
                write!(f, "CHECK {check} FAIL {}", &reason[..end])
            }
            Message::Bye => f.write_str("BYE"),
        }
    }
}

/// Whether a line tells that the kernel is broken, or what runs it.
pub fn is_kernel_trouble(line: &str) -> bool {
    [
        "Kernel panic",
        "BUG:",
        "] BUG ",
        "Oops",
        "KVM internal error",
    ]
    .iter()
    .any(|words| line.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_found_behind_other_text() {
        let line = "half a li[   12.5] dm-guest: CHECK linear FAIL no device\r";
        let found = Message::Fail("linear".to_owned(), "no device".to_owned());
        assert_eq!(Message::find(line), Some(Ok(found)));
        assert_eq!(Message::find("[   12.5] CHECK linear OK"), None);
    }

    #[test]
    fn every_message_reads_back() {
        let name = || "linear".to_owned();
        for message in [
            Message::Has(name()),
            Message::Ready("6.12.1-cloud".to_owned()),
            Message::Start(name()),
            Message::Ok(name()),
            Message::Fail(name(), "no device".to_owned()),
            Message::Fail(name(), String::new()),
            Message::Bye,
        ] {
            assert_eq!(Message::find(&message.to_string()), Some(Ok(message)));
        }
    }

    #[test]
    fn every_request_reads_back() {
        for request in [Request::Run("linear".to_owned()), Request::End] {
            assert_eq!(Request::parse(&format!("{request}\n")), Some(request));
        }
        assert_eq!(Request::parse("STOP"), None);
    }

    #[test]
    fn reason_is_one_short_line() {
        let message = Message::Fail("long".to_owned(), format!("é\n{}", "é".repeat(2000)));
        let line = message.to_string();
        assert!(line.len() < 800 && line.contains("FAIL é | é"), "{line}");
    }

    #[test]
    fn garbled_message_is_no_message() {
        for text in [
            "",
            "CHECK",
            "CHECK linear",
            "CHECK linear MAYBE",
            "HAS a b",
            "CHECK  OK",
        ] {
            let garbled = Violation::Garbled(text.trim_end().to_owned());
            assert_eq!(
                Message::find(&format!("{PREFIX}{text}")),
                Some(Err(garbled))
            );
        }
    }
}
