//! An NBD client of our own: one request at a time, each waited for.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

use dm_core::errno::Errno;
use dm_core::nbd::{
    BASE_ALLOCATION, ByteCount, ByteOffset, Chunk, ClientFlags, CommandFlags, CommandKind,
    ContextRequest, Cookie, Extent, Framing, Greeting, HandshakeFlags, Info, InfoRequest, NbdErrno,
    OptionReply, OptionReplyHeader, OptionRequest, ReplyHeader, Request, Text, TransmissionFlags,
    WireError,
};

use super::nbd::Stream;

/// A connection to one export.
pub struct NbdClient<S = UnixStream> {
    stream: S,
    framing: Framing,
    size: u64,
    flags: TransmissionFlags,
    next: u64,
}

/// Why a request, or the connection, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server answered with an error; the connection goes on.
    #[error("{}", Errno::from(*.0))]
    Refused(NbdErrno),
    /// The server refused an option of the handshake.
    #[error("the server refused: {0}")]
    Option(String),
    /// The server does not speak the protocol.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The reply belongs to no request, or does not fit its request.
    #[error("the server's reply does not fit the request")]
    Mismatch,
}

impl From<&ClientError> for Errno {
    fn from(error: &ClientError) -> Errno {
        match error {
            ClientError::Refused(errno) => (*errno).into(),
            ClientError::Option(_) => Errno::ENOENT,
            ClientError::Wire(_) | ClientError::Mismatch => Errno::EPROTO,
            ClientError::Io(error) => error.into(),
        }
    }
}

impl NbdClient {
    /// Connects to `export` of the server behind `socket`.
    ///
    /// # Errors
    /// If there is no such server or export, or it does not speak the protocol.
    pub fn connect_unix(socket: &Path, export: &str) -> Result<NbdClient, ClientError> {
        NbdClient::over(UnixStream::connect(socket)?, export)
    }
}

impl<S: Stream> NbdClient<S> {
    /// Uses `export` of the server at the other end of `stream`.
    ///
    /// # Errors
    /// If there is no such export, or the server does not speak the protocol.
    pub fn over(mut stream: S, export: &str) -> Result<NbdClient<S>, ClientError> {
        let mut greeting = [0; 18];
        stream.read_exact(&mut greeting)?;
        let greeting = Greeting::decode(&greeting)?;
        if !greeting.flags.contains(HandshakeFlags::FIXED_NEWSTYLE) {
            return Err(ClientError::Option("its handshake is too old".into()));
        }
        stream.write_all(&ClientFlags::answer(greeting.flags).encode())?;
        let flags = TransmissionFlags::empty();
        let mut client = NbdClient {
            stream,
            framing: Framing::Simple,
            size: 0,
            flags,
            next: 0,
        };
        let export: Text = export.try_into()?;
        if client.ask(&OptionRequest::StructuredReply)?.is_ok() {
            client.framing = Framing::Structured;
            let queries = vec![BASE_ALLOCATION.try_into()?];
            // A server without block status is still a server.
            let _ = client.ask(&OptionRequest::SetMetaContext(ContextRequest {
                export: export.clone(),
                queries,
            }))?;
        }
        let go = OptionRequest::Go(InfoRequest {
            export,
            wanted: Vec::new(),
        });
        for reply in client.ask(&go)?.map_err(ClientError::Option)? {
            if let OptionReply::Info(Info::Export { size, flags }) = reply {
                (client.size, client.flags) = (size.0, flags);
            }
        }
        Ok(client)
    }

    /// Sends an option and reads its replies, up to the last one.
    fn ask(
        &mut self,
        request: &OptionRequest,
    ) -> Result<Result<Vec<OptionReply>, String>, ClientError> {
        let mut bytes = Vec::new();
        request.encode(&mut bytes)?;
        self.stream.write_all(&bytes)?;
        let mut replies = Vec::new();
        loop {
            let mut header = [0; 20];
            self.stream.read_exact(&mut header)?;
            let header = OptionReplyHeader::decode(&header)?;
            let mut payload = vec![0; header.payload_length()?];
            self.stream.read_exact(&mut payload)?;
            match OptionReply::decode(header.kind, &payload)? {
                OptionReply::Ack => return Ok(Ok(replies)),
                OptionReply::Error { error, message } if message.is_empty() => {
                    return Ok(Err(error.to_string()));
                }
                OptionReply::Error { message, .. } => return Ok(Err(message.to_string())),
                reply => replies.push(reply),
            }
        }
    }

    /// The export's size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What the export can do.
    pub fn flags(&self) -> TransmissionFlags {
        self.flags
    }

