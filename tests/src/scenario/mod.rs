//! One script, every driver: steps that run on the engine and on a kernel, and leave transcripts
//! that must be equal.

mod care;
mod daemon;
mod drivers;
mod kernel;
mod list;
mod play;
mod random;
pub mod step;

pub use daemon::play_on_daemon;
pub use drivers::{BASE_SECTORS, EngineDisk, play_on_engine, play_through_dictionary};
pub use kernel::{KernelDisk, play_on_kernel};
pub use list::{SCENARIOS, Scenario};
pub use play::{Disk, OpenDisk, World, play};
pub use random::{random_steps, shrink};
pub use step::Step;
