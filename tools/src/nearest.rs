//! The word that was probably meant.

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

/// How many letters must be added, taken away or changed to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (column, b) in other.iter().enumerate() {
            let changed = corner + usize::from(a != *b);
            corner = row[column + 1];
            row[column + 1] = changed.min(corner + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
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
