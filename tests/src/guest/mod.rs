//! A real kernel, in QEMU or as a program: one boot, many named checks.
//!
//! ```no_run
//! use dm_tests::guest::{Guest, Kernel};
//!
//! # fn main() -> Result<(), dm_tests::guest::Failure> {
//! let mut guest = Guest::boot(Kernel::V6_12)?;
//! guest.run("linear_over_ram_disk")?;
//! guest.finish()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Shape
//! `tests/vm/build` makes QEMU, kernel and initramfs from Debian's packages ([`image`]). The checks
//! are functions of the program `guest_suite`, which the guest's init starts; it obeys lines on
//! the serial console and answers through the kernel's log ([`protocol`]). [`machine`] owns the
//! guest's process, [`console`] what it said, [`ledger`] the account of results, [`accel`] the choice
//! between KVM and software emulation.
//!
//! # To add a check
//! Write a function in `tests/src/bin/guest_suite/` and name it in `CHECKS` there. A check that
//! fails, panics or leaves a device behind is a failure; so is one without exactly one result.

use std::time::{Duration, Instant};

pub mod accel;
pub mod console;
pub mod error;
pub mod image;
pub mod ledger;
pub mod machine;
pub mod protocol;

pub use accel::Accel;
pub use error::{Failure, Trouble};
pub use image::{Arch, Image, Kernel};

use ledger::Ledger;
use machine::{Heard, Machine};
use protocol::{Message, Request};

/// What a check may take under software emulation on a busy machine, if nobody says otherwise.
pub const CHECK_LIMIT: Duration = Duration::from_secs(300);
/// What a boot may take under software emulation on a busy machine.
const BOOT_LIMIT: Duration = Duration::from_secs(120);
/// What powering off may take.
const END_LIMIT: Duration = Duration::from_secs(30);
/// How long a dying kernel may still talk.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A running guest.
pub struct Guest {
    machine: Machine,
    ledger: Ledger,
    release: String,
}

impl Guest {
    /// Builds what the guest needs and boots it, under KVM if that works here.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`] if this machine lacks what a guest needs.
    pub fn boot(kernel: Kernel) -> Result<Guest, Failure> {
        let image = Image::build(kernel)?;
        let accel = Accel::choose(&image)?;
        Guest::boot_image(&image, accel, BOOT_LIMIT)
    }

    /// Boots an image that is built.
    ///
    /// # Errors
    /// If the guest does not announce its checks within the limit.
    pub fn boot_image(image: &Image, accel: Accel, limit: Duration) -> Result<Guest, Failure> {
        // Not counting the wait for another guest's end.
        let machine = image.start(accel)?;
        let start = Instant::now();
        let guest = Guest::on(machine, limit)?;
        let (release, took) = (&guest.release, start.elapsed().as_secs_f64());
        guest
            .machine
            .say(&format!("Linux {release} under {accel} in {took:.1} s"));
        Ok(guest)
    }

    /// Takes over a machine that boots.
    ///
    /// # Errors
    /// If it does not announce its checks within the limit.
    pub fn on(machine: Machine, limit: Duration) -> Result<Guest, Failure> {
        let mut guest = Guest {
            machine,
            ledger: Ledger::default(),
            release: String::new(),
        };
        let deadline = Instant::now() + limit;
        loop {
            let message = guest.next("the boot", limit, deadline)?;
            guest.enter(&message)?;
            if let Message::Ready(release) = message {
                guest.release = release;
                return Ok(guest);
            }
        }
    }

    /// The kernel's release, as `uname -r` says it.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The names of the checks that the guest has, in their order.
    pub fn checks(&self) -> Vec<String> {
        self.ledger.checks().to_vec()
    }

    /// Runs one check within the usual limit.
    ///
    /// # Errors
    /// As [`Guest::run_within`].
    pub fn run(&mut self, check: &str) -> Result<(), Failure> {
        self.run_within(check, CHECK_LIMIT)
    }

    /// Runs one check, which must be done within a limit.
    ///
    /// # Errors
    /// [`Trouble::Check`] if the check failed; the guest is then still good for others. After
    /// any other trouble it is not.
    pub fn run_within(&mut self, check: &str, limit: Duration) -> Result<(), Failure> {
        let start = Instant::now();
        self.ledger.ask(check);
        self.send(&Request::Run(check.to_owned()))?;
        loop {
            let message = self.next(check, limit, start + limit)?;
            self.enter(&message)?;
            let took = start.elapsed().as_secs_f64();
            match message {
                Message::Ok(_) => {
                    self.machine.say(&format!("{check}: ok ({took:.1} s)"));
                    return Ok(());
                }
                Message::Fail(check, reason) => {
                    self.machine
                        .say(&format!("{check}: FAILED ({took:.1} s): {reason}"));
                    return Err(self.failure(Trouble::Check { check, reason }));
                }
                _ => {}
            }
        }
    }

    /// Powers the guest off, and settles the account: each check that was asked for has exactly
    /// one result.
    ///
    /// # Errors
    /// If it has not, or the guest does not end.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.send(&Request::End)?;
        let deadline = Instant::now() + END_LIMIT;
        while let Some(message) = self.next_or_end("the end", END_LIMIT, deadline)? {
            self.enter(&message)?;
        }
        self.ledger
            .settle()
            .map_err(|violation| self.failure(Trouble::Protocol(violation)))
    }

    fn send(&mut self, request: &Request) -> Result<(), Failure> {
        self.machine
            .send(&request.to_string())
            .map_err(|error| self.failure(Trouble::Send(error)))
    }

    fn enter(&mut self, message: &Message) -> Result<(), Failure> {
        self.ledger
            .enter(message)
            .map_err(|violation| self.failure(Trouble::Protocol(violation)))
    }

    fn next(&mut self, what: &str, limit: Duration, deadline: Instant) -> Result<Message, Failure> {
        self.next_or_end(what, limit, deadline)?.ok_or_else(|| {
            self.failure(Trouble::Ended {
                during: what.to_owned(),
            })
        })
    }

    /// The next message, or none if the machine ended.
    fn next_or_end(
        &mut self,
        what: &str,
        limit: Duration,
        deadline: Instant,
    ) -> Result<Option<Message>, Failure> {
        loop {
            match self.machine.hear(deadline) {
                Heard::Line(line) => match Message::find(&line) {
                    Some(Ok(message)) => return Ok(Some(message)),
                    Some(Err(garbled)) => return Err(self.failure(Trouble::Protocol(garbled))),
                    None if protocol::is_kernel_trouble(&line) => {
                        self.machine.hear_out(Instant::now() + LAST_WORDS);
                        return Err(self.failure(Trouble::Kernel {
                            during: what.to_owned(),
                            line,
                        }));
                    }
                    None => {}
                },
                Heard::End => return Ok(None),
                Heard::Timeout => {
                    let during = what.to_owned();
                    return Err(self.failure(Trouble::Hang { during, limit }));
                }
            }
        }
    }

    fn failure(&self, trouble: Trouble) -> Failure {
        Failure {
            trouble,
            console: self.machine.tail(),
        }
    }
}

#[cfg(test)]
mod tests;
