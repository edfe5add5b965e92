//! `weir topic …`: which command is meant.

mod alter;
mod create;
mod delete;
mod describe;
mod elect;
mod list;
mod reassign;

use clap::Subcommand;

use super::failure::Failure;
use super::session::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a topic
    Create(create::Args),
    /// List the topics
    List(list::Args),
    /// Show a topic's partitions, replicas, offsets and settings
    Describe(describe::Args),
    /// Add partitions to a topic, or change its settings
    Alter(alter::Args),
    /// Move a partition's replicas to other brokers
    Move(reassign::Args),
    /// Elect the preferred leaders of a topic's partitions
    Elect(elect::Args),
    /// Delete topics and all of their records
    Delete(delete::Args),
}

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => create::run(session, args).await,
        Command::List(args) => list::run(session, &args).await,
        Command::Describe(args) => describe::run(session, args).await,
        Command::Alter(args) => alter::run(session, args).await,
        Command::Move(args) => reassign::run(session, args).await,
        Command::Elect(args) => elect::run(session, args).await,
        Command::Delete(args) => delete::run(session, args).await,
    }
}
