//! Every number of the wire: magics, codes, offsets, sizes and limits.
//!
//! # Source
//! The NBD project's `doc/proto.md`; the extended headers from the same document's
//! `extension-ext-header` branch.

/// The TCP port that IANA gave the protocol.
pub const DEFAULT_PORT: u16 = 10_809;

/// `NBDMAGIC`, the first bytes of any server.
pub const GREETING_MAGIC: u64 = 0x4e42_444d_4147_4943;
/// `IHAVEOPT`, behind the greeting's first magic and before each option.
pub const OPTION_MAGIC: u64 = 0x4948_4156_454f_5054;
/// What an oldstyle server sends where a newstyle one sends [`OPTION_MAGIC`].
pub const OLDSTYLE_MAGIC: u64 = 0x0000_4202_8186_1253;
/// Before each option reply.
pub const OPTION_REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
/// Before each compact request.
pub const REQUEST_MAGIC: u32 = 0x2560_9513;
/// Before each extended request.
pub const EXTENDED_REQUEST_MAGIC: u32 = 0x21e4_1c71;
/// Before each simple reply.
pub const SIMPLE_REPLY_MAGIC: u32 = 0x6744_6698;
/// Before each structured reply chunk.
pub const STRUCTURED_REPLY_MAGIC: u32 = 0x668e_33ef;
/// Before each extended reply chunk.
pub const EXTENDED_REPLY_MAGIC: u32 = 0x6e8a_278c;

/// The most bytes that a string of the protocol has: names, descriptions, queries, messages.
pub const MAX_TEXT: usize = 4096;
/// The most payload bytes of an option or an option reply that this codec takes or makes.
///
/// The protocol sets no such limit; ours keeps a peer from making us hold more than this.
pub const MAX_OPTION_PAYLOAD: usize = 64 * 1024;
/// The most extents in one block status chunk.
pub const MAX_EXTENTS: usize = 1 << 20;
/// The largest minimum block size that a server may announce.
pub const MAX_MINIMUM_BLOCK: u32 = 1 << 16;
/// The smallest preferred block size that a server may announce.
pub const MIN_PREFERRED_BLOCK: u32 = 512;
/// The payload that any peer takes when no sizes were agreed.
pub const DEFAULT_MAX_PAYLOAD: u32 = 1 << 25;

/// The server's greeting.
pub mod greeting {
    /// Where the second magic is.
    pub const STYLE: usize = 8;
    /// Where the handshake flags are.
    pub const FLAGS: usize = 16;
    /// Bytes in a greeting.
    pub const SIZE: usize = 18;
    /// Bytes in the client's answer.
    pub const CLIENT_FLAGS_SIZE: usize = 4;
    /// Zeroes behind the reply to an export name, unless both sides waived them.
    pub const PADDING: usize = 124;
}

/// The header of an option.
pub mod option {
    /// Where the option's code is.
    pub const CODE: usize = 8;
    /// Where the payload's length is.
    pub const LENGTH: usize = 12;
    /// Bytes in the header.
    pub const SIZE: usize = 16;

    /// Use this export and leave the handshake; fails by a closed connection.
    pub const EXPORT_NAME: u32 = 1;
    /// End the session.
    pub const ABORT: u32 = 2;
    /// List the exports.
    pub const LIST: u32 = 3;
    /// Go on under TLS.
    pub const START_TLS: u32 = 5;
    /// Describe an export.
    pub const INFO: u32 = 6;
    /// Describe an export and leave the handshake.
    pub const GO: u32 = 7;
    /// Reply in chunks.
    pub const STRUCTURED_REPLY: u32 = 8;
    /// List metadata contexts.
    pub const LIST_META_CONTEXT: u32 = 9;
    /// Choose metadata contexts.
    pub const SET_META_CONTEXT: u32 = 10;
    /// Use 32-byte headers with 64-bit lengths.
    pub const EXTENDED_HEADERS: u32 = 11;
}

/// The header of an option reply.
pub mod option_reply {
    /// Where the option's code is.
    pub const OPTION: usize = 8;
    /// Where the reply's code is.
    pub const KIND: usize = 12;
    /// Where the payload's length is.
    pub const LENGTH: usize = 16;
    /// Bytes in the header.
    pub const SIZE: usize = 20;

    /// Done.
    pub const ACK: u32 = 1;
    /// One export.
    pub const SERVER: u32 = 2;
    /// One fact about an export.
    pub const INFO: u32 = 3;
    /// One metadata context.
    pub const META_CONTEXT: u32 = 4;
    /// The bit that makes a reply an error.
    pub const ERROR: u32 = 1 << 31;
}

/// The facts in an info reply.
pub mod info {
    /// Size and transmission flags.
    pub const EXPORT: u16 = 0;
    /// The export's own name.
    pub const NAME: u16 = 1;
    /// A text for people.
    pub const DESCRIPTION: u16 = 2;
    /// Block and payload sizes.
    pub const BLOCK_SIZE: u16 = 3;
}

