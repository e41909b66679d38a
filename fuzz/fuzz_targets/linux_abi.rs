//! Any bytes as an ioctl's request and reply: what is read is written so that it reads the same.
//!
//! The first byte says of which ioctl, and in which byte order.
#![no_main]

use dm_linux::abi::command::Request;
use dm_linux::abi::reply::{Fit, Reply};
use dm_linux::abi::{ByteOrder, Call};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else {
        return;
    };
    let call = Call::ALL[usize::from(first >> 1) % Call::ALL.len()];
    let order = match first & 1 {
        0 => ByteOrder::Little,
        _ => ByteOrder::Big,
    };
    let mut out = vec![0xa5; 4 * bytes.len() + 1024];
    if let Ok(request) = Request::decode(call, bytes, order)
        && request.encode(&mut out, order).is_ok()
    {
        let again = Request::decode(call, &out, order).expect("it was written");
        assert_eq!(again.data, request.data);
    }
    if let Ok(reply) = Reply::decode(call, bytes, order)
        && matches!(reply.encode(&mut out, order), Ok(Fit::Whole))
    {
        let again = Reply::decode(call, &out, order).expect("it was written");
        assert_eq!(again.data, reply.data);
    }
});
