//! Whole nodes in virtual time: their disks in memory, their network cut at will. Nothing here waits for real.

mod consensus;
mod controlling;
mod crashes;
mod members;
mod repeats;
mod strangers;
mod suite;
mod world;
