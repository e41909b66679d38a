//! The life of a device: made, begun, adopted, ended.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::blockdev::DevInfo;

use super::abi::{Attributes, Features, INFO_BYTES, Info, PARAMS_BYTES, Params, QUIESCED, control};
use super::sys::Control;
use super::{DEPTH, REQUEST_MAX, UblkError};

/// How long a server that died may take to be gone.
const GONE: Duration = Duration::from_secs(30);

/// How often it is looked at meanwhile: the driver tells of nothing.
const LOOK: Duration = Duration::from_millis(20);

/// Sectors of a discard, at most: 2 GiB.
const DISCARD_SECTORS: u32 = 1 << 22;

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
    origin: Origin,
}

impl Handle {
    /// Makes a device, or adopts one that lost its server.
    pub(super) fn new(wanted: Option<u32>, device: &DevInfo) -> Result<Handle, UblkError> {
        let mut control = Control::open().map_err(UblkError::Driver)?;
        if let Some(number) = wanted
            && let Some(info) = look(&mut control, number)?
        {
            return Handle::adopt(control, info, device);
        }
        Handle::make(control, wanted, device)
    }

    fn make(
        mut control: Control,
        wanted: Option<u32>,
        device: &DevInfo,
    ) -> Result<Handle, UblkError> {
        let queues = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(4);
        let wanted = wanted.unwrap_or(u32::MAX);
        let asked = Info {
            queues: u16::try_from(queues).unwrap_or(1),
            depth: DEPTH,
            state: 0,
            max_io_bytes: REQUEST_MAX,
            device: wanted,
            server: -1,
            features: Features::all(),
        };
        let mut bytes = asked.encode();
        control
            .command(control::ADD_DEV, wanted, 0, &mut bytes)
            .map_err(UblkError::Driver)?;
        let info = Info::decode(&bytes);
        let mut handle = Handle {
            control,
            info,
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

    fn adopt(control: Control, info: Info, device: &DevInfo) -> Result<Handle, UblkError> {
        let mut handle = Handle {
            control,
            info,
            origin: Origin::Adopted,
        };
        let mut bytes = [0; PARAMS_BYTES];
        // The driver wants to know how much there is room for.
        bytes[..4].copy_from_slice(&params(device).encode()[..4]);
        handle.command(control::GET_PARAMS, 0, &mut bytes)?;
        let (was, is) = (Params::sectors_of(&bytes), device.size.0);
        if was != is {
            return Err(UblkError::Size { was, is });
        }
        if !info.features.contains(Features::USER_RECOVERY)
            || info.depth > DEPTH
            || info.max_io_bytes > REQUEST_MAX
        {
            let reason = "somebody else made this device, and otherwise".to_owned();
            return Err(UblkError::Other(reason));
        }
        let end = Instant::now() + GONE;
        loop {
            let tried = handle.command(control::START_USER_RECOVERY, 0, &mut []);
            match tried {
                Err(UblkError::Driver(error))
                    if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < end =>
                {
                    let now = look(&mut handle.control, info.device)?;
                    if now.is_some_and(|now| now.state != QUIESCED && is_alive(now.server)) {
                        return Err(UblkError::Busy);
                    }
                    thread::sleep(LOOK);
                }
                other => {
                    other?;
                    return Ok(handle);
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
        let open = |path: &Path| File::options().read(true).write(true).open(path);
        open(&path).map_err(UblkError::Driver)
    }

    /// Lets requests come; its queues must be waiting for them.
    pub(super) fn begin(&mut self) -> Result<(), UblkError> {
        let number = match self.origin {
            Origin::Made => control::START_DEV,
            Origin::Adopted => control::END_USER_RECOVERY,
        };
        self.command(number, std::process::id().into(), &mut [])
    }

    /// Ends the device for its users, once the requests under way are answered.
    pub(super) fn stop(&mut self) -> Result<(), UblkError> {
        self.command(control::STOP_DEV, 0, &mut [])
    }

    /// Takes the device out of the system, after its queues are closed.
    pub(super) fn delete(&mut self) {
        if let Err(error) = self.command(control::DEL_DEV, 0, &mut []) {
            tracing::warn!(%error, "a ublk device stays");
        }
    }
}

/// What is known of a device, if it is there.
fn look(control: &mut Control, number: u32) -> Result<Option<Info>, UblkError> {
    let mut bytes = [0; INFO_BYTES];
    match control.command(control::GET_DEV_INFO, number, 0, &mut bytes) {
        Ok(()) => Ok(Some(Info::decode(&bytes))),
        Err(error) if error.raw_os_error() == Some(NO_DEVICE) => Ok(None),
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

const NO_DEVICE: i32 = dm_core::errno::Errno::ENODEV.linux();

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
