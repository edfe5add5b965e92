//! `weir cluster …`: which command is meant.

mod admin;
mod describe;
mod drain;
mod may_stop;
mod moves;
mod top;
mod unregister;

use clap::Subcommand;

use self::admin::{Service, Target};
use super::failure::Failure;
use super::session::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the brokers, the controller, the quorum and how the partitions are
    Describe,
    /// Empty a broker: no new replicas, and those that it has move to others
    Drain(drain::Args),
    /// Place replicas on a broker again, and end the moves away from it
    Undrain(Target),
    /// Show the partitions that are being moved, and how far each is
    Moves(Service),
    /// Show what each broker bears now: processor, memory, bytes a second, disk, replicas
    Top(Service),
    /// Say whether a broker can be stopped now; fails when it can not
    MayStop(Target),
    /// Forget a broker that has left for good and holds no replica
    Unregister(Target),
}

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Describe => describe::run(session).await,
        Command::Drain(args) => Box::pin(drain::drain(session, &args)).await,
        Command::Undrain(target) => drain::undrain(session, &target).await,
        Command::Moves(service) => moves::run(session, &service).await,
        Command::Top(service) => top::run(session, &service).await,
        Command::MayStop(target) => may_stop::run(session, &target).await,
        Command::Unregister(target) => unregister::run(session, &target).await,
    }
}
