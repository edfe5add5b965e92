//! `weir cluster describe`: brokers, controller, and the health of all partitions in one look.

use serde::Serialize;
use weir_client::{
    ClusterBroker, ClusterDescription, Metadata, PartitionInfo, QuorumDescription, QuorumReplica,
};

use crate::cli::failure::Failure;
use crate::cli::output::{Line, counted};
use crate::cli::session::Session;

#[derive(Serialize)]
struct View {
    cluster_id: String,
    controller: Option<i32>,
    quorum: Option<QuorumView>,
    topics: usize,
    partitions: usize,
    under_replicated: usize,
    without_leader: usize,
    brokers: Vec<BrokerView>,
}

#[derive(Serialize)]
struct QuorumView {
    leader: Option<i32>,
    term: i32,
    voters: Vec<i32>,
    observers: Vec<i32>,
    /// Those that do not have all of the metadata yet, or are not heard of.
    behind: Vec<i32>,
}

#[derive(Serialize)]
struct BrokerView {
    id: i32,
    address: Option<String>,
    rack: Option<String>,
    fenced: bool,
    leads: usize,
    holds: usize,
}

pub(super) async fn run(session: &Session) -> Result<(), Failure> {
    let cluster = session.client.describe_cluster().await?;
    let metadata = session.client.all_topics().await?;
    let quorum = session.client.describe_quorum().await?;
    let view = View { quorum: quorum.as_ref().map(quorum_view), ..view(&cluster, &metadata) };
    session.output.print(&view, || text(session, &view))
}

fn view(cluster: &ClusterDescription, metadata: &Metadata) -> View {
    let partitions: Vec<&PartitionInfo> =
        metadata.topics.values().flat_map(|topic| &topic.partitions).collect();
    let broker = |broker: &ClusterBroker| BrokerView {
        id: broker.id.0,
        address: broker.address.as_ref().map(ToString::to_string),
        rack: broker.rack.clone(),
        fenced: broker.fenced,
        leads: partitions.iter().filter(|p| p.leader == Some(broker.id)).count(),
        holds: partitions.iter().filter(|p| p.replicas.contains(&broker.id)).count(),
    };
    View {
        cluster_id: cluster.cluster_id.clone(),
        controller: cluster.controller.map(|id| id.0),
        quorum: None,
        topics: metadata.topics.len(),
        partitions: partitions.len(),
        under_replicated: partitions.iter().filter(|p| p.isr.len() < p.replicas.len()).count(),
        without_leader: partitions.iter().filter(|p| p.leader.is_none()).count(),
        brokers: cluster.brokers.iter().map(broker).collect(),
    }
}

fn quorum_view(quorum: &QuorumDescription) -> QuorumView {
    let ids = |replicas: &[QuorumReplica]| replicas.iter().map(|replica| replica.id.0).collect();
    let all = || quorum.voters.iter().chain(&quorum.observers);
    let end = all().filter_map(|replica| replica.log_end).max();
    QuorumView {
        leader: quorum.leader.map(|id| id.0),
        term: quorum.epoch,
        voters: ids(&quorum.voters),
        observers: ids(&quorum.observers),
        behind: all().filter(|replica| replica.log_end < end).map(|replica| replica.id.0).collect(),
    }
}

fn quorum_line(quorum: &QuorumView) -> String {
    let list = |ids: &[i32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut line = format!("quorum term {}  voters {}", quorum.term, list(&quorum.voters));
    for (word, ids) in [("observers", &quorum.observers), ("behind", &quorum.behind)] {
        if !ids.is_empty() {
            line += &format!("  {word} {}", list(ids));
        }
    }
    line + "\n"
}

fn text(session: &Session, view: &View) -> String {
    let controller = view.controller.map_or_else(|| "none".into(), |id| id.to_string());
    let head = format!("cluster {}  controller {controller}\n", view.cluster_id);
    let health = match (view.without_leader, view.under_replicated) {
        (0, 0) => "all in sync".into(),
        (none, few) => format!("{few} under-replicated, {none} without leader"),
    };
    let body = format!(
        "{}, {}: {health}\n\n",
        counted(view.topics as u64, "topic"),
        counted(view.partitions as u64, "partition")
    );
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let lines = view.brokers.iter().map(|broker| {
        let state = if broker.fenced { "fenced" } else { "up" };
        let cells = [
            broker.id.to_string(),
            dash(&broker.address),
            dash(&broker.rack),
            state.to_owned(),
            broker.leads.to_string(),
            broker.holds.to_string(),
        ];
        Line::new(cells).warn_if(broker.fenced)
    });
    let quorum = view.quorum.as_ref().map(quorum_line).unwrap_or_default();
    head + &quorum
        + &body
        + &session.output.table(&["BROKER", "ADDRESS", "RACK", "STATE", "LEADS", "HOLDS"], lines.collect())
}
