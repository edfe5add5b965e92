//! `weir topic list`.

use serde::Serialize;
use weir_client::TopicInfo;

use crate::cli::failure::Failure;
use crate::cli::output::Line;
use crate::cli::session::Session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show the broker's own topics too
    #[arg(long, short)]
    internal: bool,
    /// Only topics whose name holds this
    filter: Option<String>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    id: String,
    partitions: usize,
    replication_factor: usize,
    under_replicated: usize,
    without_leader: usize,
    internal: bool,
}

pub(super) async fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    let metadata = session.client.all_topics().await?;
    let wanted = |topic: &&TopicInfo| {
        (args.internal || !topic.is_internal)
            && args.filter.as_ref().is_none_or(|part| topic.name.contains(part))
    };
    let rows: Vec<Row> = metadata.topics.values().filter(wanted).map(row).collect();
    session.output.print(&rows, || {
        if rows.is_empty() {
            return "no topics; create one with `weir topic create NAME`\n".into();
        }
        if session.output.is_wide() {
            let headings =
                ["NAME", "PARTITIONS", "REPLICAS", "UNDER-REPLICATED", "LEADERLESS", "INTERNAL", "ID"];
            return session.output.table(&headings, rows.iter().map(wide_line).collect());
        }
        session.output.table(&["NAME", "PARTITIONS", "REPLICAS", "HEALTH"], rows.iter().map(line).collect())
    })
}

fn row(topic: &TopicInfo) -> Row {
    let partitions = &topic.partitions;
    Row {
        name: topic.name.clone(),
        id: topic.id.to_string(),
        partitions: partitions.len(),
        replication_factor: partitions.iter().map(|p| p.replicas.len()).max().unwrap_or(0),
        under_replicated: partitions.iter().filter(|p| p.isr.len() < p.replicas.len()).count(),
        without_leader: partitions.iter().filter(|p| p.leader.is_none()).count(),
        internal: topic.is_internal,
    }
}

fn health(row: &Row) -> String {
    match (row.without_leader, row.under_replicated) {
        (0, 0) => "ok".into(),
        (0, few) => format!("{few} under-replicated"),
        (none, _) => format!("{none} without leader"),
    }
}

fn line(row: &Row) -> Line {
    let cells =
        [row.name.clone(), row.partitions.to_string(), row.replication_factor.to_string(), health(row)];
    Line::new(cells).warn_if(row.without_leader + row.under_replicated > 0)
}

fn wide_line(row: &Row) -> Line {
    let cells = [
        row.name.clone(),
        row.partitions.to_string(),
        row.replication_factor.to_string(),
        row.under_replicated.to_string(),
        row.without_leader.to_string(),
        row.internal.to_string(),
        row.id.clone(),
    ];
    Line::new(cells).warn_if(row.without_leader + row.under_replicated > 0)
}

#[cfg(test)]
mod tests {
    use weir_client::{ErrorCode, PartitionInfo};
    use weir_model::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};

    use super::*;

    fn partition(leader: Option<i32>, isr: &[i32]) -> PartitionInfo {
        PartitionInfo {
            index: PartitionIndex(0),
            leader: leader.map(BrokerId),
            leader_epoch: LeaderEpoch(0),
            replicas: vec![BrokerId(0), BrokerId(1)],
            isr: isr.iter().map(|id| BrokerId(*id)).collect(),
            offline: vec![],
        }
    }

    #[test]
    fn health_names_the_worst_thing() {
        let cases = [
            (vec![partition(Some(0), &[0, 1])], "ok"),
            (vec![partition(Some(0), &[0]), partition(Some(1), &[0, 1])], "1 under-replicated"),
            (vec![partition(Some(0), &[0]), partition(None, &[])], "1 without leader"),
        ];
        for (partitions, expected) in cases {
            let topic = TopicInfo {
                name: "t".into(),
                id: TopicId::ZERO,
                is_internal: false,
                partitions,
                error: ErrorCode::None,
            };
            assert_eq!(health(&row(&topic)), expected);
        }
    }
}
