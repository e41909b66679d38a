//! What a device's commands do to its state, apart from any driver.

mod state;

pub use state::{Action, Event, ROWS, Refusal, Row, State, next};
