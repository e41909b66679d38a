//! The engine dialect from both ends: what is said arrives, and what is damaged is refused by the name of its key.

mod damaged;
mod over_engine;
mod random;
mod round_trip;
mod samples;
