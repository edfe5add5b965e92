//! `weir group describe`: for each partition, what is committed, where the end is, how far behind the group is, and who
//! reads it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use weir_client::{At, CommittedOffset, Found, GroupDescription, GroupMember, Place};

use crate::cli::failure::Failure;
use crate::cli::output::{Line, counted};
use crate::cli::session::Session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The group
    group: String,
    /// Show the members instead of the partitions
    #[arg(long, short)]
    members: bool,
}

#[derive(Serialize)]
struct View {
    group: String,
    state: String,
    protocol: String,
    assignor: String,
    coordinator: Option<i32>,
    total_lag: i64,
    members: Vec<MemberView>,
    partitions: Vec<PartitionView>,
}

#[derive(Serialize)]
struct MemberView {
    member_id: String,
    instance_id: Option<String>,
    client_id: String,
    host: String,
    partitions: usize,
}

#[derive(Debug, PartialEq, Serialize)]
struct PartitionView {
    topic: String,
    partition: i32,
    committed: Option<i64>,
    end: Option<i64>,
    lag: Option<i64>,
    member_id: Option<String>,
    client_id: Option<String>,
    host: Option<String>,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let group = match session.client.describe_group(&args.group).await {
        Ok(group) => group,
        Err(error) => return Err(session.about_group(&args.group, error).await),
    };
    let committed = session.client.committed_offsets(&args.group).await?;
    let ends = ends(session, &group, &committed).await?;
    if group.state == "Dead" && committed.is_empty() {
        let unknown = weir_client::ClientError::Kafka {
            subject: String::new(),
            code: weir_client::ErrorCode::GroupIdNotFound,
            message: None,
        };
        return Err(session.about_group(&args.group, unknown).await);
    }
    let view = view(&group, &committed, &ends);
    session.output.print(&view, || text(session, &view, args.members))
}

/// The ends of the partitions that the group reads or has read, where the topic is still there.
async fn ends(
    session: &Session,
    group: &GroupDescription,
    committed: &BTreeMap<Place, CommittedOffset>,
) -> Result<BTreeMap<Place, Found>, Failure> {
    let assigned = group.members.iter().flat_map(|member| &member.assignment);
    let places: BTreeSet<&Place> = committed.keys().chain(assigned).collect();
    let metadata = session.client.all_topics().await?;
    let exists = |place: &&&Place| {
        let partition = metadata.topics.get(&place.0).and_then(|topic| topic.partition(place.1));
        partition.is_some_and(|partition| partition.leader.is_some())
    };
    let places: Vec<Place> = places.iter().filter(exists).map(|place| (*place).clone()).collect();
    Ok(session.client.offsets(&places, At::Latest).await?)
}

fn view(
    group: &GroupDescription,
    committed: &BTreeMap<Place, CommittedOffset>,
    ends: &BTreeMap<Place, Found>,
) -> View {
    let readers: BTreeMap<&Place, &GroupMember> = group
        .members
        .iter()
        .flat_map(|member| member.assignment.iter().map(move |place| (place, member)))
        .collect();
    let places: BTreeSet<&Place> = committed.keys().chain(readers.keys().copied()).collect();
    let partitions: Vec<PartitionView> = places
        .into_iter()
        .map(|place| {
            let stored = committed.get(place).map(|stored| stored.offset);
            let end = ends.get(place).and_then(|found| found.offset);
            let reader = readers.get(place);
            PartitionView {
                topic: place.0.clone(),
                partition: place.1.0,
                committed: stored.map(|offset| offset.0),
                end: end.map(|offset| offset.0),
                lag: end.zip(stored).map(|(end, stored)| (end - stored).max(0)),
                member_id: reader.map(|member| member.member_id.clone()),
                client_id: reader.map(|member| member.client_id.clone()),
                host: reader.map(|member| member.host.clone()),
            }
        })
        .collect();
    let member = |member: &GroupMember| MemberView {
        member_id: member.member_id.clone(),
        instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        host: member.host.clone(),
        partitions: member.assignment.len(),
    };
    View {
        group: group.group_id.clone(),
        state: group.state.clone(),
        protocol: group.protocol_type.clone(),
        assignor: group.assignor.clone(),
        coordinator: group.coordinator.map(|id| id.0),
        total_lag: partitions.iter().filter_map(|partition| partition.lag).sum(),
        members: group.members.iter().map(member).collect(),
        partitions,
    }
}

