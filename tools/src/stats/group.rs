//! Regions that are looked at together.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A group: it stands as `DMS_GROUP="ALIAS":MEMBERS#` before what its first region says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its regions; the first one's number is its own.
    pub(crate) members: Members,
    /// Its name.
    pub(crate) alias: Option<String>,
}

/// Regions' numbers: `0,2-4`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members(pub(crate) BTreeSet<u64>);

const TAG: &str = "DMS_GROUP=";

/// More regions than this are a mistake in a text.
const MOST: u64 = 1 << 20;

impl Group {
    /// A group and the rest of a region's text.
    pub(super) fn split(text: &str, region: u64) -> (Option<Group>, &str) {
        let Some(tagged) = text.strip_prefix(TAG) else {
            return (None, text);
        };
        let (group, rest) = tagged.split_once('#').unwrap_or((tagged, ""));
        let read = group.rsplit_once(':').and_then(|(alias, members)| {
            let members: Members = members.parse().ok()?;
            let alias = alias.trim_matches('"');
            let alias = (!alias.is_empty()).then(|| alias.to_owned());
            (members.0.first() == Some(&region)).then_some(Group { members, alias })
        });
        match read {
            Some(group) => (Some(group), rest),
            None => (None, text),
        }
    }

    /// The text of its first region, of which the user says `user_data`.
    pub(crate) fn tag(&self, user_data: &str) -> String {
        let rest = if user_data.is_empty() { "-" } else { user_data };
        match &self.alias {
            Some(alias) => format!("{TAG}\"{alias}\":{}#{rest}", self.members),
            None => format!("{TAG}:{}#{rest}", self.members),
        }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u64 {
        self.members.0.first().copied().unwrap_or_default()
    }
}

impl FromStr for Members {
    type Err = String;

    fn from_str(text: &str) -> Result<Members, String> {
        let wrong = || format!("{text:?} is no list of regions such as 0,2-4");
        let mut members = BTreeSet::new();
        for word in text.split(',') {
            let number = |text: &str| text.trim().parse::<u64>().ok();
            let (first, last) = match word.split_once('-') {
                Some((first, last)) => (number(first), number(last)),
                None => (number(word), number(word)),
            };
            let (first, last) = first.zip(last).ok_or_else(wrong)?;
            if first > last || last - first > MOST {
                return Err(wrong());
            }
            members.extend(first..=last);
        }
        Ok(Members(members))
    }
}

impl fmt::Display for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        let mut rest = self.0.iter().copied().peekable();
        while let Some(first) = rest.next() {
            let mut last = first;
            while let Some(next) = rest.next_if_eq(&(last + 1)) {
                last = next;
            }
            match last {
                _ if last == first => write!(f, "{between}{first}")?,
                _ => write!(f, "{between}{first}-{last}")?,
            }
            between = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_read_back() {
        for text in ["0", "0,2-4", "1-3,7,9-10"] {
            assert_eq!(text.parse::<Members>().unwrap().to_string(), text);
        }
        for wrong in ["", "x", "3-1", "1,,2", "0-99999999999"] {
            assert!(wrong.parse::<Members>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn group_stands_before_what_a_region_says() {
        let group = Group {
            members: "0-1".parse().unwrap(),
            alias: Some("database".into()),
        };
        let tag = group.tag("");
        assert_eq!(tag, "DMS_GROUP=\"database\":0-1#-");
        assert_eq!(Group::split(&tag, 0), (Some(group), "-"));
        // A group that another region leads is none.
        assert_eq!(Group::split(&tag, 1), (None, tag.as_str()));
        assert_eq!(Group::split("hello", 0), (None, "hello"));
    }
}
