//! Bytes and differences as text.

/// Bytes as the log shows them.
pub(super) fn runs(bytes: &[u8]) -> String {
    let runs = bytes.chunk_by(|one, next| one == next);
    let runs: Vec<_> = runs
        .map(|run| format!("{:02x}*{}", run[0], run.len()))
        .collect();
    runs.join(" ")
}

/// The lines in which two texts differ, with the one before and the one behind.
pub(super) fn unified(theirs: &[u8], ours: &[u8]) -> String {
    let (theirs, ours) = (
        String::from_utf8_lossy(theirs),
        String::from_utf8_lossy(ours),
    );
    let theirs: Vec<&str> = theirs.lines().collect();
    let ours: Vec<&str> = ours.lines().collect();
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let front = theirs.iter().zip(&ours).take_while(same).count();
    let (rest, ours_rest) = (&theirs[front..], &ours[front..]);
    let back = rest.iter().rev().zip(ours_rest.iter().rev());
    let back = back.take_while(same).count();
    let (gone, new) = (
        &rest[..rest.len() - back],
        &ours_rest[..ours_rest.len() - back],
    );
    let mut text = format!("@@ line {} @@\n", front + 1);
    let lines = (theirs[front.saturating_sub(1)..front]
        .iter()
        .map(|line| (' ', line)))
    .chain(gone.iter().map(|line| ('-', line)))
    .chain(new.iter().map(|line| ('+', line)))
    .chain(
        rest[rest.len() - back..]
            .iter()
            .take(1)
            .map(|line| (' ', line)),
    );
    for (mark, line) in lines {
        text.push(mark);
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_shown_with_its_neighbours() {
        let text = unified(b"a\nb\nc\nd\n", b"a\nx\ny\nc\nd\n");
        assert_eq!(text, "@@ line 2 @@\n a\n-b\n+x\n+y\n c\n");
        assert_eq!(unified(b"a\n", b"a\nb\n"), "@@ line 2 @@\n a\n+b\n");
    }

    #[test]
    fn bytes_are_shown_in_runs() {
        assert_eq!(runs(&[0, 0, 0xab]), "00*2 ab*1");
        assert_eq!(runs(&[]), "");
    }
}
