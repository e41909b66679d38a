//! The life of a device: made, begun, adopted, ended.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::blockdev::DevInfo;
use dm_core::errno::Errno;

use super::abi::{Attributes, DEAD, Features, INFO_BYTES, Info, Params, QUIESCED, control};
use super::sys::Control;
use super::{DEPTH, REQUEST_MAX, UblkError, Wanted};

/// How long a server that died may take to be gone.
const GONE: Duration = Duration::from_secs(20);

/// How long a device that was ended may take to be gone, if nobody has it open.
const DELETED: Duration = Duration::from_secs(2);

/// How often it is looked at meanwhile: the driver tells of nothing.
const LOOK: Duration = Duration::from_millis(20);

/// Sectors of a discard, at most: 2 GiB.
const DISCARD_SECTORS: u32 = 1 << 22;

/// The driver chooses the number.
const ANY: u32 = u32::MAX;

/// Whether the device was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Made,
    Adopted,
}

/// A device of the driver's.
pub(super) struct Handle {
    control: Control,
    pub(super) info: Info,
    /// Its size, as its users see it.
    pub(super) sectors: u64,
    pub(super) origin: Origin,
}

impl Handle {
    /// Makes a device, or adopts one that lost its server.
    pub(super) fn new(wanted: Wanted, device: &DevInfo) -> Result<Handle, UblkError> {
        match wanted {
            Wanted::Any => Handle::make(ANY, 0, device),
            Wanted::Numbered(number) => match Handle::find(number)? {
                Some(found) if found.sectors != device.size.0 => Err(UblkError::Size {
                    was: found.sectors,
                    is: device.size.0,
                }),
                Some(found) => found.adopt(),
                None => Handle::make(number, 0, device),
            },
            Wanted::Marked { number, mark } => {
                let found = number.map_or(Ok(None), |number| Handle::marked(number, mark))?;
                match found {
                    // Its server died before it was begun, or after it was ended.
                    Some(mut found) if found.info.state == DEAD => found.delete(),
                    Some(found) => return found.adopt(),
                    None => {}
                }
                match Handle::make(number.unwrap_or(ANY), mark, device) {
                    // Somebody else's has the number.
                    Err(UblkError::Driver(error))
                        if error.kind() == io::ErrorKind::AlreadyExists =>
                    {
                        Handle::make(ANY, mark, device)
                    }
                    other => other,
                }
            }
        }
    }

    fn make(number: u32, mark: u64, device: &DevInfo) -> Result<Handle, UblkError> {
        let mut control = Control::open().map_err(UblkError::Driver)?;
        let queues = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(4);
        let asked = Info {
            queues: u16::try_from(queues).unwrap_or(1),
            depth: DEPTH,
            state: DEAD,
            max_io_bytes: REQUEST_MAX,
            device: number,
            server: -1,
            features: Features::all(),
            mark,
        };
        let mut bytes = asked.encode();
        control
            .command(control::ADD_DEV, number, 0, &mut bytes)
            .map_err(|error| match error.kind() {
                // Who may not, can not even open the control device.
                io::ErrorKind::PermissionDenied => UblkError::Other(
                    "the driver makes no more devices than \
                     /sys/module/ublk_drv/parameters/ublks_max says"
                        .into(),
                ),
                _ => UblkError::Driver(error),
            })?;
        let info = Info::decode(&bytes);
        let mut handle = Handle {
            control,
            info,
            sectors: device.size.0,
            origin: Origin::Made,
        };
        let mut params = params(device).encode();
        let set = handle.command(control::SET_PARAMS, 0, &mut params);
        if set.is_err() || info.depth != DEPTH || info.max_io_bytes > REQUEST_MAX {
            handle.delete();
            set?;
            return Err(UblkError::Other(
                "the driver makes a device of another shape".into(),
            ));
        }
        Ok(handle)
    }

    /// The device of this number, if it is there and bears this mark.
    pub(super) fn marked(number: u32, mark: u64) -> Result<Option<Handle>, UblkError> {
        let found = Handle::find(number)?;
        Ok(found.filter(|found| found.info.mark == mark))
    }

    /// The device of this number, if it is there.
    fn find(number: u32) -> Result<Option<Handle>, UblkError> {
        let mut control = Control::open().map_err(UblkError::Driver)?;
        let Some(info) = look(&mut control, number)? else {
            return Ok(None);
        };
        let mut handle = Handle {
            control,
            info,
            sectors: 0,
            origin: Origin::Adopted,
        };
        let mut bytes = Params::room();
        handle.command(control::GET_PARAMS, 0, &mut bytes)?;
        handle.sectors = Params::sectors_of(&bytes);
        Ok(Some(handle))
    }

