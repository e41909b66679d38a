//! Reaching an export.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::nbd::{
    Address, BlockSizes, ClientFlags, Greeting, HandshakeFlags, Info, InfoKind, InfoRequest,
    NbdUri, OptionError, OptionReply, OptionReplyHeader, OptionRequest, Security, Text,
    TransmissionFlags,
};

use super::secure::Secure;

/// The most replies to one option.
const REPLIES_MAX: usize = 1000;

/// The most bytes of a request where the server does not say.
pub(super) const PAYLOAD_MAX: u32 = 32 << 20;

/// A connection in its transmission phase, with simple replies.
pub(super) struct Connection {
    pub(super) socket: Socket,
    pub(super) export: Export,
}

/// What the server says of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Export {
    pub(super) bytes: u64,
    pub(super) flags: TransmissionFlags,
    /// Bytes: requests are multiples of it.
    pub(super) block: u32,
    /// Bytes of a request at most.
    pub(super) most: u32,
}

/// A socket of either kind.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    /// Connects to the export that `uri` names.
    pub(super) fn open(
        uri: &NbdUri,
        limit: Duration,
        secure: Option<&dyn Secure>,
    ) -> io::Result<Connection> {
        let secure = match (uri.security(), secure) {
            (Security::Tls, None) => {
                let reason = "connections under TLS are not built into this engine";
                return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
            }
            (Security::Tls, secure) => secure,
            _ => None,
        };
        let mut socket = Socket::connect(uri.address(), limit)?;
        socket.set_limits(Some(limit))?;
        greet(&mut socket)?;
        if let Some(secure) = secure {
            ask_for_tls(&mut socket)?;
            let plain = secure.begin(socket.handle()?, uri, limit)?;
            socket = Socket::Unix(plain);
            socket.set_limits(Some(limit))?;
        }
        let export = ask_for_export(&mut socket, uri);
        let export = match secure {
            Some(_) => export.map_err(unknown)?,
            None => export?,
        };
        // Replies may take as long as they like: who waits for them has a clock of its own.
        socket.set_limits(None)?;
        Ok(Connection { socket, export })
    }
}

fn wrong(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What it means that a server leaves right behind TLS's handshake: there a server of TLS 1.3 refuses a
/// client, which takes the handshake for done.
fn unknown(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::UnexpectedEof => {
            let reason = "the server ended the connection when it was under TLS: it may not know this client";
            io::Error::new(io::ErrorKind::PermissionDenied, reason)
        }
        _ => error,
    }
}

fn greet(socket: &mut Socket) -> io::Result<()> {
    let mut greeting = [0; 18];
    socket.read_exact(&mut greeting)?;
    let greeting = Greeting::decode(&greeting).map_err(wrong)?;
    if !greeting.flags.contains(HandshakeFlags::FIXED_NEWSTYLE) {
        return Err(wrong("the server's handshake is too old"));
    }
    socket.write_all(&ClientFlags::answer(greeting.flags).encode())
}

fn ask_for_tls(socket: &mut Socket) -> io::Result<()> {
    let mut bytes = Vec::new();
    OptionRequest::StartTls.encode(&mut bytes).map_err(wrong)?;
    socket.write_all(&bytes)?;
    match reply(socket)? {
        OptionReply::Ack => Ok(()),
        OptionReply::Error { error, message } => Err(refused("TLS", error, &message)),
        _ => Err(wrong("the server's answer to TLS is none")),
    }
}

/// A reply to an option.
fn reply(socket: &mut Socket) -> io::Result<OptionReply> {
    let mut header = [0; 20];
    socket.read_exact(&mut header)?;
    let header = OptionReplyHeader::decode(&header).map_err(wrong)?;
    let mut payload = vec![0; header.payload_length().map_err(wrong)?];
    socket.read_exact(&mut payload)?;
    OptionReply::decode(header.kind, &payload).map_err(wrong)
}

