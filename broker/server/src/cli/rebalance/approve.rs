//! `weir rebalance approve`: has the operator carry out the plan that the person has seen, and no other. The operator itself
//! compares the plan's name once more, so that nothing can slip in between.

use std::io::{BufRead, IsTerminal, Read};

use clap::Args as Arguments;
use serde::Serialize;
use serde_json::json;

use super::Kubectl;
use super::cluster::{Cluster, Mode, Proposal};
use super::plan::drawn;
use super::target::Target;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::session::Session;

/// The most that is read of an answer.
const ANSWER_MAX: u64 = 64;

#[derive(Debug, Arguments)]
pub(crate) struct Args {
    /// The plan's name; without it, the one that there is when you are asked
    #[arg(value_name = "PLAN")]
    pub(super) plan: Option<String>,
    /// Ask nothing
    #[arg(long, short)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) target: Target,
}

#[derive(Serialize)]
struct Approved<'a> {
    cluster: &'a str,
    namespace: &'a str,
    approved: &'a str,
    moves: u64,
    leaderships: u64,
    bytes: u64,
}

pub(super) async fn run(session: &Session, kubectl: &Kubectl<'_>, args: &Args) -> Result<(), Failure> {
    let (cluster, proposal) = approve(&session.output, kubectl, args).await?;
    let approved = Approved {
        cluster: &cluster.metadata.name,
        namespace: &cluster.metadata.namespace,
        approved: &proposal.hash,
        moves: proposal.moves,
        leaderships: proposal.leaderships,
        bytes: proposal.bytes,
    };
    session.output.print(&approved, || {
        let status = args.target.command("status --watch");
        format!("plan {} is approved: {}\nto follow it: {status}\n", proposal.hash, proposal.told())
    })
}

/// The Cluster afterwards, and the plan that is approved.
pub(super) async fn approve(
    output: &Output,
    kubectl: &Kubectl<'_>,
    args: &Args,
) -> Result<(Cluster, Proposal), Failure> {
    let seen = kubectl.cluster().await?;
    let proposal = approvable(&seen, args.plan.as_deref(), &args.target)?.clone();
    if !args.yes {
        ask(&drawn(output, &seen, &proposal), &proposal.hash)?;
        let now = kubectl.cluster().await?;
        approvable(&now, Some(&proposal.hash), &args.target)?;
    }
    let patch = json!({"spec": {"rebalance": {"approved": proposal.hash}}});
    let patched = kubectl.patch(&seen, &patch).await?;
    if patched.spec.rebalance.approved.as_ref() != Some(&proposal.hash) {
        let message = "Kubernetes took the patch, and spec.rebalance.approved is another than it says";
        return Err(Failure::refused(message, "something rewrites the Cluster: see its managedFields"));
    }
    Ok((patched, proposal))
}

/// The plan that may be approved: the one that there is, where a person is asked at all.
pub(super) fn approvable<'a>(
    cluster: &'a Cluster,
    asked: Option<&str>,
    target: &Target,
) -> Result<&'a Proposal, Failure> {
    let mode = &cluster.spec.rebalance.mode;
    match mode {
        Mode::Propose => {}
        Mode::Auto => {
            return Err(Failure::refused(
                "the mode is Auto: the operator asks nobody",
                "set spec.rebalance.mode to Propose to be asked before anything moves",
            ));
        }
        Mode::Never | Mode::Other(_) => {
            return Err(Failure::refused(
                format!("the mode is {mode}: nothing is proposed"),
                "set spec.rebalance.mode to Propose, and look at what is proposed then",
            ));
        }
    }
    let Some(proposal) = &cluster.status.proposal else { return Err(nothing_to_approve(cluster, target)) };
    match asked {
        Some(asked) if asked != proposal.hash => Err(Failure::refused(
            format!("the plan is {} now, no longer {asked}: nothing was approved", proposal.hash),
            format!("look at it with `{}`", target.command("plan")),
        )),
        _ => Ok(proposal),
    }
}

fn nothing_to_approve(cluster: &Cluster, target: &Target) -> Failure {
    if cluster.spec.paused {
        return Failure::refused(
            "there is no plan: the Cluster is paused",
            "set spec.paused to false, and look at what is proposed then",
        );
    }
    match &cluster.status.balancing {
        Some(carried_out) => Failure::refused(
            format!("there is nothing to approve: plan {carried_out} is being carried out"),
            format!("follow it with `{}`", target.command("status --watch")),
        ),
        None => Failure::refused(
            format!("there is no plan to approve: {}", cluster.balance_told()),
            format!("`{}` shows what goes on", target.command("status")),
        ),
    }
}

/// Shows the plan and returns when the person says yes.
#[expect(clippy::print_stderr, reason = "a question, which is no result")]
fn ask(shown: &str, hash: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let help =
            format!("there is no terminal here: `approve {hash} --yes` approves this plan and no other");
        return Err(Failure::refused("nobody can be asked", help));
    }
    eprint!("{shown}approve plan {hash}? [y/N] ");
    let mut answer = String::new();
    let read = stdin.lock().take(ANSWER_MAX).read_line(&mut answer);
    read.map_err(|source| Failure::Io { what: "reading the answer".to_owned(), source })?;
    if is_yes(&answer) {
        return Ok(());
    }
    Err(Failure::refused("nothing was approved", "answer y to approve the plan"))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(["y\n", "Y", "yes\n", " YES "].into_iter().all(is_yes));
        assert!(!["", "\n", "n", "yep", "yes please"].into_iter().any(is_yes));
    }
}
