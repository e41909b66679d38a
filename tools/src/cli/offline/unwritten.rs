//! What a dry run would have written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::output::talk;

/// More places than these are only counted.
const TOLD: usize = 8;

/// What a file would have got.
#[derive(Debug, Default)]
pub(in crate::cli) struct Unwritten(Mutex<Runs>);

#[derive(Debug, Default)]
struct Runs {
    /// The end of each run of bytes, by its start; none touches the next.
    runs: BTreeMap<u64, u64>,
    /// The length that the file would have at least.
    length: u64,
}

impl Unwritten {
    /// These bytes would be written.
    pub(in crate::cli) fn add(&self, offset: u64, bytes: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut start, mut end) = (offset, offset.saturating_add(bytes));
        while let Some((&first, &last)) = all.runs.range(..=end).next_back()
            && last >= start
        {
            all.runs.remove(&first);
            (start, end) = (start.min(first), end.max(last));
        }
        all.length = all.length.max(end);
        all.runs.insert(start, end);
    }

    /// The file would be made so long, if it is shorter.
    pub(in crate::cli) fn extend(&self, length: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.length = all.length.max(length);
    }

    /// The length that the file would have at least.
    pub(in crate::cli) fn length(&self) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.length
    }

    /// Says all of it.
    pub(in crate::cli) fn say(&self, path: &Path) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.lines(path).iter().for_each(|line| talk(line));
    }
}

impl Runs {
    fn lines(&self, path: &Path) -> Vec<String> {
        let path = path.display();
        let line = |(start, end): (&u64, &u64)| {
            let bytes = end - start;
            format!("would write {bytes} bytes to {path} from byte {start} on")
        };
        if self.runs.len() <= TOLD {
            return self.runs.iter().map(line).collect();
        }
        let bytes: u64 = self.runs.iter().map(|(start, end)| end - start).sum();
        let ends = self.runs.first_key_value().zip(self.runs.last_key_value());
        let (first, last) = ends.map_or((0, 0), |((first, _), (_, last))| (*first, *last));
        let places = self.runs.len();
        vec![format!(
            "would write {bytes} bytes to {path}, in {places} places from byte {first} to {last}"
        )]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(written: &[(u64, u64)]) -> Vec<String> {
        let all = Unwritten::default();
        for (offset, bytes) in written {
            all.add(*offset, *bytes);
        }
        all.0.into_inner().unwrap().lines(Path::new("disk"))
    }

    #[test]
    fn what_touches_is_one_run() {
        let written = [(512, 512), (4096, 8), (0, 512), (600, 8), (4000, 96)];
        assert_eq!(
            lines(&written),
            [
                "would write 1024 bytes to disk from byte 0 on",
                "would write 104 bytes to disk from byte 4000 on",
            ]
        );
        assert_eq!(
            lines(&[(8, 8), (24, 8), (0, 64)]),
            ["would write 64 bytes to disk from byte 0 on"]
        );
    }

    #[test]
    fn many_runs_are_counted() {
        let many: Vec<(u64, u64)> = (0..100).map(|at| (at * 16, 8)).collect();
        assert_eq!(
            lines(&many),
            ["would write 800 bytes to disk, in 100 places from byte 0 to 1592"]
        );
    }
}
