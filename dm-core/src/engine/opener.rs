//! Turns the DEV words of a table into devices.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

use crate::blockdev::nbd::Secure;
use crate::blockdev::{BlockDev, Caching, DevInfo, FileDev, NbdDev, Patience, node_of};
use crate::component::{Component, OpenError, Opener, TableMode};
use crate::devid::{DevId, DevNo};
use crate::errno::Errno;
use crate::locks::lock;
use crate::names::DmName;
use crate::nbd::{NbdUri, UriError};

use super::device::Core;
use super::registry::{Inner, MAPPED_MAJOR};
use super::stack::Stack;

/// The major number of regular files and URIs, which have none of their own.
const FILE_MAJOR: u32 = 4095;

/// How words begin that name an export of an NBD server.
const SCHEMES: [&str; 4] = ["nbd://", "nbds://", "nbd+unix://", "nbds+unix://"];

/// What has no device number of its own: regular files, and devices that the engine's user
/// attached. Each keeps the number that it got as long as the engine lives.
#[derive(Default)]
pub(super) struct Files(Mutex<FileNumbers>);

#[derive(Default)]
struct FileNumbers {
    /// How files are opened.
    caching: Caching,
    /// What makes connections under TLS.
    secure: Option<Arc<dyn Secure>>,
    /// By device and inode, so that two names of one file are one device.
    files: HashMap<(u64, u64), u32>,
    uris: BTreeMap<String, u32>,
    attached: BTreeMap<String, (u32, Arc<dyn BlockDev>)>,
    /// By number: what a table line says.
    words: Vec<String>,
}

/// Opens the devices of one table.
pub(super) struct TableOpener<'a> {
    engine: &'a Inner,
    /// Whose table it is.
    owner: &'a Arc<Core>,
    /// Which device stands on which, once a mapped device is named.
    stack: Option<Stack>,
    /// What the same word opened before.
    opened: BTreeMap<String, Component>,
    /// One opening a device, however it is called.
    numbers: BTreeMap<DevNo, Component>,
}

impl<'a> TableOpener<'a> {
    pub(super) fn new(engine: &'a Inner, owner: &'a Arc<Core>) -> TableOpener<'a> {
        let (opened, numbers) = (BTreeMap::new(), BTreeMap::new());
        TableOpener {
            engine,
            owner,
            stack: None,
            opened,
            numbers,
        }
    }

    fn open_new(&mut self, word: &str, mode: TableMode) -> Result<Component, OpenError> {
        if let Some((minor, dev)) = self.engine.files.attached(word) {
            return self.open_attached(word, minor, dev, mode);
        }
        if SCHEMES.iter().any(|scheme| word.starts_with(scheme)) {
            return self.open_export(word, mode);
        }
        if let Ok(number) = word.parse::<DevNo>() {
            return self.open_number(number, mode);
        }
        if let Some(name) = word.strip_prefix("/dev/mapper/")
            && let Ok(name) = DmName::new(name)
            && let Ok(core) = self.engine.find(&DevId::Name(name))
        {
            return self.open_mapped(&core, mode);
        }
        self.open_path(Path::new(word), mode)
    }

    fn open_number(&mut self, number: DevNo, mode: TableMode) -> Result<Component, OpenError> {
        match number.major {
            MAPPED_MAJOR => {
                let core = self.engine.find(&DevId::Number(number));
                let core = core.map_err(|_| {
                    OpenError::new(
                        Errno::ENXIO,
                        format!("no mapped device has number {number}"),
                    )
                })?;
                self.open_mapped(&core, mode)
            }
            FILE_MAJOR => match self.engine.files.word(number.minor) {
                Some(word) => self.open_new(&word, mode),
                None => Err(OpenError::new(
                    Errno::ENODEV,
                    format!("no file has number {number}"),
                )),
            },
            _ => match node_of(number) {
                Some(node) => self.open_path(&node, mode),
                None => Err(OpenError::new(
                    Errno::ENOENT,
                    format!("no block device has number {number}"),
                )),
            },
        }
    }

    fn open_mapped(&mut self, core: &Arc<Core>, mode: TableMode) -> Result<Component, OpenError> {
        let stack = self.stack.get_or_insert_with(|| Stack::of(self.engine));
        stack.check(self.owner, core)?;
        let (owner, number) = (self.owner, core.number);
        self.share(number, || {
            let device = owner.open_below(core, mode).map_err(|error| {
                OpenError::new(error.context.errno.unwrap_or(Errno::ENXIO), error.reason())
            })?;
            Ok(Component::new(device, number, number.to_string()))
        })
    }

    fn open_attached(
        &mut self,
        word: &str,
        minor: u32,
        dev: Arc<dyn BlockDev>,
        mode: TableMode,
    ) -> Result<Component, OpenError> {
        if mode == TableMode::ReadWrite && dev.info().read_only {
            return Err(OpenError::new(Errno::EACCES, "the device is read-only"));
        }
        let number = DevNo {
            major: FILE_MAJOR,
            minor,
        };
        self.share(number, || Ok(Component::new(dev, number, word)))
    }

    fn open_export(&mut self, word: &str, mode: TableMode) -> Result<Component, OpenError> {
        let wrong = |error: UriError| OpenError::new(Errno::EINVAL, error.to_string());
        let uri: NbdUri = word.parse().map_err(wrong)?;
        // Spelled in one way, so that it is one device.
        let text = uri.to_string();
        let number = DevNo {
            major: FILE_MAJOR,
            minor: self.engine.files.uri_minor(&text),
        };
        self.share(number, || {
            let dev =
                NbdDev::open_secured(&uri, mode, Patience::DEFAULT, self.engine.files.secure())?;
            Ok(Component::new(Arc::new(dev), number, text))
        })
    }

    fn open_path(&mut self, path: &Path, mode: TableMode) -> Result<Component, OpenError> {
        let wrong = |error: std::io::Error| {
            let errno = Errno::from(&error);
            OpenError::new(errno, errno.to_string())
        };
        let path = std::path::absolute(path).map_err(wrong)?;
        let metadata = std::fs::metadata(&path).map_err(wrong)?;
        let engine = self.engine;
        let (number, text) = match metadata.file_type().is_block_device() {
            true => {
                let number = DevNo::of_node(metadata.rdev());
                (number, number.to_string())
            }
            false => {
                let identity = (metadata.dev(), metadata.ino());
                let text = path.to_string_lossy().into_owned();
                let minor = engine.files.minor(identity, &text);
                (
                    DevNo {
                        major: FILE_MAJOR,
                        minor,
                    },
                    text,
                )
            }
        };
        self.share(number, || {
            let dev: Arc<dyn BlockDev> =
                Arc::new(FileDev::open_as(&path, mode, engine.files.caching())?);
            Ok(Component::new(dev, number, text))
        })
    }

    /// The component with `number`, opened once a table.
    fn share(
        &mut self,
        number: DevNo,
        open: impl FnOnce() -> Result<Component, OpenError>,
    ) -> Result<Component, OpenError> {
        if let Some(component) = self.numbers.get(&number) {
            return Ok(component.clone());
        }
        let component = open()?;
        self.numbers.insert(number, component.clone());
        Ok(component)
    }
}

