//! The deciding machines of the broker: the controller with its metadata image, consumer groups, and the
//! partition replica.
//! Pure: no I/O, no clock, no randomness, no threads; time and chance are arguments. It speaks `model` only and
//! must never know the wire protocol or the disk.

pub mod controller;
pub mod group;
pub mod partition;
