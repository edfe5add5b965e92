//! `weir rebalance plan`: what would move, what each broker holds before and after, and what to do next. Only reads.

use serde::Serialize;

use super::Kubectl;
use super::cluster::{Cluster, Condition, Mode, Proposal, ProposedBroker};
use super::target::Target;
use crate::cli::bars::{bar, bytes};
use crate::cli::failure::Failure;
use crate::cli::output::{Line, Output};
use crate::cli::session::Session;

#[derive(Serialize)]
struct View<'a> {
    cluster: &'a str,
    namespace: &'a str,
    mode: &'a Mode,
    balanced: Option<&'a Condition>,
    /// The plan that is being carried out.
    carried_out: Option<&'a str>,
    plan: Option<&'a Proposal>,
}

pub(super) async fn run(session: &Session, kubectl: &Kubectl<'_>) -> Result<(), Failure> {
    let cluster = kubectl.cluster().await?;
    let view = View {
        cluster: &cluster.metadata.name,
        namespace: &cluster.metadata.namespace,
        mode: &cluster.spec.rebalance.mode,
        balanced: cluster.balanced(),
        carried_out: cluster.status.balancing.as_deref(),
        plan: cluster.status.proposal.as_ref(),
    };
    session.output.print(&view, || text(&session.output, &cluster, kubectl.target))
}

pub(super) fn text(output: &Output, cluster: &Cluster, target: &Target) -> String {
    let next = next(cluster, target);
    match &cluster.status.proposal {
        Some(proposal) => format!("{}{next}\n", drawn(output, cluster, proposal)),
        None => format!("Cluster {}: {}\n{next}\n", cluster.called(), cluster.balance_told()),
    }
}

/// What is proposed, broker by broker.
pub(super) fn drawn(output: &Output, cluster: &Cluster, proposal: &Proposal) -> String {
    let most = |of: fn(&ProposedBroker) -> [u64; 2]| proposal.brokers.iter().flat_map(of).max().unwrap_or(0);
    let most_replicas = most(|broker| [broker.replicas_before, broker.replicas_after]);
    let most_bytes = most(|broker| [broker.bytes_before, broker.bytes_after]);
    let line = |broker: &ProposedBroker| {
        Line::new([
            broker.id.to_string(),
            change(broker.replicas_before, broker.replicas_after, |count| count.to_string()),
            bar(broker.replicas_before, most_replicas),
            bar(broker.replicas_after, most_replicas),
            change(broker.leaders_before, broker.leaders_after, |count| count.to_string()),
            change(broker.bytes_before, broker.bytes_after, bytes),
            bar(broker.bytes_before, most_bytes),
            bar(broker.bytes_after, most_bytes),
        ])
    };
    let headings = ["BROKER", "REPLICAS", "BEFORE", "AFTER", "LEADERS", "BYTES", "BEFORE", "AFTER"];
    let table = output.table(&headings, proposal.brokers.iter().map(line).collect());
    format!("Cluster {}, plan {}: {}\n\n{table}\n", cluster.called(), proposal.hash, proposal.told())
}

fn change(before: u64, after: u64, told: fn(u64) -> String) -> String {
    let (before, after) = (told(before), told(after));
    if before == after { before } else { format!("{before} -> {after}") }
}

/// What a person may do about it.
fn next(cluster: &Cluster, target: &Target) -> String {
    if cluster.status.proposal.is_some() {
        return format!("nothing moves until it is approved: {}", target.command("approve"));
    }
    if cluster.spec.paused {
        return "nothing is planned while the Cluster is paused: set spec.paused to false".to_owned();
    }
    if let Some(carried_out) = &cluster.status.balancing {
        return format!("plan {carried_out} is being carried out: {}", target.command("status"));
    }
    match &cluster.spec.rebalance.mode {
        Mode::Auto => {
            format!("the mode is Auto: what is to be moved is moved at once: {}", target.command("status"))
        }
        Mode::Propose if cluster.balanced().is_some_and(|told| told.status == "True") => {
            "nothing is to be moved".to_owned()
        }
        Mode::Propose => format!("no plan is made at the moment: {}", target.command("status")),
        Mode::Never => {
            "the mode is Never: nothing is moved; set spec.rebalance.mode to Propose for a plan".to_owned()
        }
        Mode::Other(word) => format!("the mode is {word}, which this program does not know"),
    }
}
