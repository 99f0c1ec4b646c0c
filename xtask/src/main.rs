//! Builds the WASM, sets machines up, runs what CI runs.

fn main() {}
