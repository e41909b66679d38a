//! Any bytes as a property list, in both of libprop's dialects.
#![no_main]

use dm_fuzz::same_text;
use dm_proto::proplib::{Dialect, Limits, Reader, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let until_nul = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let userland = Reader::new();
    let kernel = Reader::new().dialect(Dialect::Kernel);
    let read = userland.read(bytes);
    assert_eq!(userland.read(until_nul), read, "a NUL ends a text");
    match &read {
        Ok(value) => same_text(value),
        Err(error) => assert!(error.offset <= until_nul.len(), "{error}"),
    }
    // What the kernel takes userland takes, and reads the same.
    if let Ok(value) = kernel.read(bytes) {
        assert_eq!(read.as_ref(), Ok(&value));
        assert_eq!(
            kernel.read(&write(&value)).ok(),
            userland.read(&write(&value)).ok()
        );
    }
    let tight = Limits {
        size: 512,
        depth: 3,
        items: 8,
    };
    if let Ok(value) = Reader::new().limits(tight).read(bytes) {
        assert!(bytes.len() <= tight.size);
        assert_eq!(read, Ok(value), "limits refuse or change nothing");
    }
});
