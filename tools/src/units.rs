//! Sizes with units, as LVM2's tools and dmstats read and write them.

/// Bytes of a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factor(f64);

/// How sizes are shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Units {
    letter: char,
}

/// The digits that a text begins with, and the unit behind them.
pub(crate) fn split_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    Some((number.parse().ok()?, unit))
}

/// Bytes of a sector.
const SECTOR: f64 = 512.0;

/// The letters of units beyond bytes, each 1024 (1000 for the capital) times the one before.
const LETTERS: &str = "kmgtpe";

impl Factor {
    /// 2^20 bytes.
    pub(crate) const MEBI: Factor = Factor(1024.0 * 1024.0);

    /// The unit of a letter.
    pub(crate) fn of(letter: char) -> Option<Factor> {
        match letter {
            'b' | 'B' | 'h' | 'H' | 'r' | 'R' => Some(Factor(1.0)),
            's' | 'S' => Some(Factor(SECTOR)),
            _ => {
                let place = LETTERS.find(letter.to_ascii_lowercase())?;
                let base: f64 = if letter.is_ascii_lowercase() {
                    1024.0
                } else {
                    1000.0
                };
                Some(Factor(base.powi(i32::try_from(place).ok()? + 1)))
            }
        }
    }

    /// So many of it in sectors.
    pub(crate) fn sectors(self, number: f64) -> f64 {
        number * self.0 / SECTOR
    }
}

impl Units {
    /// Sectors without a word.
    pub(crate) const SECTORS: Units = Units { letter: 's' };

    /// The units of that letter: `h` for the one that fits.
    pub(crate) fn new(text: &str) -> Option<Units> {
        let mut letters = text.chars();
        let letter = letters.next().filter(|_| letters.next().is_none())?;
        Factor::of(letter)?;
        Some(Units { letter })
    }

    /// A size.
    pub(crate) fn show(self, sectors: f64) -> String {
        if sectors == 0.0 {
            return "0".to_owned();
        }
        let bytes = sectors.trunc() * SECTOR;
        let (letter, factor) = match self.letter {
            'h' | 'r' => human(bytes, 1024.0, LETTERS.to_owned()),
            'H' | 'R' => human(bytes, 1000.0, LETTERS.to_uppercase()),
            letter => (letter, Factor::of(letter).map_or(1.0, |factor| factor.0)),
        };
        let whole = "bBsS".contains(letter);
        let number = bytes / factor;
        let number = match whole {
            true => format!("{number:.0}"),
            false => format!("{number:.2}"),
        };
        // Where the unit depends on the number, the number alone says nothing; else it was asked for.
        match "hHrR".contains(self.letter) {
            true => format!("{number}{letter}"),
            false => number,
        }
    }
}

/// The largest unit of which there is at least one.
fn human(bytes: f64, base: f64, letters: String) -> (char, f64) {
    let mut found = ('B', 1.0);
    let mut factor = 1.0;
    for letter in letters.chars() {
        factor *= base;
        if bytes >= factor {
            found = (letter, factor);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        let sectors = |letter| Factor::of(letter).unwrap().sectors(4.0);
        assert_eq!(sectors('b'), 4.0 / 512.0);
        assert_eq!(sectors('s'), 4.0);
        assert_eq!(sectors('k'), 8.0);
        assert_eq!(sectors('K'), 4000.0 / 512.0);
        assert_eq!(sectors('m'), 8192.0);
        assert_eq!(Factor::of('x'), None);
    }

    #[test]
    fn sizes_are_shown_as_dmstats_does() {
        let human = Units::new("h").unwrap();
        assert_eq!(human.show(2048.0), "1.00m");
        assert_eq!(human.show(3.0), "1.50k");
        assert_eq!(human.show(0.0), "0");
        assert_eq!(Units::new("s").unwrap().show(8.0), "8");
        assert_eq!(Units::new("k").unwrap().show(8.0), "4.00");
        assert_eq!(Units::new("k").unwrap().show(0.0), "0");
        assert_eq!(Units::SECTORS.show(8.0), "8");
    }
}
