//! Wrong parameters, and what is said of them. The guest's suite holds kernels to them, too.

/// Each target, its parameters of a line of 65,536 sectors, and what is said of them.
pub(crate) fn refusals() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let lines = include_str!("refusals.txt").lines();
    let mut lines = lines.filter(|line| !line.starts_with('#'));
    std::iter::from_fn(move || {
        let line = lines.next()?;
        let (target, params) = line.split_once(' ').unwrap_or((line, ""));
        let said = lines.next().and_then(|said| said.strip_prefix("    "));
        Some((target, params, said.expect("a line is said of each")))
    })
}
