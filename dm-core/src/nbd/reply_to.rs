//! A server's short way to a reply: headers on the stack, the data from where it is.

use super::chunk_header::{ChunkHeader, ChunkKind};
use super::error::{NbdErrno, WireError};
use super::flags::ReplyFlags;
use super::head::Head;
use super::reply::SimpleReply;
use super::request::RequestView;
use super::unit::{ByteOffset, Cookie, Framing};

/// What of a request its replies need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// What both sides agreed on.
    pub framing: Framing,
    /// The request's mark.
    pub cookie: Cookie,
    /// The request's offset.
    pub offset: ByteOffset,
}

impl ReplyTo {
    /// The address of the replies to the request in `view`, be it a good one or not.
    pub fn new(view: &RequestView<'_>) -> ReplyTo {
        ReplyTo {
            framing: view.framing(),
            cookie: view.cookie(),
            offset: view.offset(),
        }
    }

    /// The whole reply that says that the request is done.
    ///
    /// With simple framing a read's data must follow, see [`ReplyTo::data`].
    pub fn done(&self) -> Head {
        match self.framing {
            Framing::Simple => self.simple(None),
            Framing::Structured | Framing::Extended => {
                self.header(ChunkKind::NONE, ReplyFlags::DONE, 0).encode()
            }
        }
    }

    /// The whole reply, or the last chunk of it, that says that the request failed.
    pub fn error(&self, error: NbdErrno) -> Head {
        match self.framing {
            Framing::Simple => self.simple(Some(error)),
            Framing::Structured | Framing::Extended => {
                let header = self.header(ChunkKind::ERROR, ReplyFlags::DONE, 6);
                header
                    .encode()
                    .with(error.to_wire().to_be_bytes())
                    .with([0, 0])
            }
        }
    }

    /// The head of `length` bytes of data that stand at `offset`; the data follows.
    ///
    /// # Errors
    /// If there is no data, too much for a chunk, or, with simple framing, not the whole read in
    /// one.
    pub fn data(
        &self,
        offset: ByteOffset,
        length: u32,
        flags: ReplyFlags,
    ) -> Result<Head, WireError> {
        if length == 0 {
            return Err(WireError::Zero { what: "data" });
        }
        if self.framing == Framing::Simple {
            if offset != self.offset || !flags.contains(ReplyFlags::DONE) {
                return Err(WireError::NotAgreed {
                    what: "part of a read",
                });
            }
            return Ok(self.simple(None));
        }
        let value = u64::from(length) + 8; // the offset
        let payload = u32::try_from(value).map_err(|_| WireError::DoesNotFit {
            what: "chunk length",
            value,
        })?;
        let header = self.header(ChunkKind::OFFSET_DATA, flags, payload);
        Ok(header.encode().with(offset.0.to_be_bytes()))
    }

    /// The chunk that says that `length` bytes at `offset` are zeroes.
    ///
    /// # Errors
    /// If `length` is zero, or with simple framing, which has no holes.
    pub fn hole(
        &self,
        offset: ByteOffset,
        length: u32,
        flags: ReplyFlags,
    ) -> Result<Head, WireError> {
        if length == 0 {
            return Err(WireError::Zero { what: "hole" });
        }
        let header = self.chunk_header(ChunkKind::OFFSET_HOLE, flags, 12)?;
        Ok(header
            .encode()
            .with(offset.0.to_be_bytes())
            .with(length.to_be_bytes()))
    }

    /// The header of a chunk, if the framing has chunks.
    pub(super) fn chunk_header(
        &self,
        kind: ChunkKind,
        flags: ReplyFlags,
        length: u32,
    ) -> Result<ChunkHeader, WireError> {
        match self.framing {
            Framing::Simple => Err(WireError::NotAgreed { what: "chunk" }),
            Framing::Structured | Framing::Extended => Ok(self.header(kind, flags, length)),
        }
    }

