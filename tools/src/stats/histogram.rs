//! How a histogram is written: `BOUND: COUNT, …`.

/// What of the counts is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// Nothing: the bounds alone.
    None,
    /// The counts.
    Counts,
    /// Their part of the whole.
    Percent,
}

/// What of the bounds is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// Nothing.
    None,
    /// The lower one.
    Lower,
    /// Both.
    Range,
}

/// How a histogram is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Whether numbers are padded to columns.
    pub(crate) padded: bool,
    /// Whether times have units.
    pub(crate) suffix: bool,
}

/// The widths of padded numbers.
const VALUE: usize = 6;
const BOUND: usize = 6;
const BOUND_WITHOUT_SUFFIX: usize = 10;

/// A histogram as text.
pub(super) fn write(
    bounds: &[u64],
    counts: &[u64],
    show: Values,
    which: Bounds,
    layout: Layout,
) -> String {
    let total: u64 = counts.iter().sum();
    let value_width = match show {
        Values::None => 0,
        _ if !layout.padded => 0,
        _ => VALUE,
    };
    let bins = bounds.len() + 1;
    let mut text = String::new();
    for bin in 0..bins {
        let lower = bin.checked_sub(1).and_then(|at| bounds.get(at));
        let upper = bounds.get(bin);
        let mut width = value_width;
        let mut bound = String::new();
        if which != Bounds::None {
            let bound_width = match (value_width, layout.suffix) {
                (0, _) => 0,
                (_, true) => BOUND,
                (_, false) => BOUND_WITHOUT_SUFFIX,
            };
            let lower = time(lower.copied().unwrap_or_default(), layout.suffix);
            bound = match (which, upper) {
                (Bounds::Range, None) => format!("{:>bound_width$}", format!(">{lower}")),
                (Bounds::Range, Some(upper)) => {
                    format!("{lower}-{}", time(*upper, layout.suffix))
                }
                _ => format!("{lower:>bound_width$}"),
            };
            if show != Values::None {
                bound.push(':');
            }
            // What a bound takes more than its width, its value has less.
            width = (width + bound_width + 1).saturating_sub(bound.len());
            if value_width == 0 {
                width = 0;
            }
        }
        let count = counts.get(bin).copied().unwrap_or_default();
        let value = match show {
            Values::None => String::new(),
            Values::Counts => format!("{count:>width$}"),
            Values::Percent => {
                let part = if total == 0 {
                    0.0
                } else {
                    100.0 * count as f64 / total as f64
                };
                format!("{part:>width$.2}%")
            }
        };
        text.push_str(&bound);
        text.push_str(&value);
        if bin + 1 < bins {
            text.push_str(match (which, show, value_width) {
                (Bounds::None, Values::None, _) => "",
                (Bounds::None, _, 0) => ":",
                (Bounds::None, _, _) => "",
                (_, Values::None, _) => ",",
                (_, _, 0) => ":",
                (_, _, _) => ",",
            });
        }
    }
    text
}

/// A time in its largest whole unit.
fn time(nanoseconds: u64, suffix: bool) -> String {
    if !suffix {
        return nanoseconds.to_string();
    }
    for (unit, name) in [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")] {
        if nanoseconds.is_multiple_of(unit) {
            return format!("{}{name}", nanoseconds / unit);
        }
    }
    format!("{nanoseconds}ns")
}
