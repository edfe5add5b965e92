//! The metadata log: consensus on the log crate's storage. Runtime, clock and network are injected.