fn refused(what: &str, error: OptionError, message: &Text) -> io::Error {
    let said = match message.is_empty() {
        true => error.to_string(),
        false => message.to_string(),
    };
    let reason = format!("the server refused {what}: {said}");
    io::Error::new(io::ErrorKind::NotFound, reason)
}

fn ask_for_export(socket: &mut Socket, uri: &NbdUri) -> io::Result<Export> {
    let go = OptionRequest::Go(InfoRequest {
        export: uri.export().clone(),
        wanted: vec![InfoKind::BLOCK_SIZE],
    });
    let mut bytes = Vec::new();
    go.encode(&mut bytes).map_err(wrong)?;
    socket.write_all(&bytes)?;
    let (mut export, mut sizes) = (None, None);
    for _ in 0..REPLIES_MAX {
        match reply(socket)? {
            OptionReply::Info(Info::Export { size, flags }) => export = Some((size.0, flags)),
            OptionReply::Info(Info::BlockSize(told)) => sizes = Some(told),
            OptionReply::Ack => {
                let (bytes, flags) = export.ok_or_else(|| wrong("the server tells no size"))?;
                return Export::new(bytes, flags, sizes);
            }
            OptionReply::Error { error, message } => {
                return Err(refused("the export", error, &message));
            }
            _ => {}
        }
    }
    Err(wrong("the server's handshake does not end"))
}

impl Export {
    fn new(bytes: u64, flags: TransmissionFlags, sizes: Option<BlockSizes>) -> io::Result<Export> {
        let block = sizes.map_or(512, |sizes| sizes.minimum().max(512));
        let most = sizes.map_or(PAYLOAD_MAX, |sizes| sizes.maximum_payload());
        // Whole blocks, and some sectors at least.
        let most = most.min(PAYLOAD_MAX) / block * block;
        if most == 0 {
            return Err(wrong("the server takes no request of a whole block"));
        }
        Ok(Export {
            bytes,
            flags,
            block,
            most,
        })
    }
}

impl Socket {
    fn connect(address: &Address, limit: Duration) -> io::Result<Socket> {
        match address {
            Address::Unix { socket } => match socket.strip_prefix(b"\0") {
                None => UnixStream::connect(Path::new(OsStr::from_bytes(socket))).map(Socket::Unix),
                Some(name) => abstract_socket(name).map(Socket::Unix),
            },
            Address::Tcp { host, port } => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, limit) {
                        Ok(stream) => {
                            stream.set_nodelay(true)?;
                            return Ok(Socket::Tcp(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }

    fn set_limits(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => {
                stream.set_read_timeout(limit)?;
                stream.set_write_timeout(limit)
            }
            Socket::Unix(stream) => {
                stream.set_read_timeout(limit)?;
                stream.set_write_timeout(limit)
            }
        }
    }

    /// Another handle, by which the connection can be ended while someone reads or writes.
    pub(super) fn handle(&self) -> io::Result<OwnedFd> {
        Ok(match self {
            Socket::Tcp(stream) => stream.try_clone()?.into(),
            Socket::Unix(stream) => stream.try_clone()?.into(),
        })
    }

    /// Another handle to read from.
    pub(super) fn reader(&self) -> io::Result<Socket> {
        Ok(match self {
            Socket::Tcp(stream) => Socket::Tcp(stream.try_clone()?),
            Socket::Unix(stream) => Socket::Unix(stream.try_clone()?),
        })
    }
}

#[cfg(target_os = "linux")]
fn abstract_socket(name: &[u8]) -> io::Result<UnixStream> {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    UnixStream::connect_addr(&address)
}

#[cfg(not(target_os = "linux"))]
fn abstract_socket(_: &[u8]) -> io::Result<UnixStream> {
    let reason = "only Linux has sockets without a path";
    Err(io::Error::new(io::ErrorKind::Unsupported, reason))
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buffer),
            Socket::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(buffer),
            Socket::Unix(stream) => stream.write(buffer),
        }
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write_vectored(slices),
            Socket::Unix(stream) => stream.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
