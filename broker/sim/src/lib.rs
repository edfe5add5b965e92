//! A whole cluster in virtual time from one seed, and the checkers. Tests only: nothing here is in a broker.

mod chance;
pub mod check;
pub mod client;
mod faults;
pub mod node;
pub mod planted;
mod run;
pub mod script;
pub mod world;

pub use chance::Chance;
pub use run::{Report, run};
pub use world::{Faults, Options};
