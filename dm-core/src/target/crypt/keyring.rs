//! Keys of the kernel's keyring: those of type `user`, which a process may read.

use alloc::format;
use alloc::string::String;

use crate::typed::crypt::KeyringType;

use super::key::KeyBytes;

/// The key of `bytes` that the keyrings of this process have under `description`.
pub(super) fn read(kind: KeyringType, bytes: u32, description: &str) -> Result<KeyBytes, String> {
    if kind != KeyringType::User {
        let why = "only a kernel can use keys of that type; the engine reads those of type user";
        return Err(why.into());
    }
    let length = usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut key = KeyBytes::zeroes(length).ok_or("the key is too long")?;
    match find(description, key.as_mut())? {
        found if found == length => Ok(key),
        found => Err(format!("the keyring's key has {found} bytes, not {length}")),
    }
}

/// Fills `bytes`, and says how many the key has.
#[cfg(target_os = "linux")]
fn find(description: &str, mut bytes: &mut [u8]) -> Result<usize, String> {
    use linux_keyutils::{KeyRing, KeyRingIdentifier};

    // As a request for a key looks for it: what is the thread's own is no other thread's.
    let rings = [
        KeyRingIdentifier::Process,
        KeyRingIdentifier::Session,
        KeyRingIdentifier::User,
    ];
    let search = |ring| KeyRing::from_special_id(ring, false)?.search(description);
    let key = rings.into_iter().find_map(|ring| search(ring).ok());
    let key = key.ok_or("the keyring has no such key")?;
    key.read(&mut bytes)
        .map_err(|_| "the keyring's key can not be read".into())
}

#[cfg(not(target_os = "linux"))]
fn find(_: &str, _: &mut [u8]) -> Result<usize, String> {
    Err("this system has no keyring; give the key in hexadecimal".into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};

    use super::*;

    #[test]
    fn key_of_the_process_is_found_and_has_its_length() {
        let added = KeyRing::from_special_id(KeyRingIdentifier::Process, true)
            .and_then(|ring| ring.add_key("dm-core-test", &[7_u8; 32]));
        match added {
            Ok(_) => {}
            Err(KeyError::OperationNotSupported | KeyError::Unknown(38)) => {
                std::eprintln!("SKIPPED: this kernel has no keyring");
                return;
            }
            Err(error) => panic!("{error}"),
        }
        let read = |kind, bytes, name| read(kind, bytes, name).map(|key| key.to_vec());
        let key = read(KeyringType::User, 32, "dm-core-test");
        assert_eq!(key, Ok(alloc::vec![7; 32]));
        let short = read(KeyringType::User, 16, "dm-core-test").unwrap_err();
        assert!(short.contains("has 32 bytes, not 16"), "{short}");
        assert!(read(KeyringType::User, 32, "dm-core-other").is_err());
        assert!(read(KeyringType::Logon, 32, "dm-core-test").is_err());
    }
}
