//! Where passphrases come from: a prompt, a file or a descriptor, never the command line, which
//! anybody on the machine can read.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use dm_core::error::ErrorKind;
use zeroize::Zeroizing;

use crate::failure::Failure;

use super::prompt;

/// Where a passphrase is read.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// A file whose bytes are the passphrase, all of them; - is stdin. Else a terminal is asked,
    /// or a line read from stdin
    #[arg(short = 'd', long, value_name = "FILE", conflicts_with = "key_fd")]
    key_file: Option<PathBuf>,
    /// An open descriptor whose bytes are the passphrase
    #[arg(long, value_name = "NUMBER")]
    key_fd: Option<u32>,
    /// Read no more than so many bytes of the file
    #[arg(long, value_name = "BYTES")]
    keyfile_size: Option<usize>,
    /// Begin so far into the file
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    keyfile_offset: usize,
}

/// A passphrase, wiped in the end.
pub(super) type Passphrase = Zeroizing<Vec<u8>>;

/// How often a terminal is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Once,
    Twice,
}

/// The most bytes of a key file, as cryptsetup has it.
const FILE_MAX: usize = 8 << 20;
/// The most bytes of what is typed.
const LINE_MAX: usize = 512;

impl Source {
    /// A file, or else what a terminal or stdin says.
    pub(super) fn of_file(key_file: Option<PathBuf>) -> Source {
        Source {
            key_file,
            key_fd: None,
            keyfile_size: None,
            keyfile_offset: 0,
        }
    }

    /// Reads the passphrase; `prompt` is what a terminal shows.
    pub(super) fn read(&self, prompt: &str, ask: Ask) -> Result<Passphrase, Failure> {
        match (&self.key_file, self.key_fd) {
            (Some(path), _) if path == Path::new("-") => {
                self.of(&mut io::stdin().lock(), Path::new("stdin"), FILE_MAX)
            }
            (Some(path), _) => {
                let mut file =
                    File::open(path).map_err(|error| Failure::io("open", path, &error))?;
                let length = file.metadata().ok().filter(std::fs::Metadata::is_file);
                let length = length.map_or(FILE_MAX, |data| {
                    usize::try_from(data.len())
                        .unwrap_or(usize::MAX)
                        .min(FILE_MAX)
                });
                self.of(&mut file, path, length)
            }
            (None, Some(fd)) => {
                let path = PathBuf::from(format!("/dev/fd/{fd}"));
                let mut file =
                    File::open(&path).map_err(|error| Failure::io("open", &path, &error))?;
                self.of(&mut file, &path, FILE_MAX)
            }
            (None, None) if io::stdin().is_terminal() => typed(prompt, ask),
            (None, None) => line(&mut io::stdin().lock(), Path::new("stdin")),
        }
    }

    fn of(&self, from: &mut dyn Read, path: &Path, length: usize) -> Result<Passphrase, Failure> {
        // At once as long as it can get: what grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(length.saturating_add(1)));
        let read = from.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| Failure::io("read", path, &error))?;
        if bytes.len() > FILE_MAX {
            let reason = format!("{} has more than 8 MiB", path.display());
            return Err(Failure::because(ErrorKind::Invalid, reason));
        }
        let rest = bytes.get(self.keyfile_offset..).unwrap_or_default();
        let size = self.keyfile_size.unwrap_or(rest.len());
        let Some(part) = rest.get(..size) else {
            let reason = format!("{} has less than {size} bytes", path.display());
            return Err(Failure::because(ErrorKind::Invalid, reason));
        };
        Ok(Zeroizing::new(part.to_vec()))
    }
}

/// A line, without its end.
pub(super) fn line(from: &mut dyn Read, path: &Path) -> Result<Passphrase, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LINE_MAX));
    let mut byte = [0];
    loop {
        match from.read(&mut byte) {
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) if bytes.len() == LINE_MAX => {
                let reason = "the passphrase has more than 512 bytes; use --key-file";
                return Err(Failure::because(ErrorKind::Invalid, reason));
            }
            Ok(_) => bytes.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::io("read", path, &error)),
        }
    }
    Ok(bytes)
}

/// What a person types, unseen.
fn typed(prompt: &str, ask: Ask) -> Result<Passphrase, Failure> {
    let first = prompt::hidden(prompt)?;
    if ask == Ask::Twice && *prompt::hidden("The same again")? != *first {
        let reason = "the passphrases differ";
        return Err(Failure::because(ErrorKind::Invalid, reason));
    }
    Ok(first)
}
