//! `dmctl luks open`.

use std::path::Path;

use clap::Args;
use dm_core::backend::Backend;
use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::error::{DmError, ErrorKind};
use dm_core::format::luks::{self, Storage, VolumeKey};
use dm_core::names::{DmName, DmUuid};
use dm_core::table::{EscapedWord, TableLine};
use dm_core::units::{Sector, SectorCount};
use zeroize::Zeroize;

use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::devices::name;
use super::super::session::Session;
use super::SlotChoice;
use super::below::{Below, Journal, name_below};
use super::disk::{Access, Disk, Volume};
use super::passphrase::{Ask, Source};

/// A volume to be mapped.
#[derive(Debug, Args)]
pub(super) struct Open {
    #[command(flatten)]
    volume: Volume,
    /// The mapped device's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    slot: SlotChoice,
    /// Refuse writes
    #[arg(short, long)]
    readonly: bool,
    /// Let discards through, which tell where data is
    #[arg(long)]
    allow_discards: bool,
    /// Encrypt and decrypt at once, not on workers: better for fast disks
    #[arg(long)]
    no_workqueues: bool,
    #[command(flatten)]
    journal: Journal,
}

impl Run for Open {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let name = name(&self.name)?;
        let (mut disk, luks) = self.volume.read(Access::Read)?;
        let mut volume = luks.volume().map_err(|error| self.volume.failed(error))?;
        let uuid = luks.dm_uuid(name.as_str());
        let uuid = DmUuid::new(&uuid)
            .map_err(|error| DmError::new(ErrorKind::Invalid).with_source(error))?;
        let mut option = |on: bool, word: &str| {
            if on && !volume.options.iter().any(|known| known == word) {
                volume.options.push(word.into());
            }
        };
        option(self.allow_discards, "allow_discards");
        option(self.no_workqueues, "no_read_workqueue");
        option(self.no_workqueues, "no_write_workqueue");
        let passphrase = self.source.read("Passphrase", Ask::Once)?;
        let unlocked = luks.unlock(&mut disk, &passphrase, self.slot.slots());
        let unlocked = unlocked.map_err(|error| self.volume.failed(error))?;
        drop(passphrase);
        session.note(|| format!("key slot {} opens", unlocked.slot));
        let dm = session.dm()?;
        let (line, below) = match &volume.tags {
            None => (self.plain(&volume, &unlocked.key)?, None),
            Some(tags) => {
                if self.allow_discards {
                    return Err(Failure::usage("discards would leave sectors without tags"));
                }
                let below = name_below(&name)?;
                let mode = match self.readonly {
                    true => TableMode::ReadOnly,
                    false => TableMode::ReadWrite,
                };
                let device = Below {
                    device: &self.volume.device,
                    volume: &volume,
                    tags,
                    journal: self.journal,
                };
                let sectors = device.make(session, &luks, &below, mode)?;
                let path = format!("/dev/mapper/{below}");
                let line = line(&volume, &unlocked.key, Path::new(&path), 0, sectors)?;
                (line, Some(below))
            }
        };
        drop(unlocked.key);
        let mut create = Create::new(name.clone());
        create.uuid = Some(uuid);
        let created = dm
            .create(create)
            .inspect_err(|_| take_away(dm, below.as_ref()));
        created?;
        let load = Load::new(name.clone(), vec![line]);
        let load = if self.readonly {
            load.read_only()
        } else {
            load
        };
        let activated = dm
            .load(load)
            .and_then(|_| dm.resume(name.clone(), SuspendOptions::default()));
        match activated {
            Ok(info) => {
                session.changed(answer, &info);
                answer.field("slot", unlocked.slot);
                Ok(())
            }
            Err(error) => {
                let undone = Dm::new(dm.backend()).remove(name.clone(), RemoveMode::IfUnused);
                take_away(dm, below.as_ref());
                let failure = Failure::from(error.about("luks open", Some(name.to_string())));
                Err(match undone {
                    Err(_) => failure.hint(format!("take it away: dmctl remove {name}")),
                    Ok(_) => failure,
                })
            }
        }
    }
}

impl Open {
    /// The crypt table of a volume without tags.
    fn plain(&self, volume: &luks::Volume, key: &VolumeKey) -> Result<TableLine, Failure> {
        let device = &self.volume.device;
        let size = Disk::open(device, Access::Read)?.size() / 512;
        let sectors = u64::from(volume.sector_size) / 512;
        let length = match volume.length {
            Some(length) => Some(length),
            None => size
                .checked_sub(volume.start)
                .map(|rest| rest / sectors * sectors),
        };
        let length = length.filter(|length| *length > 0 && volume.start + length <= size);
        let Some(length) = length else {
            let reason = format!("{} is smaller than the header says", device.display());
            return Err(Failure::because(ErrorKind::Invalid, reason));
        };
        line(volume, key, device, volume.start, length)
    }
}

/// Takes the device under a volume away again. That it may stay, the volume's own error outweighs.
fn take_away<B: Backend>(dm: &Dm<B>, below: Option<&DmName>) {
    if let Some(below) = below {
        let _ = dm.remove(below.clone(), RemoveMode::IfUnused);
    }
}

/// The crypt table of a volume whose data is on `device` from `start` on.
pub(super) fn line(
    volume: &luks::Volume,
    key: &VolumeKey,
    device: &Path,
    start: u64,
    length: u64,
) -> Result<TableLine, Failure> {
    let path = std::path::absolute(device).map_err(|error| Failure::io("find", device, &error))?;
    let Some(path) = path.to_str() else {
        let reason = format!("{} is no UTF-8", device.display());
        return Err(Failure::because(ErrorKind::Invalid, reason));
    };
    let mut options = volume.options.clone();
    if let Some(tags) = &volume.tags {
        options.push(tags.option());
        options.extend(
            tags.key_bytes
                .map(|bytes| format!("integrity_key_size:{bytes}")),
        );
    }
    if volume.sector_size > 512 {
        options.push(format!("sector_size:{}", volume.sector_size));
    }
    let mut hex = String::with_capacity(key.expose().len() * 2 + 1);
    for byte in key.expose() {
        for half in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(half.into(), 16).unwrap_or('0'));
        }
    }
    if hex.is_empty() {
        hex.push('-');
    }
    // As long as it gets, so that no copy of the key is left behind.
    let mut params = String::with_capacity(hex.len() + path.len() * 2 + 512);
    for part in [volume.crypt_cipher(), " ", &hex, " "] {
        params.push_str(part);
    }
    hex.zeroize();
    let offset = volume.iv_offset;
    params.push_str(&format!("{offset} {} {start}", EscapedWord(path)));
    if !options.is_empty() {
        params.push_str(&format!(" {} {}", options.len(), options.join(" ")));
    }
    let target = "crypt".parse();
    let target = target.map_err(|error| DmError::new(ErrorKind::Invalid).with_source(error))?;
    Ok(TableLine {
        start: Sector(0),
        length: SectorCount(length),
        target,
        params,
    })
}
