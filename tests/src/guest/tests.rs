//! The harness against guests that misbehave, each a small shell script in QEMU's place.

use std::process::Command;
use std::time::Duration;

use super::console::Console;
use super::*;

const READY: &str = "echo 'dm-guest: HAS a'; echo 'dm-guest: READY 1.0';";
const SOON: Duration = Duration::from_secs(20);

fn boot(script: &str) -> Result<Guest, Failure> {
    let console = Console::new("fake", Box::new(std::io::sink()));
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    Guest::on(
        Machine::start(&mut command, console, None).expect("sh"),
        SOON,
    )
}

fn ready(script: &str) -> Guest {
    boot(&format!("{READY} {script}")).expect("a guest that is ready")
}

#[test]
fn good_guest_settles() {
    let mut guest = ready(
        "read r; echo noise; echo \"[1.0] dm-guest: CHECK ${r#RUN } START\"
         echo 'noise [1.1] dm-guest: CHECK a OK'; read r; echo \"dm-guest: BYE\"",
    );
    assert_eq!(
        (guest.release(), guest.checks()),
        ("1.0", vec!["a".to_owned()])
    );
    guest.run("a").expect("a runs");
    guest.finish().expect("all is settled");
}

#[test]
fn failed_check_says_why() {
    let mut guest =
        ready("read r; echo 'dm-guest: CHECK a START'; echo 'dm-guest: CHECK a FAIL bad'");
    let failure = guest.run("a").expect_err("a fails");
    assert_eq!(failure.to_string(), "a: bad");
    assert!(
        failure.report().contains("CHECK a START"),
        "{}",
        failure.report()
    );
}

#[test]
fn hang_is_noticed_and_shows_the_unfinished_line() {
    let mut guest =
        ready("read r; echo 'dm-guest: CHECK a START'; printf 'almost don'; exec sleep 60");
    let failure = guest
        .run_within("a", Duration::from_millis(700))
        .expect_err("a hangs");
    assert!(matches!(failure.trouble, Trouble::Hang { .. }), "{failure}");
    assert!(
        failure.console.ends_with(&["almost don".to_owned()]),
        "{:?}",
        failure.console
    );
}

#[test]
fn panic_is_noticed_though_a_result_follows() {
    for words in [
        "Kernel panic - not syncing",
        "BUG: unable to handle",
        "Oops: 0000 [#1]",
    ] {
        let mut guest = ready(&format!(
            "read r; echo 'dm-guest: CHECK a START'; echo '[2.0] {words}'; echo 'dm-guest: CHECK a OK'"
        ));
        let failure = guest.run("a").expect_err("the kernel is broken");
        assert!(
            matches!(failure.trouble, Trouble::Kernel { .. }),
            "{failure}"
        );
        assert!(
            failure
                .console
                .iter()
                .any(|line| line.contains("CHECK a OK")),
            "last words"
        );
    }
}

#[test]
fn guest_that_ends_is_noticed() {
    let mut guest = ready("read r; echo 'dm-guest: CHECK a START'");
    let failure = guest.run("a").expect_err("the guest ended");
    assert!(
        matches!(failure.trouble, Trouble::Ended { .. }),
        "{failure}"
    );
    assert!(matches!(
        boot("exit 0").err().map(|f| f.trouble),
        Some(Trouble::Ended { .. })
    ));
}

#[test]
fn second_result_is_noticed_at_the_end() {
    let mut guest = ready(
        "read r; for line in 'CHECK a START' 'CHECK a OK' 'CHECK a OK'; do echo \"dm-guest: $line\"; done
         read r; echo 'dm-guest: BYE'",
    );
    guest.run("a").expect("the first result");
    let failure = guest.finish().expect_err("the second result");
    assert!(
        failure
            .to_string()
            .contains("nobody asked for this result of a"),
        "{failure}"
    );
}

#[test]
fn guest_that_dies_before_its_last_word_is_noticed() {
    let guest = ready("read r; echo good night");
    let failure = guest.finish().expect_err("no last word");
    assert!(
        failure.to_string().contains("without its last word"),
        "{failure}"
    );
}

#[test]
fn complaint_of_the_machine_is_shown() {
    let failure = boot("echo 'no such kernel' >&2; exit 1")
        .err()
        .expect("no guest");
    assert_eq!(failure.console, ["no such kernel"]);
}
