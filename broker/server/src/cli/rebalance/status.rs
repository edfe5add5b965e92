//! `weir rebalance status`: who decides, what moves, how far it is, and what it waits for. Only reads. With `--watch` it looks
//! again until nothing goes on.

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args as Arguments;
use serde::Serialize;

use super::Kubectl;
use super::cluster::{Cluster, Condition, Mode, Operation};
use super::target::Target;
use crate::cli::bars::{bytes, meter};
use crate::cli::failure::Failure;
use crate::cli::output::{Format, write};
use crate::cli::session::Session;
use crate::cli::structured;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many looks in a row may fail before it gives up.
const FAILED_MAX: usize = 5;

#[derive(Debug, Arguments)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) target: Target,
    /// Look again and again until nothing goes on, or a person is waited for
    #[arg(long, short)]
    watch: bool,
}

#[derive(Serialize)]
struct View<'a> {
    cluster: &'a str,
    namespace: &'a str,
    mode: &'a Mode,
    paused: bool,
    /// Whether the operator has seen the spec as it is now.
    looked_at: bool,
    balanced: Option<&'a Condition>,
    approved: Option<&'a str>,
    /// The plan that is being carried out.
    carried_out: Option<&'a str>,
    /// The plan that waits for approval.
    proposed: Option<&'a str>,
    operation: Option<&'a Operation>,
}

pub(super) async fn run(session: &Session, kubectl: &Kubectl<'_>, args: &Args) -> Result<(), Failure> {
    if args.watch {
        return watch(session, kubectl, LOOK_EVERY).await;
    }
    let cluster = kubectl.cluster().await?;
    session.output.print(&view(&cluster), || text(&cluster, kubectl.target))
}

/// Says what it sees whenever that has changed. On a terminal the new takes the place of the old.
async fn watch(session: &Session, kubectl: &Kubectl<'_>, every: Duration) -> Result<(), Failure> {
    let (mut said, mut failed) = (String::new(), 0);
    loop {
        match kubectl.cluster().await {
            Ok(cluster) => {
                failed = 0;
                let now = rendered(session.output.format, &cluster, kubectl.target)?;
                if now != said {
                    write(format!("{}{now}", over(&said, session.output.format)).as_bytes())?;
                    said = now;
                }
                if is_over(&cluster) {
                    return Ok(());
                }
            }
            Err(failure) if failed + 1 >= FAILED_MAX => return Err(failure),
            Err(_) => failed += 1,
        }
        tokio::time::sleep(every).await;
    }
}

fn rendered(format: Format, cluster: &Cluster, target: &Target) -> Result<String, Failure> {
    match format {
        Format::Table | Format::Wide => Ok(text(cluster, target)),
        Format::Json => structured::json_line(&view(cluster)),
        Format::Yaml => structured::yaml_document(&view(cluster)),
    }
}

/// What goes before the next look: back over the last one, or a line between them.
fn over(said: &str, format: Format) -> String {
    let is_text = matches!(format, Format::Table | Format::Wide);
    if said.is_empty() || !is_text {
        return String::new();
    }
    if !std::io::stdout().is_terminal() {
        return "\n".to_owned();
    }
    // To the beginning of the first of those lines, and everything below it away.
    format!("\x1b[{}F\x1b[J", said.lines().count())
}

/// Whether nothing will change by itself.
pub(super) fn is_over(cluster: &Cluster) -> bool {
    let waits_for_a_person = cluster.spec.paused || cluster.status.proposal.is_some();
    let rests = cluster.status.operation.is_none() && cluster.status.balancing.is_none();
    cluster.is_looked_at() && (rests || waits_for_a_person)
}

fn view(cluster: &Cluster) -> View<'_> {
    View {
        cluster: &cluster.metadata.name,
        namespace: &cluster.metadata.namespace,
        mode: &cluster.spec.rebalance.mode,
        paused: cluster.spec.paused,
        looked_at: cluster.is_looked_at(),
        balanced: cluster.balanced(),
        approved: cluster.spec.rebalance.approved.as_deref(),
        carried_out: cluster.status.balancing.as_deref(),
        proposed: cluster.status.proposal.as_ref().map(|proposal| proposal.hash.as_str()),
        operation: cluster.status.operation.as_ref(),
    }
}

pub(super) fn text(cluster: &Cluster, target: &Target) -> String {
    let mut lines = vec![format!("Cluster {}, mode {}", cluster.called(), cluster.spec.rebalance.mode)];
    if cluster.spec.paused {
        lines.push("paused: nothing goes on until spec.paused is false".to_owned());
    }
    if !cluster.is_looked_at() {
        lines.push("the operator has not looked at the last change of the spec yet".to_owned());
    }
    match &cluster.status.operation {
        Some(operation) => lines.extend(of_operation(operation)),
        None => lines.push(cluster.balance_told()),
    }
    if let Some(proposal) = &cluster.status.proposal {
        let told = proposal.told();
        lines.push(format!("plan {} waits for approval ({told}): {}", proposal.hash, target.command("plan")));
    }
    if cluster.status.balancing.is_some() {
        lines.push(format!("to stop it: {}", target.command("cancel")));
    }
    lines.join("\n") + "\n"
}

fn of_operation(operation: &Operation) -> Vec<String> {
    let since = operation.started_at.as_deref().map(|at| format!(" since {at}")).unwrap_or_default();
    let mut lines = vec![format!("{}{since}: {}", operation.kind, operation.reason)];
    lines.extend(progress(operation));
    lines.extend(operation.blocked_by.iter().map(|waits| format!("waits: {waits}")));
    lines
}

/// By bytes, where there are any: partitions differ.
fn progress(operation: &Operation) -> Option<String> {
    let (done, total) = (operation.moves_done?, operation.moves_total?);
    let copied = operation.bytes_done.zip(operation.bytes_total).filter(|(_, total)| *total > 0);
    let (bar, copied) = match copied {
        Some((done, total)) => (meter(done, total), format!(", {} of {}", bytes(done), bytes(total))),
        None => (meter(done, total), String::new()),
    };
    let left = operation.time_left.as_ref().map(|left| format!(", {left} left")).unwrap_or_default();
    Some(format!("{bar} {done} of {total} moves{copied}{left}"))
}