    /// Takes the place of its server, once that is gone.
    fn adopt(mut self) -> Result<Handle, UblkError> {
        let info = self.info;
        if !info.features.contains(Features::USER_RECOVERY)
            || info.depth > DEPTH
            || info.max_io_bytes > REQUEST_MAX
        {
            let reason = "somebody else made this device, and otherwise".to_owned();
            return Err(UblkError::Other(reason));
        }
        let end = Instant::now() + GONE;
        loop {
            let tried = self.command(control::START_USER_RECOVERY, 0, &mut []);
            match tried {
                Err(UblkError::Driver(error))
                    if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < end =>
                {
                    let now = look(&mut self.control, info.device)?;
                    if now.is_some_and(|now| now.state != QUIESCED && is_alive(now.server)) {
                        return Err(UblkError::Busy);
                    }
                    thread::sleep(LOOK);
                }
                other => {
                    other?;
                    return Ok(self);
                }
            }
        }
    }

    fn command(&mut self, number: u32, data: u64, buffer: &mut [u8]) -> Result<(), UblkError> {
        self.control
            .command(number, self.info.device, data, buffer)
            .map_err(UblkError::Driver)
    }

    /// Opens the device that requests come from.
    pub(super) fn open(&self) -> Result<File, UblkError> {
        let path = PathBuf::from(format!("/dev/ublkc{}", self.info.device));
        let open = File::options().read(true).write(true).open(path);
        open.map_err(UblkError::Driver)
    }

    /// Lets requests come; its queues must be waiting for them.
    pub(super) fn begin(&mut self) -> Result<(), UblkError> {
        let number = match self.origin {
            Origin::Made => control::START_DEV,
            Origin::Adopted => control::END_USER_RECOVERY,
        };
        self.command(number, std::process::id().into(), &mut [])
    }

    /// Gives the device another size, if the driver can.
    pub(super) fn resize(&mut self, sectors: u64) -> Result<(), UblkError> {
        if !self.info.features.contains(Features::UPDATE_SIZE) {
            let (was, is) = (self.sectors, sectors);
            return Err(UblkError::Size { was, is });
        }
        self.command(control::UPDATE_SIZE, sectors, &mut [])?;
        self.sectors = sectors;
        Ok(())
    }

    /// Ends the device for its users, once the requests under way are answered.
    pub(super) fn stop(&mut self) -> Result<(), UblkError> {
        self.command(control::STOP_DEV, 0, &mut [])
    }

    /// Takes the device out of the system, after its queues are closed. Where somebody still has it
    /// open, the driver does so later.
    pub(super) fn delete(&mut self) {
        let begun = self.command(control::DEL_DEV_ASYNC, 0, &mut []);
        if begun.is_ok() {
            let end = Instant::now() + DELETED;
            while Instant::now() < end
                && matches!(look(&mut self.control, self.info.device), Ok(Some(_)))
            {
                thread::sleep(LOOK);
            }
        } else if let Err(error) = self.command(control::DEL_DEV, 0, &mut []) {
            tracing::warn!(%error, "a ublk device stays");
        }
    }
}

/// What is known of a device, if it is there.
fn look(control: &mut Control, number: u32) -> Result<Option<Info>, UblkError> {
    let mut bytes = [0; INFO_BYTES];
    match control.command(control::GET_DEV_INFO, number, 0, &mut bytes) {
        Ok(()) => Ok(Some(Info::decode(&bytes))),
        Err(error) if error.raw_os_error() == Some(Errno::ENODEV.linux()) => Ok(None),
        Err(error) => Err(UblkError::Driver(error)),
    }
}

/// Whether a process is there, and not only what is left of it.
fn is_alive(process: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.trim_start().chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

fn params(device: &DevInfo) -> Params {
    let limits = &device.limits;
    let shift = |bytes: u32| {
        bytes
            .max(512)
            .next_power_of_two()
            .trailing_zeros()
            .to_le_bytes()[0]
    };
    let mut attributes = Attributes::VOLATILE_CACHE | Attributes::FUA;
    attributes.set(Attributes::READ_ONLY, device.read_only);
    attributes.set(Attributes::ROTATIONAL, device.rotational);
    let physical = shift(limits.physical_block.max(limits.logical_block));
    Params {
        attributes,
        logical_shift: shift(limits.logical_block),
        physical_shift: physical,
        optimal_shift: match limits.optimal_io {
            0 => 0,
            bytes => shift(bytes),
        },
        minimal_shift: physical,
        max_sectors: REQUEST_MAX >> 9,
        sectors: device.size.0,
        discard_granularity: limits.logical_block,
        max_discard_sectors: DISCARD_SECTORS,
    }
}
