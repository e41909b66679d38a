//! All that a client says, to the server of an export: options, requests, and what is neither.
#![no_main]

use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, LazyLock};
use std::thread;

use dm_core::blockdev::MemDev;
use dm_core::client::Dm;
use dm_core::command::{Create, Load, SuspendOptions};
use dm_core::engine::Engine;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_core::units::SectorCount;
use dm_tools::export::nbd::{self, Service};
use libfuzzer_sys::fuzz_target;

/// One device, of which a part is quick, a part reads as zeroes and a part fails.
static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let engine = Engine::new();
    engine.attach("memory", Arc::new(MemDev::new(SectorCount(128))));
    let name = DmName::new("disk").expect("a name");
    let table = "0 64 linear memory 0\n64 32 zero\n96 32 striped 1 8 memory 64\n128 8 error";
    let lines = TableLine::parse_table(table).expect("a table");
    let dm = Dm::new(engine.clone());
    dm.create(Create::new(name.clone())).expect("a device");
    dm.load(Load::new(name.clone(), lines)).expect("a table");
    dm.resume(name, SuspendOptions::default())
        .expect("no table is held back");
    Service::new(engine)
});

fuzz_target!(|data: &[u8]| {
    let (mut client, server) = UnixStream::pair().expect("two sockets");
    let mut replies = client.try_clone().expect("a descriptor");
    thread::scope(|scope| {
        scope.spawn(move || io::copy(&mut replies, &mut io::sink()));
        // An input fits into the socket's buffer.
        client.write_all(data).expect("the server reads later");
        client.shutdown(Shutdown::Write).expect("it is connected");
        nbd::serve(&SERVICE, server);
    });
});
