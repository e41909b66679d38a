//! Every decoder against bytes that are nearly right: none panics, and what one decodes is, when
//! encoded and decoded again, the same.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::testing::{Random, hex};
use super::*;

const ROUNDS: usize = 20_000;
const FRAMINGS: [Framing; 3] = [Framing::Simple, Framing::Structured, Framing::Extended];

/// Messages to begin with, one of each shape.
const SEEDS: &[&str] = &[
    "4e42444d41474943 49484156454f5054 0003",
    "0000000000100000 050f",
    "49484156454f5054 00000001 00000004 6469736b",
    "49484156454f5054 00000003 00000000",
    "49484156454f5054 00000007 0000000c 00000004 6469736b 0001 0003",
    "49484156454f5054 00000009 00000015 00000004 6469736b 00000001 00000005 626173653a",
    "0003e889045565a9 00000003 00000002 0000000e 00000004 6469736b 41206469736b",
    "0003e889045565a9 00000006 00000003 00000006 0001 6469736b",
    "0003e889045565a9 00000007 00000003 0000000e 0003 00000001 00001000 02000000",
    "0003e889045565a9 00000007 00000003 0000000c 0000 0000000000100000 1ced",
    "0003e889045565a9 0000000a 00000004 00000007 00000001 613a62",
    "0003e889045565a9 00000005 80000002 00000003 544c53",
    "25609513 0001 0001 0000000000000001 0000000000000200 00000200",
    "25609513 0008 0007 0000000000000001 0000000000001000 000ff000",
    "21e41c71 0003 0006 0000000000000001 0000000000001000 0000000000001000",
    "21e41c71 0028 0007 0000000000000001 0000000000000200 0000000000000010",
    "0000000000001000 00000005 00000002",
    "67446698 00000016 1122334455667788",
    "668e33ef 0001 0000 0000000000000001 00000000",
    "668e33ef 0001 0001 0000000000000001 0000000c 0000000000010000 41414141",
    "668e33ef 0001 0005 0000000000000001 0000000c 00000001 00002000 00000003",
    "668e33ef 0001 8001 0000000000000001 00000008 00000016 0002 6869",
    "6e8a278c 0001 0002 0000000000000001 0000000000001000 000000000000000c
     0000000000010000 00001000",
    "6e8a278c 0001 0006 0000000000000001 0000000000000000 0000000000000018
     00000000 00000001 0000000000002000 0000000000000000",
    "6e8a278c 0001 8002 0000000000000001 0000000000000000 0000000000000010
     00000005 0002 6869 0000000000000200",
];

const URIS: &[&str] = &[
    "nbd://host:10809/disk",
    "nbds://[fe80::1%25eth0]:1//a%20b",
    "nbd+unix:///disk?socket=/run/dm/nbd.sock",
    "nbds+unix:///?socket=%00abstract&x=y",
];

/// A message with some bytes changed, gone or added.
fn mutate(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.byte()),
            2 => bytes.extend(vec![random.byte(); random.below(40)]),
            3 if at < bytes.len() => bytes[at] = random.byte(),
            4 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            5 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            _ => {}
        }
    }
    bytes
}

fn handshake(bytes: &[u8]) -> usize {
    let mut decoded = 0;
    if let Ok(greeting) = Greeting::decode(bytes) {
        assert_eq!(greeting.encode(), bytes);
        decoded += 1;
    }
    for padding in [Padding::Zeroes, Padding::Absent] {
        if let Ok(reply) = ExportNameReply::decode(bytes, padding) {
            let mut again = vec![];
            reply.encode(padding, &mut again);
            assert_eq!(ExportNameReply::decode(&again, padding), Ok(reply));
            decoded += 1;
        }
    }
    if let Some(bytes) = bytes.first_chunk() {
        let offered = Greeting::FIXED.flags;
        let _ = ClientFlags::decode(*bytes, offered).map(|flags| {
            assert_eq!(flags.encode(), *bytes);
            decoded += 1;
        });
    }
    decoded
}

fn options(bytes: &[u8]) -> usize {
    let mut decoded = 0;
    if let Some((head, payload)) = bytes.split_first_chunk()
        && let Ok(header) = OptionHeader::decode(head)
    {
        assert_eq!(header.encode(), *head);
        if let Ok(option) = OptionRequest::decode(header.code, payload) {
            let mut again = vec![];
            option.encode(&mut again).unwrap();
            let (head, payload) = again.split_first_chunk().unwrap();
            let header = OptionHeader::decode(head).unwrap();
            assert_eq!(header.payload_length(), Ok(payload.len()));
            assert_eq!(OptionRequest::decode(header.code, payload), Ok(option));
            decoded += 1;
        }
    }
    if let Some((head, payload)) = bytes.split_first_chunk()
        && let Ok(header) = OptionReplyHeader::decode(head)
    {
        assert_eq!(header.encode(), *head);
        if let Ok(reply) = OptionReply::decode(header.kind, payload) {
            let mut again = vec![];
            reply.encode(header.option, &mut again).unwrap();
            let (head, payload) = again.split_first_chunk().unwrap();
            let header = OptionReplyHeader::decode(head).unwrap();
            assert_eq!(header.payload_length(), Ok(payload.len()));
            assert_eq!(OptionReply::decode(header.kind, payload), Ok(reply));
            decoded += 1;
        }
    }
    decoded
}