/// The header of a request.
pub mod request {
    /// Where the command flags are.
    pub const FLAGS: usize = 4;
    /// Where the command is.
    pub const COMMAND: usize = 6;
    /// Where the cookie is.
    pub const COOKIE: usize = 8;
    /// Where the offset is.
    pub const OFFSET: usize = 16;
    /// Where the length is: 32 bits when compact, 64 when extended.
    pub const LENGTH: usize = 24;
    /// Bytes in a compact request.
    pub const COMPACT_SIZE: usize = 28;
    /// Bytes in an extended request.
    pub const EXTENDED_SIZE: usize = 32;

    /// Read.
    pub const READ: u16 = 0;
    /// Write.
    pub const WRITE: u16 = 1;
    /// Disconnect.
    pub const DISCONNECT: u16 = 2;
    /// Flush.
    pub const FLUSH: u16 = 3;
    /// Trim.
    pub const TRIM: u16 = 4;
    /// Cache.
    pub const CACHE: u16 = 5;
    /// Write zeroes.
    pub const WRITE_ZEROES: u16 = 6;
    /// Block status.
    pub const BLOCK_STATUS: u16 = 7;
}

/// The headers of replies.
pub mod reply {
    /// Where a simple reply's error is.
    pub const ERROR: usize = 4;
    /// Where the cookie of any reply is.
    pub const COOKIE: usize = 8;
    /// Bytes in a simple reply.
    pub const SIMPLE_SIZE: usize = 16;
    /// Where a chunk's flags are.
    pub const FLAGS: usize = 4;
    /// Where a chunk's kind is.
    pub const KIND: usize = 6;
    /// Where a structured chunk's payload length is.
    pub const STRUCTURED_LENGTH: usize = 16;
    /// Bytes in a structured chunk's header.
    pub const STRUCTURED_SIZE: usize = 20;
    /// Where an extended chunk repeats the request's offset.
    pub const OFFSET: usize = 16;
    /// Where an extended chunk's payload length is.
    pub const EXTENDED_LENGTH: usize = 24;
    /// Bytes in an extended chunk's header.
    pub const EXTENDED_SIZE: usize = 32;
}

/// The payloads of reply chunks.
pub mod chunk {
    /// No payload.
    pub const NONE: u16 = 0;
    /// Data at an offset.
    pub const OFFSET_DATA: u16 = 1;
    /// Zeroes at an offset.
    pub const OFFSET_HOLE: u16 = 2;
    /// Extents with 32-bit fields.
    pub const BLOCK_STATUS: u16 = 5;
    /// Extents with 64-bit fields.
    pub const BLOCK_STATUS_EXTENDED: u16 = 6;
    /// The bit that makes a chunk an error.
    pub const ERROR_BIT: u16 = 1 << 15;
    /// An error.
    pub const ERROR: u16 = ERROR_BIT | 1;
    /// An error at an offset.
    pub const ERROR_OFFSET: u16 = ERROR_BIT | 2;

    /// Bytes before the data of [`OFFSET_DATA`].
    pub const DATA_HEAD: usize = 8;
    /// Bytes of [`OFFSET_HOLE`].
    pub const HOLE_SIZE: usize = 12;
    /// Bytes before the extents of [`BLOCK_STATUS`].
    pub const STATUS_HEAD: usize = 4;
    /// Bytes of one extent of [`BLOCK_STATUS`].
    pub const EXTENT_SIZE: usize = 8;
    /// Bytes before the extents of [`BLOCK_STATUS_EXTENDED`].
    pub const EXTENDED_STATUS_HEAD: usize = 8;
    /// Bytes of one extent of [`BLOCK_STATUS_EXTENDED`].
    pub const EXTENDED_EXTENT_SIZE: usize = 16;
    /// Bytes before the message of an error.
    pub const ERROR_HEAD: usize = 6;
    /// Bytes behind the message of [`ERROR_OFFSET`].
    pub const ERROR_TAIL: usize = 8;
}

/// The error numbers.
pub mod error {
    /// Not permitted, also for a write to a read-only export.
    pub const PERMISSION: u32 = 1;
    /// The io failed.
    pub const IO: u32 = 5;
    /// No memory.
    pub const NO_MEMORY: u32 = 12;
    /// The request is wrong.
    pub const INVALID: u32 = 22;
    /// No space, also for a write behind the end.
    pub const NO_SPACE: u32 = 28;
    /// Too large.
    pub const OVERFLOW: u32 = 75;
    /// Not supported.
    pub const NOT_SUPPORTED: u32 = 95;
    /// The server goes down.
    pub const SHUTDOWN: u32 = 108;
}
