//! The `dmctl` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    dm_tools::cli::main()
}
