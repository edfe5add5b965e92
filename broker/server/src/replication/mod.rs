//! How the partitions on this broker follow their leaders on other brokers (one `fetcher` for each of those, told by the
//! `fleet` what to follow, with a `roster` that decides what to ask), and how those who follow partitions that are led here
//! are told of news (`watch`).

pub(crate) mod carrier;
mod fetcher;
pub(crate) mod fleet;
pub(crate) mod isr;
mod request;
pub(crate) mod roster;
pub(crate) mod throttle;
pub(crate) mod watch;
