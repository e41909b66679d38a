//! An NBD client that sends many requests with one system call, with simple replies, which every
//! server speaks.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use dm_core::nbd::{
    ByteCount, ByteOffset, ClientFlags, CommandFlags, CommandKind, Cookie, Framing, Greeting,
    InfoRequest, NbdErrno, OptionReply, OptionReplyHeader, OptionRequest, Request, SimpleReply,
};

fn wrong(what: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("the NBD client: {what}"))
}

/// A connection behind its handshake.
///
/// # Errors
/// If there is no such server or export.
pub fn connect(socket: &Path, export: &str) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket)?;
    let mut greeting = [0; 18];
    stream.read_exact(&mut greeting)?;
    let greeting = Greeting::decode(&greeting).map_err(wrong)?;
    stream.write_all(&ClientFlags::answer(greeting.flags).encode())?;
    let go = OptionRequest::Go(InfoRequest {
        export: export.try_into().map_err(wrong)?,
        wanted: Vec::new(),
    });
    let mut bytes = Vec::new();
    go.encode(&mut bytes).map_err(wrong)?;
    stream.write_all(&bytes)?;
    loop {
        let mut header = [0; 20];
        stream.read_exact(&mut header)?;
        let header = OptionReplyHeader::decode(&header).map_err(wrong)?;
        let mut payload = vec![0; header.payload_length().map_err(wrong)?];
        stream.read_exact(&mut payload)?;
        match OptionReply::decode(header.kind, &payload).map_err(wrong)? {
            OptionReply::Ack => return Ok(stream),
            OptionReply::Error { message, .. } => return Err(wrong(message)),
            _ => {}
        }
    }
}

/// A request's bytes.
///
/// # Panics
/// If simple headers have no room for the length.
pub fn request(command: CommandKind, cookie: u64, at: u64, length: u64) -> Vec<u8> {
    let request = Request {
        command,
        flags: CommandFlags::empty(),
        cookie: Cookie(cookie),
        offset: ByteOffset(at),
        length: ByteCount(length),
    };
    let bytes = request.encode(Framing::Simple);
    bytes.expect("the length fits a simple header").to_vec()
}

/// Requests that are sent at once.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// What each of them brings back.
    reads: Vec<usize>,
}

impl Batch {
    /// Reads `length` bytes from byte `at` on.
    pub fn read(&mut self, at: u64, length: usize) {
        let cookie = self.reads.len() as u64;
        self.bytes
            .extend(request(CommandKind::Read, cookie, at, length as u64));
        self.reads.push(length);
    }

    /// Asks for `length` bytes from byte `at` on to be read ahead.
    pub fn cache(&mut self, at: u64, length: u64) {
        let cookie = self.reads.len() as u64;
        self.bytes
            .extend(request(CommandKind::Cache, cookie, at, length));
        self.reads.push(0);
    }

    /// Writes bytes from byte `at` on.
    pub fn write(&mut self, at: u64, data: &[u8], flags: CommandFlags) {
        let cookie = self.reads.len() as u64;
        let mut head = request(CommandKind::Write, cookie, at, data.len() as u64);
        // Behind the magic.
        head[4..6].copy_from_slice(&flags.bits().to_be_bytes());
        self.bytes.extend(head);
        self.bytes.extend(data);
        self.reads.push(0);
    }

    /// Sends all, and says what became of each: its bytes, or its error.
    ///
    /// # Errors
    /// If the connection breaks, or a reply belongs to no request or to one that was answered.
    ///
    /// # Panics
    /// If a read is too large for the memory.
    pub fn run(self, stream: &mut UnixStream) -> io::Result<Vec<Result<Vec<u8>, NbdErrno>>> {
        let mut sender = stream.try_clone()?;
        let bytes = self.bytes;
        let sent = std::thread::spawn(move || sender.write_all(&bytes));
        let mut answers = BTreeMap::new();
        for _ in 0..self.reads.len() {
            let mut head = [0; 16];
            stream.read_exact(&mut head)?;
            let reply = SimpleReply::decode(&head).map_err(wrong)?;
            let cookie = usize::try_from(reply.cookie.0).map_err(wrong)?;
            let length = *self.reads.get(cookie).ok_or_else(|| wrong("no request"))?;
            let answer = match reply.error {
                Some(error) => Err(error),
                None => {
                    let mut data = vec![0; length];
                    stream.read_exact(&mut data)?;
                    Ok(data)
                }
            };
            if answers.insert(cookie, answer).is_some() {
                return Err(wrong("a second reply"));
            }
        }
        sent.join().map_err(|_| wrong("the sender"))??;
        Ok(answers.into_values().collect())
    }
}
