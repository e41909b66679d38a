//! The batching client: one connection, requests sent and replies received as many at a time as
//! there are, every byte that is read verified.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use dm_core::nbd::{
    ByteCount, ByteOffset, CommandFlags, CommandKind, Cookie, Framing, Request, SimpleReply,
};
use dm_tests::nbd_batch;

use super::pattern::{self, BLOCK};

/// What is asked of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) command: CommandKind,
    /// Bytes of a request, whole blocks.
    pub(crate) length: usize,
    /// Requests under way.
    pub(crate) depth: usize,
    pub(crate) order: Order,
    pub(crate) time: Duration,
}

/// Which places are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Random,
    Sequential,
}

/// Which generation of its content each block has.
pub(crate) struct Content {
    pub(crate) generations: Vec<u8>,
    /// What is written from now on.
    pub(crate) next: u8,
}

/// A client in its transmission phase, with simple replies, which every server speaks.
struct Client {
    stream: UnixStream,
    /// The next batch is at its front; it is never shortened, so that nothing is cleared twice.
    out: Vec<u8>,
    filled: usize,
    /// The first block of each request under way.
    places: Vec<u64>,
}

fn wrong(what: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("the load generator: {what}"))
}

impl Client {
    fn connect(socket: &Path, depth: usize) -> io::Result<Client> {
        let stream = nbd_batch::connect(socket, "disk")?;
        // Room for a batch, so that the client need not wait within one.
        rustix::net::sockopt::set_socket_send_buffer_size(&stream, 2 << 20)?;
        Ok(Client {
            stream,
            out: Vec::new(),
            filled: 0,
            places: vec![0; depth],
        })
    }

    /// Puts a request into the next batch.
    fn ask(&mut self, load: &Load, slot: usize, block: u64, content: &mut Content) {
        self.places[slot] = block;
        let request = Request {
            command: load.command,
            flags: CommandFlags::empty(),
            cookie: Cookie(slot as u64),
            offset: ByteOffset(block * BLOCK as u64),
            length: ByteCount(load.length as u64),
        };
        let head = request
            .encode(Framing::Simple)
            .expect("it is a small request");
        let data = match load.command {
            CommandKind::Write => load.length,
            _ => 0,
        };
        let end = self.filled + head.len() + data;
        if end > self.out.len() {
            self.out.resize(end, 0);
        }
        let (front, bytes) = self.out[self.filled..end].split_at_mut(head.len());
        front.copy_from_slice(&head);
        self.filled = end;
        if load.command == CommandKind::Write {
            pattern::fill(bytes, block, content.next);
            let first = block as usize;
            content.generations[first..first + load.length / BLOCK].fill(content.next);
        }
    }

    fn send(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out[..self.filled])?;
        self.filled = 0;
        Ok(())
    }
}

impl Load {
    /// Asks for `time` and says how many requests were answered, and how long it took.
    pub(crate) fn run(&self, socket: &Path, content: &mut Content) -> io::Result<(u64, Duration)> {
        let mut client = Client::connect(socket, self.depth)?;
        let mut rng = fastrand::Rng::with_seed(7);
        let (blocks, each) = (
            content.generations.len() as u64,
            (self.length / BLOCK) as u64,
        );
        let mut at = 0;
        let order = self.order;
        let mut place = || match order {
            // No two writes under way to one block: their order is nobody's to know.
            Order::Random => rng.u64(..blocks / each) * each,
            Order::Sequential => {
                at = (at + each) % (blocks - blocks % each);
                at
            }
        };
        let data = match self.command {
            CommandKind::Read => self.length,
            _ => 0,
        };
        let start = Instant::now();
        for slot in 0..self.depth {
            client.ask(self, slot, place(), content);
        }
        client.send()?;
        let (mut answered, mut under_way) = (0, self.depth);
        // Small enough for the processor's cache, and with room for a reply behind a part of one.
        let mut buffer = vec![0; (256 << 10).max(3 * self.length)];
        let (mut begin, mut filled) = (0, 0);
        let mut over = false;
        while under_way > 0 {
            let count = client.stream.read(&mut buffer[filled..])?;
            if count == 0 {
                return Err(wrong("the server left"));
            }
            filled += count;
            let mut rest = &buffer[begin..filled];
            while let Some((head, behind)) = rest.split_first_chunk::<16>() {
                if behind.len() < data {
                    break;
                }
                let reply = SimpleReply::decode(head).map_err(wrong)?;
                if let Some(error) = reply.error {
                    return Err(wrong(format!("a request failed: {error:?}")));
                }
                let slot = usize::try_from(reply.cookie.0).unwrap_or(usize::MAX);
                let first = *client
                    .places
                    .get(slot)
                    .ok_or_else(|| wrong("a strange cookie"))?;
                let (bytes, behind) = behind.split_at(data);
                for (at, bytes) in bytes.chunks_exact(BLOCK).enumerate() {
                    let block = first + at as u64;
                    if !pattern::holds(bytes, block, content.generations[block as usize]) {
                        return Err(wrong(format!("block {block} holds something else")));
                    }
                }
                rest = behind;
                answered += 1;
                match over {
                    true => under_way -= 1,
                    false => client.ask(self, slot, place(), content),
                }
            }
            begin = filled - rest.len();
            if begin == filled || filled + self.length + 16 > buffer.len() {
                buffer.copy_within(begin..filled, 0);
                (begin, filled) = (0, filled - begin);
            }
            client.send()?;
            over |= start.elapsed() > self.time;
        }
        Ok((answered, start.elapsed()))
    }
}
