# Shortcuts; `just --list` shows them.

# Every test, as CI runs them.
test:
    tests/run

# The guided tour.
quickstart:
    cargo run --release -- quickstart

# A shell in a guest: just guest 6.12, just guest 6.12 arm64, or just guest 6.1 um, which is ready at once
guest *KERNEL:
    tests/vm/shell {{KERNEL}}

# Benchmarks of tables, of dictionaries, and of the export beside other servers.
bench:
    cargo bench -p dm-benches --bench table
    cargo bench -p dm-benches --bench dictionary
    tests/bench

# Fuzzes each target for some seconds more: just fuzz 600
fuzz SECONDS:
    fuzz/run long {{SECONDS}}

# Puts dmctl, its manual pages, completions and service files in place: DESTDIR=/tmp/root just install
install:
    tools/install

fmt:
    cargo fmt --all

clippy:
    cargo clippy --workspace --all-targets -- -D warnings
