//! Any text as what a target says or is told: what is read is written so that it reads the same.
//!
//! The first byte says of which target.
#![no_main]

use dm_core::typed::{KINDS, Reader};
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
    }
});
