# Shortcuts; `just --list` shows them.

# Every test, as CI runs them.
test:
    tests/run

# The guided tour.
quickstart:
    cargo run --release -- quickstart

# A shell in a guest: just guest 6.1, or just guest 6.12 arm64
guest *KERNEL:
    tests/vm/shell {{KERNEL}}

# Table benchmarks.
bench:
    cargo bench -p dm-core --bench table

fmt:
    cargo fmt --all

clippy:
    cargo clippy --workspace --all-targets -- -D warnings
