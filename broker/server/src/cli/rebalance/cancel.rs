//! `weir rebalance cancel`: takes the approval back, so that the operator ends the moves that have not finished. What was
//! moved stays where it is. Where the operator asks nobody, it has to be told to ask first.

use clap::{Args as Arguments, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use super::Kubectl;
use super::cluster::{Cluster, Mode};
use super::target::Target;
use crate::cli::failure::Failure;
use crate::cli::session::Session;

#[derive(Debug, Arguments)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) target: Target,
    /// Who decides about moves from now on; needed where the mode is Auto
    #[arg(long, value_enum, value_name = "MODE")]
    pub(super) mode: Option<Then>,
}

/// Who decides from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Then {
    /// Nothing moves for balance before somebody approves it
    Propose,
    /// Nothing moves
    Never,
}

#[derive(Serialize)]
struct Cancelled<'a> {
    cluster: &'a str,
    namespace: &'a str,
    mode: &'a Mode,
    /// The plan that was being carried out.
    cancelled: Option<&'a str>,
    /// The approval that was taken back.
    withdrawn: Option<&'a str>,
}

pub(super) async fn run(session: &Session, kubectl: &Kubectl<'_>, args: &Args) -> Result<(), Failure> {
    let (seen, patched) = cancel(kubectl, args).await?;
    let cancelled = Cancelled {
        cluster: &seen.metadata.name,
        namespace: &seen.metadata.namespace,
        mode: &patched.spec.rebalance.mode,
        cancelled: seen.status.balancing.as_deref(),
        withdrawn: seen.spec.rebalance.approved.as_deref(),
    };
    session.output.print(&cancelled, || text(&cancelled, &args.target))
}

/// The Cluster before and after.
pub(super) async fn cancel(kubectl: &Kubectl<'_>, args: &Args) -> Result<(Cluster, Cluster), Failure> {
    let seen = kubectl.cluster().await?;
    let patch = order(&seen, args.mode, &args.target)?;
    let patched = kubectl.patch(&seen, &patch).await?;
    Ok((seen, patched))
}

fn text(done: &Cancelled<'_>, target: &Target) -> String {
    let what = match (done.cancelled, done.withdrawn) {
        (Some(plan), _) => format!(
            "plan {plan} is cancelled: the operator ends the moves that have not finished, and what was moved stays\n\
             to see it done: {}",
            target.command("status --watch")
        ),
        (None, Some(plan)) => {
            format!("the approval of plan {plan} is taken back; nothing of it was under way")
        }
        (None, None) => "nothing was under way".to_owned(),
    };
    format!("{what}\nthe mode is {} now\n", done.mode)
}

/// What is written into the Cluster, where there is something to end or to take back.
pub(super) fn order(cluster: &Cluster, then: Option<Then>, target: &Target) -> Result<Value, Failure> {
    let mode = &cluster.spec.rebalance.mode;
    if let Some(then) = then {
        return Ok(json!({"spec": {"rebalance": {"approved": null, "mode": then.word()}}}));
    }
    let is_begun = cluster.status.balancing.is_some();
    match mode {
        Mode::Auto => {
            let help = format!(
                "`{}` ends the moves and asks before others begin, `--mode never` ends them and lets none begin",
                target.command("cancel --mode propose")
            );
            Err(Failure::refused("the mode is Auto: the operator would begin the same again", help))
        }
        Mode::Propose if is_begun || cluster.spec.rebalance.approved.is_some() => {
            Ok(json!({"spec": {"rebalance": {"approved": null}}}))
        }
        Mode::Never if is_begun => Err(Failure::refused(
            "the mode is Never: the operator ends what was begun already",
            format!("see `{}`", target.command("status")),
        )),
        Mode::Propose | Mode::Never | Mode::Other(_) => Err(nothing_to_cancel(cluster)),
    }
}

fn nothing_to_cancel(cluster: &Cluster) -> Failure {
    let Some(operation) = &cluster.status.operation else {
        return Failure::refused(
            "there is nothing to cancel: no plan is being carried out",
            "nothing has to be done",
        );
    };
    let help = match &*operation.kind {
        "ScaleIn" => "set spec.replicas back to keep the brokers: the moves off them end then",
        "Rebalance" => "brokers are being emptied: `weir cluster undrain BROKER` ends that",
        _ => "it needs no approval, and goes on by itself",
    };
    Failure::refused(
        format!("there is no plan to cancel; what goes on is {}: {}", operation.kind, operation.reason),
        help,
    )
}

impl Then {
    const fn word(self) -> &'static str {
        match self {
            Self::Propose => "Propose",
            Self::Never => "Never",
        }
    }
}