impl Opener for TableOpener<'_> {
    fn open(&mut self, word: &str, mode: TableMode) -> Result<Component, OpenError> {
        if let Some(component) = self.opened.get(word) {
            return Ok(component.clone());
        }
        let component = self.open_new(word, mode)?;
        self.opened.insert(word.into(), component.clone());
        Ok(component)
    }
}

/// Opens what `word` names, and says what it is.
pub(super) fn probe(engine: &Inner, word: &str) -> Result<(DevNo, DevInfo), OpenError> {
    // Nothing stands on the owner of the table, which is not in the registry and has no number of a real device.
    let name = DmName::new("probe").expect("it is a short word");
    let number = DevNo {
        major: MAPPED_MAJOR,
        minor: u32::MAX,
    };
    let owner = Arc::new(Core::new(Weak::new(), number, name, None));
    let component = TableOpener::new(engine, &owner).open(word, TableMode::ReadWrite)?;
    Ok((component.number(), component.dev().info()))
}

impl Files {
    /// Lets `word` name `dev` in table lines.
    pub(super) fn attach(&self, word: &str, dev: Arc<dyn BlockDev>) -> DevNo {
        let mut numbers = lock(&self.0);
        let minor = numbers.next(word);
        numbers.attached.insert(word.into(), (minor, dev));
        DevNo {
            major: FILE_MAJOR,
            minor,
        }
    }

    /// Says how files are opened from now on.
    pub(super) fn set_caching(&self, caching: Caching) {
        lock(&self.0).caching = caching;
    }

    /// Says what makes connections under TLS from now on.
    pub(super) fn set_secure(&self, secure: Arc<dyn Secure>) {
        lock(&self.0).secure = Some(secure);
    }

    fn secure(&self) -> Option<Arc<dyn Secure>> {
        lock(&self.0).secure.clone()
    }

    fn caching(&self) -> Caching {
        lock(&self.0).caching
    }

    fn attached(&self, word: &str) -> Option<(u32, Arc<dyn BlockDev>)> {
        lock(&self.0).attached.get(word).cloned()
    }

    fn minor(&self, identity: (u64, u64), path: &str) -> u32 {
        let mut numbers = lock(&self.0);
        if let Some(minor) = numbers.files.get(&identity) {
            return *minor;
        }
        let minor = numbers.next(path);
        numbers.files.insert(identity, minor);
        minor
    }

    fn uri_minor(&self, uri: &str) -> u32 {
        let mut numbers = lock(&self.0);
        if let Some(minor) = numbers.uris.get(uri) {
            return *minor;
        }
        let minor = numbers.next(uri);
        numbers.uris.insert(uri.into(), minor);
        minor
    }

    fn word(&self, minor: u32) -> Option<String> {
        lock(&self.0)
            .words
            .get(usize::try_from(minor).ok()?)
            .cloned()
    }
}

impl FileNumbers {
    /// The next number, for `word`.
    fn next(&mut self, word: &str) -> u32 {
        self.words.push(word.into());
        u32::try_from(self.words.len() - 1).unwrap_or(u32::MAX)
    }
}
