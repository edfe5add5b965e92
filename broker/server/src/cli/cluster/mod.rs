//! `weir cluster …`: which command is meant.

mod describe;

use clap::Subcommand;

use super::failure::Failure;
use super::session::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the brokers, the controller and how the partitions are
    Describe,
}

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Describe => describe::run(session).await,
    }
}
