//! LUKS2's JSON, read with care: it may be hostile.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::area;
use super::error::LuksError;
use super::kdf::{Kdf, Variant, hash_of};
use super::split::STRIPES;

/// What the JSON says, checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    pub(super) keyslots: BTreeMap<u32, Keyslot>,
    pub(super) segments: BTreeMap<u32, Segment>,
    pub(super) digests: BTreeMap<u32, Digest>,
    pub(super) tokens: BTreeMap<u32, Token>,
    pub(super) flags: Vec<String>,
    pub(super) requirements: Vec<String>,
    pub(super) keyslots_size: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Keyslot {
    pub(super) key_bytes: usize,
    /// 0 for slots to be left out, 1 for others, 2 for preferred ones.
    pub(super) priority: u8,
    pub(super) hash: String,
    pub(super) kdf: Kdf,
    pub(super) salt: Vec<u8>,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) cipher: String,
    /// Bytes of the key that the passphrase makes.
    pub(super) cipher_bytes: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) kind: String,
    pub(super) offset: u64,
    /// `None` for what the device has.
    pub(super) size: Option<u64>,
    pub(super) iv_tweak: u64,
    pub(super) cipher: String,
    pub(super) sector_size: u32,
    /// The sectors' tags, for which there is an integrity device.
    pub(super) tags: Option<SegmentTags>,
    /// Something else is to be known of it, such as `flags`.
    pub(super) unknown: Option<&'static str>,
}

/// What a segment says of tags.
#[derive(Clone, Debug)]
pub(super) struct SegmentTags {
    pub(super) kind: String,
    /// Bytes of the key that are theirs.
    pub(super) key_bytes: Option<u32>,
    /// Their journal is encrypted, or has MACs.
    pub(super) journal_protected: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Digest {
    pub(super) keyslots: Vec<u32>,
    pub(super) segments: Vec<u32>,
    pub(super) kdf: Kdf,
    pub(super) salt: Vec<u8>,
    pub(super) digest: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: String,
    pub(super) keyslots: Vec<u32>,
}

/// The most objects of a kind, as cryptsetup has it.
pub(super) const OBJECTS_MAX: u32 = 32;

/// The most bytes of a key.
const KEY_MAX: u64 = 512;

impl Metadata {
    /// Reads the JSON of a header whose two copies take `headers` bytes.
    pub(super) fn of(json: &Value, headers: u64) -> Result<Metadata, LuksError> {
        let json = Object::of(json, "the JSON")?;
        let config = json.object("config")?;
        let mut metadata = Metadata {
            keyslots_size: config.long("keyslots_size")?,
            flags: config.words("flags")?,
            ..Metadata::default()
        };
        if let Some(requirements) = config.0.get("requirements") {
            let requirements = Object::of(requirements, "requirements")?;
            metadata.requirements = requirements.words("mandatory")?;
        }
        metadata.keyslots = json.numbered("keyslots", keyslot)?;
        metadata.segments = json.numbered("segments", segment)?;
        metadata.digests = json.numbered("digests", digest)?;
        metadata.tokens = json.numbered("tokens", token)?;
        metadata.check(headers)?;
        Ok(metadata)
    }

    fn check(&self, headers: u64) -> Result<(), LuksError> {
        let end = headers.checked_add(self.keyslots_size);
        let mut last = headers;
        for (slot, offset, size) in self.areas() {
            let after = offset.checked_add(size).filter(|after| Some(*after) <= end);
            let (Some(after), true) = (after, offset >= last) else {
                let what = "its area overlaps another one, or lies outside of its place";
                return Err(damaged(slot, what));
            };
            last = after;
        }
        for slot in self.keyslots.keys() {
            let digests = self.digests.values();
            if digests
                .filter(|digest| digest.keyslots.contains(slot))
                .count()
                > 1
            {
                return Err(damaged(*slot, "its key has two digests"));
            }
        }
        for digest in self.digests.values() {
            let known = digest
                .keyslots
                .iter()
                .all(|slot| self.keyslots.contains_key(slot))
                && digest
                    .segments
                    .iter()
                    .all(|at| self.segments.contains_key(at));
            if !known {
                return Err(LuksError::damaged("a digest is for what is not there"));
            }
        }
        let used = self.tokens.values().flat_map(|token| &token.keyslots);
        if used
            .into_iter()
            .any(|slot| !self.keyslots.contains_key(slot))
        {
            return Err(LuksError::damaged(
                "a token is for a key slot that is not there",
            ));
        }
        Ok(())
    }

    /// The slots' areas in the order in which they lie: slot, first byte, bytes.
    pub(super) fn areas(&self) -> Vec<(u32, u64, u64)> {
        let areas = self.keyslots.iter();
        let mut areas: Vec<_> = areas
            .map(|(slot, keyslot)| (*slot, keyslot.offset, keyslot.size))
            .collect();
        areas.sort_unstable_by_key(|area| area.1);
        areas
    }