fn requests(bytes: &[u8]) -> usize {
    let mut decoded = 0;
    for framing in FRAMINGS {
        let head = &bytes[..bytes.len().min(framing.request_size())];
        let Ok(view) = RequestView::new(framing, head) else {
            continue;
        };
        if let Ok(request) = Request::parse(view) {
            assert_eq!(request.payload_length(), view.payload_length());
            let again = request.encode(framing).unwrap();
            assert_eq!(Request::decode(framing, &again), Ok(request));
            decoded += 1;
        }
        // Nonsense is answered, and the answer is one.
        let error = ReplyTo::new(&view).error(NbdErrno::Invalid);
        let size = ReplyHeader::size(framing, *error.first_chunk().unwrap()).unwrap();
        let reply = ReplyHeader::decode(framing, &error[..size]).unwrap();
        assert_eq!(reply.cookie(), view.cookie());
    }
    if let Ok(selection) = StatusSelection::decode(bytes) {
        let mut again = vec![];
        selection.encode(&mut again);
        assert_eq!(again, bytes);
        decoded += 1;
    }
    decoded
}

fn replies(bytes: &[u8]) -> usize {
    let mut decoded = 0;
    for framing in FRAMINGS {
        let Some(magic) = bytes.first_chunk() else {
            continue;
        };
        let Ok(size) = ReplyHeader::size(framing, *magic) else {
            continue;
        };
        let (head, payload) = bytes.split_at(size.min(bytes.len()));
        let header = match ReplyHeader::decode(framing, head) {
            Ok(ReplyHeader::Simple(reply)) => {
                assert_eq!(SimpleReply::decode(&reply.encode()), Ok(reply));
                decoded += 1;
                continue;
            }
            Ok(ReplyHeader::Chunk(header)) => header,
            Err(_) => continue,
        };
        assert_eq!(*header.encode(), *head);
        if let Ok(chunk) = Chunk::decode(&header, payload) {
            let offset = header.request_offset().unwrap_or_default();
            let to = ReplyTo {
                framing,
                cookie: header.cookie(),
                offset,
            };
            let mut again = vec![];
            chunk.encode(&to, header.flags(), &mut again).unwrap();
            let (head, payload) = again.split_at(size);
            let ReplyHeader::Chunk(header) = ReplyHeader::decode(framing, head).unwrap() else {
                panic!("a chunk became a simple reply")
            };
            assert_eq!(Chunk::decode(&header, payload), Ok(chunk));
            decoded += 1;
        }
    }
    decoded
}

#[test]
fn decoders_take_any_bytes() {
    let mut random = Random::new(0x6e62_6421);
    let mut decoded = [0; 4];
    for round in 0..ROUNDS {
        let bytes = mutate(&hex(SEEDS[round % SEEDS.len()]), &mut random);
        decoded[0] += handshake(&bytes);
        decoded[1] += options(&bytes);
        decoded[2] += requests(&bytes);
        decoded[3] += replies(&bytes);
    }
    // Enough messages stay good that the round trips above are tests.
    assert!(
        decoded.iter().all(|count| *count > ROUNDS / 50),
        "{decoded:?}"
    );
}

#[test]
fn seeds_are_all_good() {
    for seed in SEEDS {
        let bytes = hex(seed);
        let decoded = [
            handshake(&bytes),
            options(&bytes),
            requests(&bytes),
            replies(&bytes),
        ];
        assert!(decoded.iter().sum::<usize>() > 0, "{seed}");
    }
}

#[test]
fn uris_take_any_text() {
    let mut random = Random::new(0x7572_6921);
    let mut parsed = 0;
    for round in 0..ROUNDS {
        let bytes = mutate(URIS[round % URIS.len()].as_bytes(), &mut random);
        let text = alloc::string::String::from_utf8_lossy(&bytes);
        if let Ok(uri) = text.parse::<NbdUri>() {
            assert_eq!(uri.to_string().parse(), Ok(uri));
            parsed += 1;
        }
    }
    assert!(parsed > ROUNDS / 50, "{parsed}");
}
