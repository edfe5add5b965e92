//! `weir group …`: which command is meant.

mod delete;
mod describe;
mod list;
mod reset_offsets;
mod selection;

use clap::Subcommand;

use super::failure::Failure;
use super::session::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the consumer groups
    List,
    /// Show a group's members, offsets and lag
    Describe(describe::Args),
    /// Move the offsets of a group that has no members; only shows what it would do, without --execute
    ResetOffsets(reset_offsets::Args),
    /// Delete groups that have no members, with their offsets
    Delete(delete::Args),
}

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::List => list::run(session).await,
        Command::Describe(args) => describe::run(session, args).await,
        Command::ResetOffsets(args) => Box::pin(reset_offsets::run(session, args)).await,
        Command::Delete(args) => delete::run(session, args).await,
    }
}