    /// The digest that a slot's key must have.
    pub(super) fn digest_of(&self, slot: u32) -> Option<(u32, &Digest)> {
        let mut digests = self.digests.iter();
        let found = digests.find(|(_, digest)| digest.keyslots.contains(&slot));
        found.map(|(number, digest)| (*number, digest))
    }
}

fn damaged(slot: u32, what: &str) -> LuksError {
    LuksError::Damaged(format!("key slot {slot}: {what}"))
}

fn keyslot(json: &Object<'_>) -> Result<Keyslot, LuksError> {
    json.is("type", &["luks2"])?;
    let (af, area, kdf) = (
        json.object("af")?,
        json.object("area")?,
        json.object("kdf")?,
    );
    af.is("type", &["luks1"])?;
    area.is("type", &["raw"])?;
    if af.number("stripes")? != STRIPES as u64 {
        return Err(LuksError::damaged("it has not 4000 stripes"));
    }
    let hash = af.text("hash")?;
    hash_of(&hash)?;
    let key_bytes = json.key_size()?;
    let (kdf, salt) = (kdf_of(&kdf)?, kdf.bytes("salt")?);
    let size = area.long("size")?;
    if size < area::length(key_bytes) as u64 {
        return Err(LuksError::damaged("its area is too small"));
    }
    let priority = match json.0.get("priority").map(Value::as_u64) {
        None => 1,
        Some(Some(priority @ 0..=2)) => u8::try_from(priority).unwrap_or(1),
        Some(_) => return Err(LuksError::damaged("its priority is not 0, 1 or 2")),
    };
    Ok(Keyslot {
        key_bytes,
        priority,
        hash,
        kdf,
        salt,
        offset: area.long("offset")?,
        size,
        cipher: area.text("encryption")?,
        cipher_bytes: area.key_size()?,
    })
}

fn kdf_of(json: &Object<'_>) -> Result<Kdf, LuksError> {
    let number = |name| -> Result<u32, LuksError> {
        let number = json.number(name)?;
        u32::try_from(number).map_err(|_| LuksError::Cost {
            cost: format!("{name} {number}"),
            limit: "4294967295",
        })
    };
    let kind = json.text("type")?;
    let variant = match kind.as_str() {
        "pbkdf2" => {
            return Ok(Kdf::Pbkdf2 {
                hash: json.text("hash")?,
                iterations: number("iterations")?,
            });
        }
        "argon2i" => Variant::I,
        "argon2id" => Variant::Id,
        _ => return Err(LuksError::Unsupported(format!("the key derivation {kind}"))),
    };
    Ok(Kdf::Argon2 {
        variant,
        time: number("time")?,
        memory: number("memory")?,
        cpus: number("cpus")?,
    })
}

fn segment(json: &Object<'_>) -> Result<Segment, LuksError> {
    let kind = json.text("type")?;
    let offset = json.long("offset")?;
    let size = match json.text("size")?.as_str() {
        "dynamic" => None,
        _ => Some(json.long("size")?),
    };
    let mut segment = Segment {
        kind,
        offset,
        size,
        iv_tweak: 0,
        cipher: String::new(),
        sector_size: 512,
        tags: None,
        unknown: None,
    };
    if segment.kind == "crypt" {
        segment.iv_tweak = json.long("iv_tweak")?;
        segment.cipher = json.text("encryption")?;
        let bytes = json.number("sector_size")?;
        segment.sector_size = u32::try_from(bytes)
            .ok()
            .filter(|bytes| bytes.is_power_of_two() && (512..=4096).contains(bytes))
            .ok_or_else(|| LuksError::damaged("its sector size is not 512 to 4096"))?;
    }
    if json.0.contains_key("integrity") {
        segment.tags = Some(tags(&json.object("integrity")?)?);
    }
    segment.unknown = Some("flags").filter(|name| json.0.contains_key(*name));
    let aligned = |bytes: u64| bytes.is_multiple_of(u64::from(segment.sector_size));
    if !aligned(segment.offset) || !segment.size.is_none_or(aligned) {
        return Err(LuksError::damaged("it is not made of whole sectors"));
    }
    Ok(segment)
}

fn tags(json: &Object<'_>) -> Result<SegmentTags, LuksError> {
    let protected = ["journal_encryption", "journal_integrity"]
        .into_iter()
        .map(|name| Ok(json.text(name)? != "none"))
        .collect::<Result<Vec<bool>, LuksError>>()?;
    let key_bytes = match json.0.contains_key("key_size") {
        true => Some(json.key_size()?),
        false => None,
    };
    Ok(SegmentTags {
        kind: json.text("type")?,
        key_bytes: key_bytes.and_then(|bytes| u32::try_from(bytes).ok()),
        journal_protected: protected.contains(&true),
    })
}

fn digest(json: &Object<'_>) -> Result<Digest, LuksError> {
    json.is("type", &["pbkdf2"])?;
    let digest = json.bytes("digest")?;
    if !(16..=64).contains(&digest.len()) {
        return Err(LuksError::damaged("it has not 16 to 64 bytes"));
    }
    Ok(Digest {
        keyslots: json.numbers("keyslots")?,
        segments: json.numbers("segments")?,
        kdf: kdf_of(json)?,
        salt: json.bytes("salt")?,
        digest,
    })
}

fn token(json: &Object<'_>) -> Result<Token, LuksError> {
    Ok(Token {
        kind: json.text("type")?,
        keyslots: json.numbers("keyslots")?,
    })
}

/// A JSON object, asked for what must be in it.
struct Object<'a>(&'a Map<String, Value>);

