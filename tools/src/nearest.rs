//! The word that was probably meant.

use dm_core::typed::distance;

/// The word of those that is most like `wanted`, if one is much like it.
pub(crate) fn nearest<'a>(
    wanted: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    words
        .into_iter()
        .map(|word| (distance(wanted, word), word))
        .filter(|(distance, _)| *distance <= wanted.len().div_ceil(3))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_changed_letters() {
        assert_eq!(distance("vol0", "vol0"), 0);
        assert_eq!(distance("vol0", "vol1"), 1);
        assert_eq!(distance("vol", "vol0"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn nothing_is_near_what_is_far() {
        assert_eq!(nearest("crate", ["create", "remove"]), Some("create"));
        assert_eq!(nearest("xyzzy", ["create", "remove"]), None);
    }
}
