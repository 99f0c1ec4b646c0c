//! The one binary: configuration, wiring, command line.
