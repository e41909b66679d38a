//! The account of results: one for each check that was asked for, no more, no fewer.

use std::collections::BTreeMap;

use super::protocol::{Message, Violation};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Asked,
    Started,
    Done,
}

/// What was asked and what was answered.
#[derive(Debug, Default)]
pub struct Ledger {
    checks: Vec<String>,
    entries: BTreeMap<String, Entry>,
    bye: bool,
}

impl Ledger {
    /// The checks that the guest announced.
    pub fn checks(&self) -> &[String] {
        &self.checks
    }

    /// Notes that a check is asked for; it may be asked for again once it has its result.
    pub fn ask(&mut self, check: &str) {
        self.entries.insert(check.to_owned(), Entry::Asked);
    }

    /// Enters a message.
    ///
    /// # Errors
    /// If it can not be true beside the others.
    pub fn enter(&mut self, message: &Message) -> Result<(), Violation> {
        match message {
            Message::Has(check) if self.checks.contains(check) => {
                Err(Violation::AnnouncedTwice(check.clone()))
            }
            Message::Has(check) => {
                self.checks.push(check.clone());
                Ok(())
            }
            Message::Start(check) => match self.entries.get_mut(check) {
                Some(entry @ Entry::Asked) => {
                    *entry = Entry::Started;
                    Ok(())
                }
                Some(Entry::Started) => Err(Violation::StartedTwice(check.clone())),
                Some(Entry::Done) | None => Err(Violation::Unasked(check.clone())),
            },
            Message::Ok(check) | Message::Fail(check, _) => match self.entries.get_mut(check) {
                Some(entry @ Entry::Started) => {
                    *entry = Entry::Done;
                    Ok(())
                }
                Some(Entry::Asked) => Err(Violation::NeverStarted(check.clone())),
                Some(Entry::Done) | None => Err(Violation::Unasked(check.clone())),
            },
            Message::Bye => {
                self.bye = true;
                Ok(())
            }
            Message::Ready(_) => Ok(()),
        }
    }

    /// Settles the account at the guest's end.
    ///
    /// # Errors
    /// If a result or the last word is missing.
    pub fn settle(&self) -> Result<(), Violation> {
        match self
            .entries
            .iter()
            .find(|(_, entry)| **entry != Entry::Done)
        {
            Some((check, _)) => Err(Violation::Missing(check.clone())),
            None if !self.bye => Err(Violation::NoBye),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> String {
        "linear".to_owned()
    }

    fn after(messages: &[Message]) -> Result<(), Violation> {
        let mut ledger = Ledger::default();
        ledger.ask("linear");
        messages
            .iter()
            .try_for_each(|message| ledger.enter(message))?;
        ledger.settle()
    }

    #[test]
    fn one_start_and_one_result_settle() {
        assert_eq!(
            after(&[Message::Start(name()), Message::Ok(name()), Message::Bye]),
            Ok(())
        );
    }

    #[test]
    fn second_result_is_refused() {
        let failed = Message::Fail(name(), "late".to_owned());
        let twice = [
            Message::Start(name()),
            Message::Ok(name()),
            failed,
            Message::Bye,
        ];
        assert_eq!(after(&twice), Err(Violation::Unasked(name())));
    }

    #[test]
    fn second_start_is_refused() {
        let twice = [Message::Start(name()), Message::Start(name())];
        assert_eq!(after(&twice), Err(Violation::StartedTwice(name())));
    }

    #[test]
    fn result_without_start_is_refused() {
        assert_eq!(
            after(&[Message::Ok(name())]),
            Err(Violation::NeverStarted(name()))
        );
    }

    #[test]
    fn result_nobody_asked_for_is_refused() {
        let other = || "other".to_owned();
        assert_eq!(
            after(&[Message::Start(other())]),
            Err(Violation::Unasked(other()))
        );
        assert_eq!(
            after(&[Message::Ok(other())]),
            Err(Violation::Unasked(other()))
        );
    }

    #[test]
    fn missing_result_does_not_settle() {
        let missing = Err(Violation::Missing(name()));
        assert_eq!(after(&[Message::Bye]), missing);
        assert_eq!(after(&[Message::Start(name()), Message::Bye]), missing);
    }

    #[test]
    fn missing_last_word_does_not_settle() {
        let done = [Message::Start(name()), Message::Ok(name())];
        assert_eq!(after(&done), Err(Violation::NoBye));
    }

    #[test]
    fn second_check_of_a_name_is_refused() {
        let twice = [Message::Has(name()), Message::Has(name())];
        assert_eq!(after(&twice), Err(Violation::AnnouncedTwice(name())));
    }
}
