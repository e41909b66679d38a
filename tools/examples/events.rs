//! Prints what happens to devices, on tokio: `cargo run -p dm-tools --example events -- DRIVER`, where
//! DRIVER is `linux`, as root, or `socket:PATH` for a daemon's.

use std::path::Path;

use dm_core::backend::Backend;
use dm_core::difference::Difference;
use dm_core::error::DmError;
use dm_core::events::Events;
use dm_linux::Linux;
use dm_proto::socket::SocketBackend;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let driver = std::env::args().nth(1).unwrap_or_else(|| "linux".into());
    let driver: Box<dyn Backend> = match driver.strip_prefix("socket:") {
        Some(path) => Box::new(SocketBackend::connect(Path::new(path))?),
        None => Box::new(Linux::open()?),
    };
    let print = |difference| {
        println!("{difference:?}");
        true
    };
    Ok(follow(Events::new(driver)?, print).await?)
}

/// Hands on what happens, as long as it is wanted.
///
/// # Errors
/// What the driver answers.
pub(crate) async fn follow<B: Backend>(
    events: Events<B>,
    mut take: impl FnMut(Difference) -> bool,
) -> Result<(), DmError> {
    let failed = |error: std::io::Error| {
        let kind = dm_core::error::ErrorKind::Io;
        DmError::because(kind, error.to_string())
    };
    // Its successor is unsafe to call; the events own the descriptor.
    #[allow(deprecated)]
    let events = AsyncFd::with_interest(events, Interest::READABLE);
    let mut events = events.map_err(failed)?;
    loop {
        // What happens after this was cleared is either in the list that follows, or wakes again.
        events.readable_mut().await.map_err(failed)?.clear_ready();
        for difference in events.get_mut().differences()? {
            if !take(difference) {
                return Ok(());
            }
        }
    }
}