fn wrong(name: &str, what: &str) -> LuksError {
    LuksError::Damaged(format!("{name} is {what}"))
}

impl<'a> Object<'a> {
    fn of(value: &'a Value, name: &str) -> Result<Object<'a>, LuksError> {
        value
            .as_object()
            .map(Object)
            .ok_or_else(|| wrong(name, "no object"))
    }

    fn get(&self, name: &str) -> Result<&'a Value, LuksError> {
        self.0.get(name).ok_or_else(|| wrong(name, "missing"))
    }

    fn object(&self, name: &str) -> Result<Object<'a>, LuksError> {
        Object::of(self.get(name)?, name)
    }

    /// Objects by number.
    fn numbered<T>(
        &self,
        name: &str,
        read: fn(&Object<'_>) -> Result<T, LuksError>,
    ) -> Result<BTreeMap<u32, T>, LuksError> {
        let mut all = BTreeMap::new();
        for (number, value) in self.object(name)?.0 {
            let number = number.parse().ok().filter(|number| *number < OBJECTS_MAX);
            let number = number.ok_or_else(|| wrong(name, "not numbered from 0 to 31"))?;
            let about = |error| match error {
                LuksError::Damaged(what) => LuksError::Damaged(format!("{name} {number}: {what}")),
                other => other,
            };
            let read = Object::of(value, "it").and_then(|object| read(&object));
            all.insert(number, read.map_err(about)?);
        }
        Ok(all)
    }

    fn text(&self, name: &str) -> Result<String, LuksError> {
        let text = self.get(name)?.as_str();
        let text = text.filter(|text| text.len() <= 128 && !text.chars().any(char::is_control));
        text.map(String::from).ok_or_else(|| wrong(name, "no text"))
    }

    fn is(&self, name: &str, known: &[&str]) -> Result<(), LuksError> {
        let found = self.text(name)?;
        match known.contains(&found.as_str()) {
            true => Ok(()),
            false => Err(LuksError::Unsupported(format!("the {name} {found}"))),
        }
    }

    fn number(&self, name: &str) -> Result<u64, LuksError> {
        let number = self.get(name)?.as_u64();
        number.ok_or_else(|| wrong(name, "no number"))
    }

    /// A number of 64 bits, which JSON's own could not hold.
    fn long(&self, name: &str) -> Result<u64, LuksError> {
        let text = self.text(name)?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.ok_or_else(|| wrong(name, "no number in quotes"))
    }

    fn key_size(&self) -> Result<usize, LuksError> {
        let bytes = self.number("key_size")?;
        match usize::try_from(bytes) {
            Ok(size) if (1..=KEY_MAX).contains(&bytes) => Ok(size),
            _ => Err(wrong("key_size", "not 1 to 512")),
        }
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, LuksError> {
        let text = self.get(name)?.as_str().filter(|text| text.len() <= 1024);
        let bytes = text.and_then(|text| STANDARD.decode(text).ok());
        bytes.ok_or_else(|| wrong(name, "no base64"))
    }

    fn array(&self, name: &str) -> Result<&'a [Value], LuksError> {
        let array = self.get(name)?.as_array();
        let array = array.filter(|array| array.len() <= OBJECTS_MAX as usize);
        array
            .map(Vec::as_slice)
            .ok_or_else(|| wrong(name, "no list"))
    }

    /// Texts, if they are there at all.
    fn words(&self, name: &str) -> Result<Vec<String>, LuksError> {
        if !self.0.contains_key(name) {
            return Ok(Vec::new());
        }
        let word = |value: &Value| value.as_str().map(String::from);
        let words: Option<Vec<_>> = self.array(name)?.iter().map(word).collect();
        words.ok_or_else(|| wrong(name, "no list of texts"))
    }

    /// Numbers in quotes.
    fn numbers(&self, name: &str) -> Result<Vec<u32>, LuksError> {
        let number = |value: &Value| value.as_str()?.parse().ok();
        let numbers: Option<Vec<_>> = self.array(name)?.iter().map(number).collect();
        numbers.ok_or_else(|| wrong(name, "no list of numbers"))
    }
}

/// Bytes as JSON has them.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
