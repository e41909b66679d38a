//! The options that a client asks for before it uses an export.

use std::io::{self, ErrorKind, Read};
use std::time::Duration;

use dm_core::blockdev::{BlockDev, DevInfo, LabelledDev};
use dm_core::component::TableMode;
use dm_core::devid::DevId;
use dm_core::disklabel::{FixedText, front};
use dm_core::engine::OpenDevice;
use dm_core::names::DmName;
use dm_core::nbd::{
    BASE_ALLOCATION, BlockSizes, ByteCount, ClientFlags, ContextId, ContextRequest,
    ExportNameReply, Framing, Greeting, Info, InfoKind, InfoRequest, OptionCode, OptionError,
    OptionHeader, OptionReply, OptionRequest, Text, TransmissionFlags, WireError,
};
use dm_core::units::SectorCount;
use tracing::debug;

use super::edges::Edges;
use super::name::ExportName;
use super::stream::Stream;
use super::{PAYLOAD_MAX, Service};
use crate::export::tls::{Tls, TlsPolicy};

/// How long a client may take to answer during the handshake.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most options that one client may send.
const OPTIONS_MAX: usize = 1000;

/// The number of `base:allocation`.
pub(super) const ALLOCATION_ID: ContextId = ContextId(1);

/// What was agreed on.
pub(super) struct Session {
    pub(super) device: Box<dyn BlockDev>,
    /// What the export is called.
    pub(super) name: String,
    pub(super) framing: Framing,
    /// The client may ask for block status.
    pub(super) block_status: bool,
    /// The client may not write.
    pub(super) read_only: bool,
    /// Its table stays as it is.
    pub(super) steady: bool,
    pub(super) edges: Edges,
    /// The size that the client was told.
    pub(super) size: SectorCount,
}

/// An opened device, and what it was when it was opened: a client that was told so may find
/// another device after a swap, but not another size.
struct Export {
    device: Box<dyn BlockDev>,
    name: ExportName,
    info: DevInfo,
}

/// Whether the connection is under TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    Plain,
    Tls,
}

/// The handshake so far.
struct Options<'a, S> {
    service: &'a Service,
    security: Security,
    stream: &'a mut S,
    client: ClientFlags,
    framing: Framing,
    /// The export for which `base:allocation` was chosen.
    allocation_of: Option<ExportName>,
}

/// What the options came to.
pub(super) enum Outcome {
    /// The client left.
    Left,
    /// It uses an export.
    Transmission(Box<Session>),
    /// It goes on under TLS, and begins anew there.
    Tls(Tls),
}

/// What becomes of the handshake after an option.
enum Next {
    Options,
    Ends(Outcome),
}

impl Export {
    fn size(&self) -> ByteCount {
        ByteCount(self.info.size.bytes().unwrap_or(u64::MAX))
    }
}

/// Greets the client; `None` if it left.
pub(super) fn greet<S: Stream>(stream: &mut S) -> io::Result<Option<ClientFlags>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&Greeting::FIXED.encode())?;
    let mut flags = [0; 4];
    if !read_or_end(stream, &mut flags)? {
        return Ok(None);
    }
    ClientFlags::decode(flags, Greeting::FIXED.flags)
        .map(Some)
        .map_err(invalid)
}

/// Obeys a client's options.
pub(super) fn options<S: Stream>(
    service: &Service,
    security: Security,
    client: ClientFlags,
    stream: &mut S,
) -> io::Result<Outcome> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut options = Options {
        service,
        security,
        stream,
        client,
        framing: Framing::Simple,
        allocation_of: None,
    };
    for _ in 0..OPTIONS_MAX {
        if let Next::Ends(outcome) = options.next()? {
            options.stream.set_read_timeout(None)?;
            return Ok(outcome);
        }
    }
    Err(io::Error::other("the client sent too many options"))
}

