//! Differences that are meant.

/// A step that differs, because the kernel would crash there or lose data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documented {
    /// The scenario's folder, as in `life` or `undefined/self`.
    pub scenario: String,
    /// The step's number, or that of the step before and the io's place behind it: `085` or `085.1`.
    pub step: String,
    /// The number in `docs/quirks.md`.
    pub quirk: u32,
    /// Why.
    pub reason: String,
}

/// The rows of `tests/golden/netbsd/documented.tsv`.
///
/// # Panics
/// If a row has not four fields.
pub fn documented() -> Vec<Documented> {
    read(include_str!("../../golden/netbsd/documented.tsv"))
}

fn read(text: &str) -> Vec<Documented> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [scenario, step, quirk, reason] = fields[..] else {
            panic!("documented.tsv: {line:?} has not four fields");
        };
        let quirk = quirk.parse();
        Documented {
            scenario: scenario.into(),
            step: step.into(),
            quirk: quirk.unwrap_or_else(|_| panic!("documented.tsv: {line:?} has no quirk")),
            reason: reason.into(),
        }
    };
    text.lines().skip(1).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_is_read() {
        let rows = read("scenario\tstep\tquirk\treason\nlife\t009\t7\tit would crash\n");
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].step.as_str(), rows[0].quirk), ("009", 7));
    }
}
