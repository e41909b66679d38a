//! Any bytes as a LUKS header, and as the JSON of one whose checksum fits.
#![no_main]

use dm_core::errno::Errno;
use dm_core::format::luks::{Luks, Storage, sealed};
use libfuzzer_sys::fuzz_target;

struct Memory(Vec<u8>);

impl Storage for Memory {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Errno> {
        let from = usize::try_from(offset).map_err(|_| Errno::EIO)?;
        let end = from.checked_add(buffer.len()).ok_or(Errno::EIO)?;
        buffer.copy_from_slice(self.0.get(from..end).ok_or(Errno::EIO)?);
        Ok(())
    }

    fn write(&mut self, _: u64, _: &[u8]) -> Result<(), Errno> {
        panic!("a header that is only read is not written");
    }

    fn size(&self) -> u64 {
        self.0.len() as u64
    }
}

fuzz_target!(|bytes: &[u8]| {
    for disk in [bytes.to_vec(), sealed(bytes)] {
        match Luks::read(&mut Memory(disk)) {
            Ok(luks) => {
                assert!(luks.slots().iter().all(|slot| *slot < 32));
                assert!(luks.dump("disk").starts_with("LUKS header information"));
                assert!(luks.dm_uuid("vault").ends_with("-vault"));
                if let Err(error) = luks.volume() {
                    assert!(!error.to_string().is_empty());
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});
