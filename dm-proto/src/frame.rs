//! Messages on a stream of bytes.

use std::io::{self, ErrorKind, Read, Write};

use thiserror::Error;
use zeroize::Zeroizing;

/// The most bytes of a message that both of our sides send and take: 256 MiB.
///
/// A table line costs about 250 bytes as a dictionary, so that a table of 10^6 lines, about the most that Linux takes,
/// just fits. It is the default of [`Limits::size`](crate::proplib::Limits::size) too.
pub const FRAME_MAX: usize = 256 << 20;

/// Bytes of the length in front of a message.
const HEADER: usize = size_of::<u32>();

/// Why no message could be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The stream ended within a message.
    #[error("the connection ended within a message, after {found} of {expected} bytes")]
    Cut {
        /// The bytes that were still to come when the message, or its length, began.
        expected: usize,
        /// The bytes that came.
        found: usize,
    },
    /// The message is longer than the reader takes. Nothing of it was read.
    #[error("a message of {length} bytes is longer than {limit}")]
    TooLong {
        /// Its length.
        length: u32,
        /// What the reader takes.
        limit: usize,
    },
    /// Reading failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
}

/// Reads one message: its length as four bytes, the highest first, then as many bytes. `None` if the stream ends before
/// it.
///
/// The stream must block: after a timeout within a message what was read is lost. Memory grows with the bytes that come,
/// not with the length that the peer promises. A message may hold keys: its bytes are wiped when it is dropped.
///
/// # Errors
/// [`FrameError`]. Where the next message starts is then unknown, so the stream is of no more use.
///
/// # Examples
/// ```
/// use dm_proto::frame::{FRAME_MAX, read_frame, write_frame};
///
/// let mut stream = Vec::new();
/// write_frame(&mut stream, b"hello")?;
/// assert_eq!(stream, b"\0\0\0\x05hello");
///
/// let mut stream = stream.as_slice();
/// let message = read_frame(&mut stream, FRAME_MAX)?;
/// assert_eq!(message.as_deref().map(|it| &it[..]), Some(&b"hello"[..]));
/// assert_eq!(read_frame(&mut stream, FRAME_MAX)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_frame(
    stream: &mut impl Read,
    limit: usize,
) -> Result<Option<Zeroizing<Vec<u8>>>, FrameError> {
    let mut header = [0; HEADER];
    match fill(stream, &mut header)? {
        0 => return Ok(None),
        HEADER => {}
        found => {
            let expected = HEADER;
            return Err(FrameError::Cut { expected, found });
        }
    }
    let length = u32::from_be_bytes(header);
    let expected = usize::try_from(length).unwrap_or(usize::MAX);
    if expected > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    // All at once: a vector that grows leaves its bytes behind. The system gives memory as it is written to.
    let mut message = Zeroizing::new(Vec::new());
    message
        .try_reserve_exact(expected)
        .map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
    let found = stream.take(length.into()).read_to_end(&mut message)?;
    match found == expected {
        true => Ok(Some(message)),
        false => Err(FrameError::Cut { expected, found }),
    }
}

/// Writes one message and flushes the stream.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] past [`FRAME_MAX`] bytes, of which nothing is written; else what the stream gives,
/// and then the peer has no whole message.
pub fn write_frame(stream: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len())
        .ok()
        .filter(|_| message.len() <= FRAME_MAX)
        .ok_or_else(|| {
            let why = format!(
                "a message of {} bytes is longer than {FRAME_MAX}",
                message.len()
            );
            io::Error::new(ErrorKind::InvalidInput, why)
        })?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(message)?;
    stream.flush()
}

/// Reads until `bytes` is full or the stream ends, and says how much it read.
fn fill(stream: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match stream.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a read, and is interrupted before each.
    struct Slow<'a> {
        bytes: &'a [u8],
        interrupted: bool,
        most_asked: usize,
    }

    impl<'a> Slow<'a> {
        fn new(bytes: &'a [u8]) -> Slow<'a> {
            Slow {
                bytes,
                interrupted: false,
                most_asked: 0,
            }
        }
    }

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.most_asked = self.most_asked.max(buffer.len());
            self.interrupted = !self.interrupted;
            if self.interrupted {
                return Err(ErrorKind::Interrupted.into());
            }
            let count = buffer.len().min(1);
            self.bytes.read(&mut buffer[..count])
        }
    }

    #[test]
    fn messages_come_back_one_by_one() {
        let mut stream = Vec::new();
        let messages = [&b""[..], b"a", &[0xa5; 70_000]];
        for message in messages {
            write_frame(&mut stream, message).unwrap();
        }
        let mut whole = stream.as_slice();
        let mut slow = Slow::new(&stream);
        for message in messages {
            let expected = Some(Zeroizing::new(message.to_vec()));
            assert_eq!(read_frame(&mut whole, FRAME_MAX).unwrap(), expected);
            let read = read_frame(&mut slow, FRAME_MAX).unwrap();
            assert_eq!(read, expected);
            // It never grew, so that no bytes of it are elsewhere.
            assert_eq!(read.map(|read| read.capacity()), Some(message.len()));
        }
        assert_eq!(read_frame(&mut whole, FRAME_MAX).unwrap(), None);
        assert_eq!(read_frame(&mut slow, FRAME_MAX).unwrap(), None);
    }

    #[test]
    fn end_within_a_message_is_an_error() {
        let mut stream = Vec::new();
        write_frame(&mut stream, b"hello").unwrap();
        for end in 1..stream.len() {
            let (expected, found) = if end < 4 { (4, end) } else { (5, end - 4) };
            match read_frame(&mut &stream[..end], FRAME_MAX) {
                Err(FrameError::Cut {
                    expected: told,
                    found: came,
                }) => assert_eq!((told, came), (expected, found)),
                other => panic!("{end}: {other:?}"),
            }
        }
    }

    #[test]
    fn longer_than_the_limit_is_refused_unread() {
        let mut stream = Slow::new(b"\0\0\0\x06hello!");
        let error = read_frame(&mut stream, 5).unwrap_err();
        assert_eq!(error.to_string(), "a message of 6 bytes is longer than 5");
        assert_eq!(stream.bytes, b"hello!");
        assert!(
            read_frame(&mut &b"\0\0\0\x05hello"[..], 5)
                .unwrap()
                .is_some()
        );
        let error = read_frame(&mut &b"\xff\xff\xff\xff"[..], FRAME_MAX).unwrap_err();
        assert!(matches!(
            error,
            FrameError::TooLong {
                length: u32::MAX,
                ..
            }
        ));
    }

    #[test]
    fn memory_grows_with_what_comes() {
        let mut stream = Slow::new(b"\x0f\xff\xff\xffabc");
        let error = read_frame(&mut stream, FRAME_MAX).unwrap_err();
        assert!(matches!(error, FrameError::Cut { found: 3, .. }), "{error}");
        assert!(stream.most_asked <= 64 << 10, "{}", stream.most_asked);
    }

    #[test]
    fn failure_of_the_stream_is_kept() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::ConnectionReset.into())
            }
        }
        match read_frame(&mut Broken, 1) {
            Err(FrameError::Io(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn message_past_the_most_is_not_written() {
        let mut stream = Vec::new();
        // Zeroed pages that nobody touches.
        let error = write_frame(&mut stream, &vec![0; FRAME_MAX + 1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(stream.is_empty());
    }
}