fn text(session: &Session, view: &View, members: bool) -> String {
    let mut head = format!("group {}  state {}", view.group, view.state);
    if !view.assignor.is_empty() {
        head += &format!("  assignor {}", view.assignor);
    }
    if let Some(id) = view.coordinator {
        head += &format!("  coordinator {id}");
    }
    head += &format!("  {}  lag {}\n", counted(view.members.len() as u64, "member"), view.total_lag);
    let table = if members { members_table(session, view) } else { partitions_table(session, view) };
    table.map(|table| format!("{head}\n{table}")).unwrap_or(head)
}

fn members_table(session: &Session, view: &View) -> Option<String> {
    let lines: Vec<Line> = view
        .members
        .iter()
        .map(|member| {
            let instance = member.instance_id.clone().unwrap_or_else(|| "-".into());
            let partitions = member.partitions.to_string();
            Line::new([
                member.member_id.clone(),
                instance,
                member.client_id.clone(),
                member.host.clone(),
                partitions,
            ])
        })
        .collect();
    let headings = ["MEMBER", "INSTANCE", "CLIENT", "HOST", "PARTITIONS"];
    (!lines.is_empty()).then(|| session.output.table(&headings, lines))
}

fn partitions_table(session: &Session, view: &View) -> Option<String> {
    let wide = session.output.is_wide();
    let mut headings = vec!["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "CLIENT", "HOST"];
    if wide {
        headings.push("MEMBER");
    }
    let number = |number: Option<i64>| number.map_or_else(|| "-".into(), |number| number.to_string());
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let lines: Vec<Line> = view
        .partitions
        .iter()
        .map(|row| {
            let mut cells = vec![
                row.topic.clone(),
                row.partition.to_string(),
                number(row.committed),
                number(row.end),
                number(row.lag),
                dash(&row.client_id),
                dash(&row.host),
            ];
            if wide {
                cells.push(dash(&row.member_id));
            }
            Line::new(cells)
        })
        .collect();
    (!lines.is_empty()).then(|| session.output.table(&headings, lines))
}

#[cfg(test)]
mod tests {
    use weir_model::{LeaderEpoch, Millis, Offset, PartitionIndex};

    use super::*;

    #[test]
    fn lag_is_the_end_minus_what_is_committed_and_never_negative() {
        let place = |index| ("t".to_owned(), PartitionIndex(index));
        let stored = |offset| CommittedOffset {
            offset: Offset(offset),
            leader_epoch: LeaderEpoch::NONE,
            metadata: String::new(),
        };
        let end = |offset| Found {
            offset: Some(Offset(offset)),
            timestamp: Millis::NONE,
            leader_epoch: LeaderEpoch::NONE,
        };
        let member = GroupMember {
            member_id: "m-1".into(),
            instance_id: None,
            client_id: "c".into(),
            host: "/127.0.0.1".into(),
            assignment: vec![place(1), place(3)],
        };
        let group = GroupDescription {
            group_id: "g".into(),
            state: "Stable".into(),
            protocol_type: "consumer".into(),
            assignor: "range".into(),
            coordinator: None,
            members: vec![member],
        };
        let committed = [(place(0), stored(5)), (place(1), stored(9)), (place(2), stored(1))].into();
        let ends = [(place(0), end(8)), (place(1), end(7)), (place(3), end(4))].into();
        let view = view(&group, &committed, &ends);
        let seen: Vec<_> =
            view.partitions.iter().map(|p| (p.partition, p.lag, p.client_id.is_some())).collect();
        assert_eq!(seen, [(0, Some(3), false), (1, Some(0), true), (2, None, false), (3, None, true)]);
        assert_eq!(view.total_lag, 3);
    }
}
