//! Any text as what a target says or is told: what is read is written so that it reads the same.
//!
//! The first byte says of which target.
#![no_main]

use dm_core::table::TableLine;
use dm_core::typed::{Checker, KINDS, Reader, without_keys};
use dm_core::version::Version;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, text)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let kind = &KINDS[usize::from(*first) % KINDS.len()];
    if let Ok(params) = kind.params(Reader::new(text)) {
        let written = params.to_string();
        assert_eq!(kind.params(Reader::new(&written)).as_ref(), Ok(&params));
    }
    if let Ok(status) = kind.status(Reader::new(text)) {
        let written = status.to_string();
        assert_eq!(kind.status(Reader::new(&written)).as_ref(), Ok(&status));
    }
    if let Ok(message) = kind.message(Reader::new(text)) {
        let written = message.to_string();
        assert_eq!(kind.message(Reader::new(&written)).as_ref(), Ok(&message));
        if let Ok(reply) = message.reply(text) {
            assert_eq!(message.reply(&reply.to_string()), Ok(reply));
        }
    }
    // What is wrong has a remedy or none, and nothing has a key that is not hidden as a whole.
    let line = format!("0 65536 {} {text}", kind.name);
    if let Ok(line) = line.parse::<TableLine>() {
        for error in Checker::new()
            .for_versions(|_| Some(Version(1, 0, 0)))
            .check(&[line.clone()])
        {
            let _ = error.remedy();
        }
        if let Some(params) = without_keys(&line, |key| Some("0".repeat(key.len()))) {
            let hidden = TableLine { params, ..line };
            assert!(
                without_keys(&hidden, |key| key.contains(|c| c != '0').then(String::new)).is_none()
            );
        }
    }
});
