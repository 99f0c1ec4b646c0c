# The same names as `cargo xtask`, for those who have just.

# List the recipes.
default:
    @just --list --unsorted

# Build everything and run the testbed.
demo *args:
    cargo xtask demo -- {{args}}

# Run what CI runs; `just test --only clippy` runs one step.
test *args:
    cargo xtask test {{args}}

# Put software by others under test; `just interop --list` names it.
interop *args:
    cargo xtask interop {{args}}

# Build the WIC for the browser.
wasm:
    cargo xtask wasm

# Run the benchmarks.
bench *args:
    cargo xtask bench -- {{args}}

# Install what the others need.
setup:
    cargo xtask setup

# Format the code.
fmt:
    cargo fmt --all
