//! `weir rebalance …`: what the operator would move between brokers, how far it is, and a person's word on it. The operator
//! plans and moves; these commands read and write its Cluster object through the user's own kubectl, so that every login
//! that kubectl knows works, and no Kubernetes client is in this binary.

mod approve;
mod cancel;
mod cluster;
mod kubectl;
mod plan;
mod status;
mod target;

#[cfg(test)]
mod tests;

use clap::Subcommand;

use self::kubectl::Kubectl;
use self::target::Target;
use super::failure::Failure;
use super::session::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what would move, and what each broker holds before and after
    Plan(Target),
    /// Show what moves now, how far it is, and what it waits for
    Status(status::Args),
    /// Have the operator carry out the plan that is shown
    Approve(approve::Args),
    /// End the moves that have not finished, and take the approval back
    Cancel(cancel::Args),
}

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let patience = session.client.options().call_timeout;
    match command {
        Command::Plan(target) => plan::run(session, &Kubectl::new(&target, patience)).await,
        Command::Status(args) => status::run(session, &Kubectl::new(&args.target, patience), &args).await,
        Command::Approve(args) => approve::run(session, &Kubectl::new(&args.target, patience), &args).await,
        Command::Cancel(args) => cancel::run(session, &Kubectl::new(&args.target, patience), &args).await,
    }
}