    fn header(&self, kind: ChunkKind, flags: ReplyFlags, length: u32) -> ChunkHeader {
        let request_offset = (self.framing == Framing::Extended).then_some(self.offset);
        ChunkHeader {
            flags,
            kind,
            cookie: self.cookie,
            request_offset,
            length,
        }
    }

    fn simple(&self, error: Option<NbdErrno>) -> Head {
        Head::new().with(
            SimpleReply {
                error,
                cookie: self.cookie,
            }
            .encode(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunk::Chunk;
    use super::super::testing::hex;
    use super::super::text::Text;
    use super::*;
    use alloc::vec::Vec;

    const FRAMINGS: [Framing; 3] = [Framing::Simple, Framing::Structured, Framing::Extended];

    fn to(framing: Framing) -> ReplyTo {
        ReplyTo {
            framing,
            cookie: Cookie(1),
            offset: ByteOffset(512),
        }
    }

    fn encoded(chunk: &Chunk<'_>, framing: Framing) -> Vec<u8> {
        let mut out = Vec::new();
        chunk
            .encode(&to(framing), ReplyFlags::DONE, &mut out)
            .unwrap();
        out
    }

    #[test]
    fn simple_heads() {
        let to = to(Framing::Simple);
        assert_eq!(*to.done(), hex("67446698 00000000 0000000000000001"));
        assert_eq!(
            *to.error(NbdErrno::Io),
            hex("67446698 00000005 0000000000000001")
        );
        assert_eq!(to.data(ByteOffset(512), 4, ReplyFlags::DONE), Ok(to.done()));
    }

    #[test]
    fn heads_are_the_beginnings_of_chunks() {
        for framing in [Framing::Structured, Framing::Extended] {
            let to = to(framing);
            let (offset, done) = (ByteOffset(1024), ReplyFlags::DONE);
            assert_eq!(*to.done(), encoded(&Chunk::None, framing));
            let (error, message) = (NbdErrno::NoSpace, Text::EMPTY);
            assert_eq!(
                *to.error(error),
                encoded(&Chunk::Error { error, message }, framing)
            );
            let hole = to.hole(offset, 512, done).unwrap();
            assert_eq!(
                *hole,
                encoded(
                    &Chunk::Hole {
                        offset,
                        length: 512
                    },
                    framing
                )
            );
            let mut data = to.data(offset, 4, done).unwrap().to_vec();
            data.extend(b"data");
            assert_eq!(
                data,
                encoded(
                    &Chunk::Data {
                        offset,
                        data: b"data"
                    },
                    framing
                )
            );
        }
    }

    #[test]
    fn heads_that_can_not_be() {
        let (offset, done) = (ByteOffset(512), ReplyFlags::DONE);
        for framing in FRAMINGS {
            let to = to(framing);
            assert_eq!(
                to.data(offset, 0, done),
                Err(WireError::Zero { what: "data" })
            );
            assert_eq!(
                to.hole(offset, 0, done),
                Err(WireError::Zero { what: "hole" })
            );
        }
        let simple = to(Framing::Simple);
        let part = WireError::NotAgreed {
            what: "part of a read",
        };
        assert_eq!(simple.data(ByteOffset(513), 4, done), Err(part.clone()));
        assert_eq!(simple.data(offset, 4, ReplyFlags::empty()), Err(part));
        let chunk = WireError::NotAgreed { what: "chunk" };
        assert_eq!(simple.hole(offset, 4, done), Err(chunk));
        let value = u64::from(u32::MAX) + 8;
        assert_eq!(
            to(Framing::Structured).data(offset, u32::MAX, done),
            Err(WireError::DoesNotFit {
                what: "chunk length",
                value
            })
        );
    }

    #[test]
    fn nonsense_is_answered_to_its_sender() {
        // nbdkit 1.32.5 answers an unknown command like this.
        let bytes = hex("25609513 0000 004d 1122334455667788 0000000000000000 00000200");
        let view = RequestView::new(Framing::Simple, &bytes).unwrap();
        let reply = ReplyTo::new(&view).error(NbdErrno::Invalid);
        assert_eq!(*reply, hex("67446698 00000016 1122334455667788"));
    }
}
