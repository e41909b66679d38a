//! Prints what happens to devices, on tokio: `cargo run -p dm-linux --example events`, as root.

use std::os::fd::AsFd;

use dm_linux::events::Events;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut events = Events::open()?;
    // The same open file: it becomes readable with the events' own.
    let descriptor = events.as_fd().try_clone_to_owned()?;
    // Its successor is unsafe to call; the descriptor outlives the loop here.
    #[allow(deprecated)]
    let readable = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
    for device in events.devices() {
        println!("{} is there", device.name);
    }
    loop {
        // What happens after this was cleared is either in the list that follows, or wakes again.
        readable.readable().await?.clear_ready();
        for difference in events.differences()? {
            println!("{difference:?}");
        }
    }
}