fn invalid(error: WireError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

/// Fills `buffer`; false if the client ended the connection before its first byte.
pub(super) fn read_or_end(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let first = loop {
        match stream.read(buffer) {
            Ok(count) => break count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    match first {
        0 => Ok(false),
        count => stream.read_exact(&mut buffer[count..]).map(|()| true),
    }
}

impl<S: Stream> Options<'_, S> {
    fn next(&mut self) -> io::Result<Next> {
        let mut header = [0; 16];
        if !read_or_end(self.stream, &mut header)? {
            return Ok(Next::Ends(Outcome::Left));
        }
        let header = OptionHeader::decode(&header).map_err(invalid)?;
        let payload = match header.payload_length() {
            Ok(length) => {
                let mut payload = vec![0; length];
                self.stream.read_exact(&mut payload)?;
                payload
            }
            Err(error) => {
                self.skip(header.length)?;
                return self.refuse(header.code, &error);
            }
        };
        match OptionRequest::decode(header.code, &payload) {
            Ok(request) => self.obey(header.code, request),
            Err(error) => self.refuse(header.code, &error),
        }
    }

    /// Reads past a payload that is too large to keep.
    fn skip(&mut self, length: u32) -> io::Result<()> {
        let skipped = io::copy(&mut self.stream.take(length.into()), &mut io::sink())?;
        match skipped == u64::from(length) {
            true => Ok(()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn refuse(&mut self, code: OptionCode, error: &WireError) -> io::Result<Next> {
        debug!(%code, %error, "an NBD option was refused");
        self.reply(code, &[OptionReply::error(error.option_error())])?;
        Ok(Next::Options)
    }

    fn reply(&mut self, code: OptionCode, replies: &[OptionReply]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for reply in replies {
            reply.encode(code, &mut bytes).map_err(invalid)?;
        }
        self.stream.write_all(&bytes)
    }

    fn obey(&mut self, code: OptionCode, request: OptionRequest) -> io::Result<Next> {
        if self.waits_for_tls() {
            match request {
                OptionRequest::StartTls | OptionRequest::Abort => {}
                // There is no way to refuse this one.
                OptionRequest::ExportName(_) => return Ok(Next::Ends(Outcome::Left)),
                _ => {
                    self.reply(code, &[OptionReply::error(OptionError::TLS_REQUIRED)])?;
                    return Ok(Next::Options);
                }
            }
        }
        let replies = match request {
            OptionRequest::ExportName(name) => return self.export_name(&name),
            OptionRequest::StartTls => return self.start_tls(code),
            OptionRequest::Abort => {
                // The client may be gone already.
                let _ = self.reply(code, &[OptionReply::Ack]);
                return Ok(Next::Ends(Outcome::Left));
            }
            OptionRequest::Go(request) => return self.go(code, &request),
            OptionRequest::Info(request) => match self.open(&request.export) {
                Ok(export) => self.facts(&export, &request),
                Err(refusal) => vec![refusal],
            },
            OptionRequest::List => self.list(),
            OptionRequest::StructuredReply => {
                if self.framing == Framing::Simple {
                    self.framing = Framing::Structured;
                }
                vec![OptionReply::Ack]
            }
            OptionRequest::ExtendedHeaders => {
                self.framing = Framing::Extended;
                vec![OptionReply::Ack]
            }
            OptionRequest::ListMetaContext(request) => self.contexts(&request, false),
            OptionRequest::SetMetaContext(request) => self.contexts(&request, true),
            _ => vec![OptionReply::error(OptionError::UNSUPPORTED)],
        };
        self.reply(code, &replies)?;
        Ok(Next::Options)
    }

    /// Whether nothing is served before the connection is under TLS.
    fn waits_for_tls(&self) -> bool {
        let policy = self.service.tls.as_ref().map(|(_, policy)| *policy);
        self.security == Security::Plain && policy == Some(TlsPolicy::Required)
    }

    /// Goes on under TLS, if there is any, and not twice.
    fn start_tls(&mut self, code: OptionCode) -> io::Result<Next> {
        let refusal = match (&self.service.tls, self.security) {
            (_, Security::Tls) => OptionError::INVALID,
            (None, _) => OptionError::UNSUPPORTED,
            (Some((tls, _)), Security::Plain) => {
                let tls = tls.clone();
                self.reply(code, &[OptionReply::Ack])?;
                return Ok(Next::Ends(Outcome::Tls(tls)));
            }
        };
        self.reply(code, &[OptionReply::error(refusal)])?;
        Ok(Next::Options)
    }

    /// The device behind an export's name; the empty name is the only device's.
    fn find(&self, export: &Text) -> Option<ExportName> {
        let mut names = self.service.names();
        match export.is_empty() {
            true => {
                let only = names.next().filter(|_| names.next().is_none());
                only.map(ExportName::plain)
            }
            false => {
                let wanted: ExportName = export.as_str().parse().ok()?;
                names.find(|name| *name == wanted.device).map(|_| wanted)
            }
        }
    }

    /// Opens the device: for reading only if it is read-only.
    fn open(&self, export: &Text) -> Result<Export, OptionReply> {
        let unknown = |message: &str| OptionReply::Error {
            error: OptionError::UNKNOWN_EXPORT,
            message: Text::lossy(message.as_bytes()),
        };
        let name = self.find(export).ok_or_else(|| match export.is_empty() {
            true => unknown("name the export: there is more than one device, or none"),
            false => unknown("no active device has this name"),
        })?;
        let id = DevId::Name(name.device.clone());
        let engine = &self.service.engine;
        let device = match self.service.read_only {
            true => engine.open(&id, TableMode::ReadOnly),
            false => engine
                .open(&id, TableMode::ReadWrite)
                .or_else(|_| engine.open(&id, TableMode::ReadOnly)),
        }
        .map_err(|error| unknown(&error.reason()))?;
        let mut info = device.info();
        info.read_only |= self.service.read_only;
        let device = labelled(device, &name, info.size).map_err(|error| unknown(&error))?;
        Ok(Export { device, name, info })
    }

    fn list(&self) -> Vec<OptionReply> {
        let server = |name: DmName| {
            let name = Text::lossy(name.as_str().as_bytes());
            OptionReply::Server {
                name,
                description: Text::EMPTY,
            }
        };
        let names = self.service.names().map(server);
        names.chain([OptionReply::Ack]).collect()
    }

    /// What is to be told of an export, and that it is all.
    fn facts(&self, export: &Export, request: &InfoRequest) -> Vec<OptionReply> {
        let mut facts = vec![Info::Export {
            size: export.size(),
            flags: self.flags(&export.info),
        }];
        if let Some(sizes) = block_sizes(&export.info) {
            facts.push(Info::BlockSize(sizes));
        }
        if request.wanted.contains(&InfoKind::NAME) {
            facts.push(Info::Name(Text::lossy(export.name.to_string().as_bytes())));
        }
        facts
            .into_iter()
            .map(OptionReply::Info)
            .chain([OptionReply::Ack])
            .collect()
    }

    fn flags(&self, info: &DevInfo) -> TransmissionFlags {
        let mut flags = TransmissionFlags::HAS_FLAGS
            | TransmissionFlags::SEND_FLUSH
            | TransmissionFlags::SEND_FUA
            | TransmissionFlags::SEND_WRITE_ZEROES
            | TransmissionFlags::SEND_CACHE
            | TransmissionFlags::CAN_MULTI_CONN;
        flags.set(TransmissionFlags::SEND_TRIM, info.limits.discard);
        flags.set(TransmissionFlags::READ_ONLY, info.read_only);
        flags.set(TransmissionFlags::ROTATIONAL, info.rotational);
        flags.set(TransmissionFlags::SEND_DF, self.framing != Framing::Simple);
        flags
    }

    fn go(&mut self, code: OptionCode, request: &InfoRequest) -> io::Result<Next> {
        match self.open(&request.export) {
            Ok(export) => {
                let facts = self.facts(&export, request);
                self.reply(code, &facts)?;
                Ok(self.transmission(export))
            }
            Err(refusal) => {
                self.reply(code, &[refusal])?;
                Ok(Next::Options)
            }
        }
    }

    /// The old way to use an export, which can only end in success or in the connection's end.
    fn export_name(&mut self, name: &Text) -> io::Result<Next> {
        let Ok(export) = self.open(name) else {
            return Ok(Next::Ends(Outcome::Left));
        };
        let mut bytes = Vec::new();
        ExportNameReply {
            size: export.size(),
            flags: self.flags(&export.info),
        }
        .encode(self.client.padding(), &mut bytes);
        self.stream.write_all(&bytes)?;
        Ok(self.transmission(export))
    }

    fn transmission(&self, export: Export) -> Next {
        Next::Ends(Outcome::Transmission(Box::new(Session {
            framing: self.framing,
            block_status: self.allocation_of.as_ref() == Some(&export.name),
            size: export.info.size,
            read_only: export.info.read_only,
            steady: self.service.steady,
            name: export.name.to_string(),
            edges: Edges::of(
                export.name.device.as_str(),
                export.info.limits.logical_block,
            ),
            device: export.device,
        })))
    }

    /// Lists or chooses `base:allocation`.
    fn contexts(&mut self, request: &ContextRequest, choose: bool) -> Vec<OptionReply> {
        if self.framing == Framing::Simple {
            return vec![OptionReply::error(OptionError::INVALID)];
        }
        let Some(name) = self.find(&request.export) else {
            return vec![OptionReply::error(OptionError::UNKNOWN_EXPORT)];
        };
        let meant = |query: &Text| match query.as_str() {
            BASE_ALLOCATION => true,
            "base:" => !choose,
            _ => false,
        };
        let found = request.queries.iter().any(meant) || (!choose && request.queries.is_empty());
        if choose {
            self.allocation_of = found.then_some(name);
        }
        let context = OptionReply::MetaContext {
            id: if choose { ALLOCATION_ID } else { ContextId(0) },
            name: Text::lossy(BASE_ALLOCATION.as_bytes()),
        };
        found
            .then_some(context)
            .into_iter()
            .chain([OptionReply::Ack])
            .collect()
    }
}

/// The device, with the label before it that its export's name asks for.
fn labelled(
    device: OpenDevice,
    name: &ExportName,
    size: SectorCount,
) -> Result<Box<dyn BlockDev>, String> {
    let Some(port) = name.label else {
        return Ok(Box::new(device));
    };
    let own: String = name
        .device
        .as_str()
        .chars()
        .filter(char::is_ascii)
        .take(16)
        .collect();
    let front = front(port, size, FixedText::new(&own).unwrap_or_default())
        .map_err(|error| format!("a label of {port}: {error}"))?;
    Ok(Box::new(LabelledDev::new(device, front)))
}

/// Any bytes may be asked for; whole pages suit best.
fn block_sizes(info: &DevInfo) -> Option<BlockSizes> {
    let preferred = info.limits.physical_block.max(4096).next_power_of_two();
    BlockSizes::new(1, preferred, PAYLOAD_MAX).ok()
}
