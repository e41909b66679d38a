//! The integrity device under a volume whose sectors have tags.

use std::path::Path;

use clap::Args;
use dm_core::blockdev::Blocking as _;
use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::error::{DmError, ErrorKind};
use dm_core::format::integrity::Superblock;
use dm_core::format::luks::{self, Luks, Storage as _, VolumeKey};
use dm_core::io::IoFlags;
use dm_core::names::{DmName, DmUuid};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};

use crate::cli::offline::progress::Progress;
use crate::cli::offline::{activate, parallel};
use crate::failure::Failure;

use super::super::devices::name as device_name;
use super::super::session::Session;
use super::disk::{Access, Disk};
use super::failed;
use super::open::line;

/// How data and tags are kept together; a journal does it, if nothing is said.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Journal {
    /// Do without the journal of data and tags: faster, but a crash may leave wrong tags
    #[arg(long)]
    integrity_no_journal: bool,
}

/// An integrity device, and where it is.
pub(super) struct Below<'a> {
    pub(super) device: &'a Path,
    pub(super) volume: &'a luks::Volume,
    pub(super) tags: &'a luks::Tags,
    pub(super) journal: Journal,
}

/// Sectors that are zeroed at a time.
const PART: u64 = 2048;

/// The name of the device under a volume's.
pub(super) fn name_below(name: &DmName) -> Result<DmName, Failure> {
    device_name(&format!("{name}_dif"))
}

/// The uuid that cryptsetup gives it.
fn uuid_below(luks: &Luks, name: &DmName) -> Result<DmUuid, Failure> {
    let uuid = luks.uuid().replace('-', "");
    let uuid = DmUuid::new(&format!("CRYPT-INTEGRITY-{uuid}-{name}"));
    Ok(uuid.map_err(|error| DmError::new(ErrorKind::Invalid).with_source(error))?)
}

impl Below<'_> {
    /// What the device says of itself.
    fn superblock(&self) -> Result<Superblock, Failure> {
        let mut bytes = [0; SECTOR_BYTES];
        let at = self.volume.start * SECTOR_BYTES as u64;
        let read = Disk::open(self.device, Access::Read)?.read(at, &mut bytes);
        read.map_err(|errno| failed(luks::LuksError::Io(errno)))?;
        Superblock::read(&bytes).map_err(|error| {
            let reason = format!("{}: the volume's tags: {error}", self.device.display());
            Failure::because(ErrorKind::Invalid, reason)
        })
    }

    /// The device's table.
    fn line(&self, sectors: u64, mode: char) -> Result<TableLine, Failure> {
        activate::line(&format!(
            "0 {sectors} integrity {} {} {} {mode} 2 block_size:{} fix_padding",
            activate::word(self.device)?,
            self.volume.start,
            self.tags.bytes,
            self.volume.sector_size,
        ))
    }

    /// Makes the device on the session's driver, and says how many sectors it has.
    pub(super) fn make(
        &self,
        session: &Session,
        luks: &Luks,
        name: &DmName,
        mode: TableMode,
    ) -> Result<u64, Failure> {
        let sectors = self.superblock()?.provided.0;
        let journal = !self.journal.integrity_no_journal && !self.volume.no_journal;
        let letter = if journal { 'J' } else { 'D' };
        let line = self.line(sectors, letter)?;
        let dm = session.dm()?;
        let mut create = Create::new(name.clone());
        create.uuid = Some(uuid_below(luks, name)?);
        dm.create(create)?;
        let load = Load::new(name.clone(), vec![line]);
        let load = match mode {
            TableMode::ReadOnly => load.read_only(),
            _ => load,
        };
        let made = dm
            .load(load)
            .and_then(|_| dm.resume(name.clone(), SuspendOptions::default()));
        match made {
            Ok(_) => Ok(sectors),
            Err(error) => {
                // What can be said of it, the first error says.
                let _ = dm.remove(name.clone(), RemoveMode::IfUnused);
                Err(Failure::from(
                    error.about("luks open", Some(name.to_string())),
                ))
            }
        }
    }

    /// Makes superblock and journal, and, if there is a key, tags: of zeroes, encrypted. An engine of
    /// this process does it, so that no driver is needed.
    pub(super) fn format(
        &self,
        key: Option<&VolumeKey>,
        session: &Session,
    ) -> Result<u64, Failure> {
        let mut disk = Disk::open(self.device, Access::Write)?;
        let at = self.volume.start * SECTOR_BYTES as u64;
        let zeroed = disk.write(at, &[0; 8 * SECTOR_BYTES]);
        zeroed.map_err(|errno| failed(luks::LuksError::Io(errno)))?;
        drop(disk);
        let engine = Engine::new();
        let dm = Dm::new(&engine);
        let (below, above) = (device_name("below")?, device_name("above")?);
        let make = |name: &DmName, line: TableLine| -> Result<(), DmError> {
            dm.create(Create::new(name.clone()))?;
            dm.load(Load::new(name.clone(), vec![line]))?;
            dm.resume(name.clone(), SuspendOptions::default()).map(drop)
        };
        let block = u64::from(self.volume.sector_size) / SECTOR_BYTES as u64;
        make(&below, self.line(block, 'D')?)?;
        let (_, status) = dm.status(below.clone(), Slot::Active, FlushMode::NoFlush)?;
        let sectors = status
            .first()
            .and_then(|line| line.params.split(' ').nth(1)?.parse().ok());
        let sectors: u64 = sectors
            .ok_or_else(|| Failure::because(ErrorKind::Invalid, "the device tells no sectors"))?;
        dm.remove(below.clone(), RemoveMode::IfUnused)?;
        let Some(key) = key else {
            return Ok(sectors);
        };
        make(&below, self.line(sectors, 'D')?)?;
        make(
            &above,
            line(self.volume, key, Path::new("/dev/mapper/below"), 0, sectors)?,
        )?;
        let device = engine.open(&above.clone().into(), TableMode::ReadWrite)?;
        let progress = Progress::new("tags", sectors * SECTOR_BYTES as u64, session.format());
        let parts = sectors.div_ceil(PART);
        parallel::each(
            parts,
            || (),
            |(), part| {
                let count = PART.min(sectors - part * PART);
                let range = SectorRange::new(Sector(part * PART), SectorCount(count));
                let range =
                    range.ok_or_else(|| Failure::because(ErrorKind::Invalid, "too long"))?;
                let zeroed = device.write_zeroes(range, IoFlags::empty());
                zeroed.map_err(|error| failed(luks::LuksError::Io(error.errno())))?;
                progress.add(count * SECTOR_BYTES as u64);
                Ok(())
            },
        )?;
        let flushed = device.flush();
        flushed.map_err(|error| failed(luks::LuksError::Io(error.errno())))?;
        // The devices go with their engine: without a journal, all is where it belongs.
        Ok(sectors)
    }
}