    /// Reads bytes from `at` on.
    ///
    /// # Errors
    /// The server's answer, or the connection's end.
    pub fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), ClientError> {
        let request = self.request(CommandKind::Read, at, bytes.len() as u64);
        self.send(&request, &[])?;
        self.receive(&request, bytes).map(|_| ())
    }

    /// Writes bytes from `at` on.
    ///
    /// # Errors
    /// The server's answer, or the connection's end.
    pub fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), ClientError> {
        let request = self.request(CommandKind::Write, at, bytes.len() as u64);
        self.send(&request, bytes)?;
        self.receive(&request, &mut []).map(|_| ())
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// The server's answer, or the connection's end.
    pub fn flush(&mut self) -> Result<(), ClientError> {
        self.simple(CommandKind::Flush, 0, 0)
    }

    /// Gives bytes up.
    ///
    /// # Errors
    /// The server's answer, or the connection's end.
    pub fn trim(&mut self, at: u64, length: u64) -> Result<(), ClientError> {
        self.simple(CommandKind::Trim, at, length)
    }

    /// Makes bytes zero.
    ///
    /// # Errors
    /// The server's answer, or the connection's end.
    pub fn write_zeroes(&mut self, at: u64, length: u64) -> Result<(), ClientError> {
        self.simple(CommandKind::WriteZeroes, at, length)
    }

    /// What lies from `at` on: at least one extent, maybe not all of `length`.
    ///
    /// # Errors
    /// The server's answer, or the connection's end.
    pub fn block_status(&mut self, at: u64, length: u64) -> Result<Vec<Extent>, ClientError> {
        let request = self.request(CommandKind::BlockStatus, at, length);
        self.send(&request, &[])?;
        self.receive(&request, &mut [])
    }

    /// Says good-bye.
    ///
    /// # Errors
    /// The connection's end, before.
    pub fn disconnect(mut self) -> Result<(), ClientError> {
        let request = self.request(CommandKind::Disconnect, 0, 0);
        self.send(&request, &[])
    }

    fn simple(&mut self, command: CommandKind, at: u64, length: u64) -> Result<(), ClientError> {
        let request = self.request(command, at, length);
        self.send(&request, &[])?;
        self.receive(&request, &mut []).map(|_| ())
    }

    fn request(&mut self, command: CommandKind, at: u64, length: u64) -> Request {
        self.next += 1;
        Request {
            command,
            flags: CommandFlags::empty(),
            cookie: Cookie(self.next),
            offset: ByteOffset(at),
            length: ByteCount(length),
        }
    }

    fn send(&mut self, request: &Request, payload: &[u8]) -> Result<(), ClientError> {
        self.stream.write_all(&request.encode(self.framing)?)?;
        self.stream.write_all(payload)?;
        Ok(())
    }

    /// Reads the reply: data into `bytes`, extents as the result.
    fn receive(&mut self, request: &Request, bytes: &mut [u8]) -> Result<Vec<Extent>, ClientError> {
        let mut extents = Vec::new();
        let mut failed = None;
        loop {
            let mut head = [0; 32];
            self.stream.read_exact(&mut head[..4])?;
            let size = ReplyHeader::size(self.framing, [head[0], head[1], head[2], head[3]])?;
            self.stream.read_exact(&mut head[4..size])?;
            let header = ReplyHeader::decode(self.framing, &head[..size])?;
            if header.cookie() != request.cookie {
                return Err(ClientError::Mismatch);
            }
            let header = match header {
                ReplyHeader::Simple(reply) => {
                    if let Some(error) = reply.error {
                        return Err(ClientError::Refused(error));
                    }
                    if request.command == CommandKind::Read {
                        self.stream.read_exact(bytes)?;
                    }
                    return Ok(extents);
                }
                ReplyHeader::Chunk(header) => header,
                _ => return Err(ClientError::Mismatch),
            };
            let limit = bytes.len() as u64 + (64 << 10);
            if u64::from(header.length()) > limit {
                return Err(ClientError::Mismatch);
            }
            let mut payload = vec![0; usize::try_from(header.length()).unwrap_or(usize::MAX)];
            self.stream.read_exact(&mut payload)?;
            match Chunk::decode(&header, &payload)? {
                Chunk::Data { offset, data } => {
                    part(request, bytes, offset, data.len())?.copy_from_slice(data)
                }
                Chunk::Hole { offset, length } => {
                    part(
                        request,
                        bytes,
                        offset,
                        usize::try_from(length).unwrap_or(usize::MAX),
                    )?
                    .fill(0);
                }
                Chunk::BlockStatus(status) => extents = status.extents,
                Chunk::Error { error, .. } | Chunk::ErrorOffset { error, .. } => {
                    failed = Some(error)
                }
                _ => {}
            }
            if header.is_done() {
                return match failed {
                    Some(error) => Err(ClientError::Refused(error)),
                    None => Ok(extents),
                };
            }
        }
    }
}

/// The part of a read's buffer that a chunk fills.
fn part<'a>(
    request: &Request,
    bytes: &'a mut [u8],
    offset: ByteOffset,
    length: usize,
) -> Result<&'a mut [u8], ClientError> {
    let from = offset
        .0
        .checked_sub(request.offset.0)
        .ok_or(ClientError::Mismatch)?;
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let to = from.checked_add(length).ok_or(ClientError::Mismatch)?;
    bytes.get_mut(from..to).ok_or(ClientError::Mismatch)
}
