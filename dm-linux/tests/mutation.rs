//! Cut and mutated bytes: never a panic, and what is read can be written.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod support;

use dm_core::devid::DevNo;
use dm_core::table::TableLine;
use dm_core::units::Sector;
use dm_linux::abi::command::{Request, RequestData};
use dm_linux::abi::reply::Reply;
use dm_linux::abi::view::Header;
use dm_linux::abi::{ByteOrder, Call};
use support::good;

#[test]
fn every_cut_of_a_reply_is_an_error_or_less() {
    for (call, reply) in good() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let mut bytes = vec![0xa5; 1024];
            reply.encode(&mut bytes, order).unwrap();
            for length in 0..bytes.len() {
                let cut = Reply::decode(call, &bytes[..length], order);
                // Whole, or the bytes after the end are cut.
                assert!(
                    cut.is_err() || cut.as_ref() == Ok(&reply),
                    "{call:?} {length}"
                );
            }
        }
    }
}

/// Changes a few bytes, mostly to values that are near something.
fn mutate(random: &mut fastrand::Rng, bytes: &mut [u8]) {
    for _ in 0..random.usize(1..6) {
        let at = match random.bool() {
            true => random.usize(..bytes.len()),
            // Sizes, offsets, counts and flags.
            false => 4 * random.usize(3..10),
        };
        match random.u8(..4) {
            0 => bytes[at] = random.u8(..),
            1 => bytes[at] = bytes[at].wrapping_add(8),
            2 => {
                let end = (at + random.usize(..64)).min(bytes.len());
                bytes[at..end].fill(*random.choice(&[0, 0xff, 0xa5]).unwrap());
            }
            _ => {
                let at = at.min(bytes.len() - 4);
                let near = random.u32(..1200);
                bytes[at..at + 4].copy_from_slice(&near.to_le_bytes());
            }
        }
    }
}

#[test]
fn mutated_replies_never_panic_and_what_is_read_can_be_written() {
    let mut random = fastrand::Rng::with_seed(0xd3);
    let (mut read, mut refused) = (0_u32, 0_u32);
    let replies = good();
    for _ in 0..200_000 {
        let (call, reply) = &replies[random.usize(..replies.len())];
        let order = ByteOrder::Little;
        let mut bytes = vec![0xa5; random.usize(440..600)];
        reply.encode(&mut bytes, order).unwrap();
        mutate(&mut random, &mut bytes);
        match Reply::decode(*call, &bytes, order) {
            Err(_) => refused += 1,
            Ok(found) => {
                read += 1;
                let mut again = vec![0xa5; 4096];
                found.encode(&mut again, order).unwrap();
            }
        }
    }
    assert!(read > 10_000 && refused > 10_000, "{read} {refused}");
}

#[test]
fn mutated_requests_never_panic_and_read_back() {
    let mut random = fastrand::Rng::with_seed(0xd4);
    let lines = TableLine::parse_table("0 8 zero\n8 8 linear 8:0 0").unwrap();
    let header = Header {
        name: b"vol0".into(),
        dev: Some(DevNo { major: 8, minor: 1 }),
        ..Header::default()
    };
    let requests = [
        (Call::TableLoad, RequestData::Lines(lines.into())),
        (Call::DevRename, RequestData::Text(b"new"[..].into())),
        (
            Call::DevSetGeometry,
            RequestData::Text(b"1024 255 63 0"[..].into()),
        ),
        (
            Call::TargetMsg,
            RequestData::Message(Sector(3), "hello".into()),
        ),
        (Call::DevStatus, RequestData::None),
    ]
    .map(|(call, data)| Request::new(call, header.clone(), data));
    let (mut read, mut refused) = (0_u32, 0_u32);
    for _ in 0..100_000 {
        let request = &requests[random.usize(..requests.len())];
        let order = ByteOrder::Little;
        let mut bytes = vec![0xa5; request.size() + 8 * random.usize(..4)];
        request.encode(&mut bytes, order).unwrap();
        mutate(&mut random, &mut bytes);
        match Request::decode(request.call, &bytes, order) {
            Err(_) => refused += 1,
            Ok(found) => {
                read += 1;
                let mut again = vec![0xa5; found.size()];
                found.encode(&mut again, order).unwrap();
                assert_eq!(Request::decode(request.call, &again, order), Ok(found));
            }
        }
    }
    assert!(read > 10_000 && refused > 10_000, "{read} {refused}");
}
