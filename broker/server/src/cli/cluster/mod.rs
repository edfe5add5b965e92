//! `weir cluster …`: which command is meant.

mod admin;
mod describe;
mod drain;
mod may_stop;
mod unregister;

use clap::Subcommand;

use self::admin::Target;
use super::failure::Failure;
use super::session::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the brokers, the controller, the quorum and how the partitions are
    Describe,
    /// Place no new replicas on a broker
    Drain(Target),
    /// Place replicas on a broker again
    Undrain(Target),
    /// Say whether a broker can be stopped now; fails when it can not
    MayStop(Target),
    /// Forget a broker that has left for good and holds no replica
    Unregister(Target),
}

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Describe => describe::run(session).await,
        Command::Drain(target) => drain::drain(session, &target).await,
        Command::Undrain(target) => drain::undrain(session, &target).await,
        Command::MayStop(target) => may_stop::run(session, &target).await,
        Command::Unregister(target) => unregister::run(session, &target).await,
    }
}
