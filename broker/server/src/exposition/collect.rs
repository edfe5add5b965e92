//! Asks who knows: the coordinators here where groups stand, and the leaders of those partitions, wherever they are, how
//! much lies before them. Nothing is asked unless somebody looks at the metrics, and nothing waits for a broker that is
//! away: what it would have said is counted as unknown.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use weir_core::controller::Image;
use weir_core::group::{GroupError, Groups};
use weir_model::{BrokerId, Millis, TopicId};

use super::lag::{Lag, Position};
use crate::broker::Broker;
use crate::partition::command::Backlog;
use crate::peers::{POSITIONS_MAX, StandsAt, measure_here};

/// Positions of one shard that are looked at; what is more is unknown.
const SHARD_MAX: usize = 50_000;
/// Calls to other brokers at the same time.
const CALLS_AT_ONCE: usize = 8;

/// What could be found out.
#[derive(Debug, Default)]
pub(super) struct GroupLags {
    pub(super) lags: Vec<Lag>,
    /// Positions whose partition has no leader, or one that did not tell.
    pub(super) unknown: usize,
}

/// How far the groups that are coordinated here are behind.
pub(super) async fn group_lags(broker: &Broker, now: Millis) -> GroupLags {
    let image = broker.image();
    let mut found = GroupLags::default();
    let mut at_leaders: BTreeMap<BrokerId, Vec<Position>> = BTreeMap::new();
    for shard in broker.coordinators.shards() {
        // One that still reads its log would make whoever scrapes wait for it.
        if !shard.is_loaded() {
            continue;
        }
        let by = image.clone();
        let Ok(Ok((positions, left_out))) = shard.look(move |groups| positions(groups, &by)).await else {
            continue;
        };
        found.unknown += left_out;
        for position in positions {
            match image.partition(position.at.topic, position.at.index).and_then(|p| p.leader) {
                Some(leader) => at_leaders.entry(leader).or_default().push(position),
                None => found.unknown += 1,
            }
        }
    }
    let calls = at_leaders.into_iter().flat_map(|(leader, positions)| {
        let calls: Vec<_> = positions.chunks(POSITIONS_MAX).map(|chunk| (leader, chunk.to_vec())).collect();
        calls
    });
    let answers = stream::iter(calls)
        .map(async |(leader, positions)| {
            let stands: Vec<StandsAt> = positions.iter().map(|position| position.at).collect();
            let backlogs = ask(broker, leader, stands).await;
            positions.into_iter().zip(backlogs).collect::<Vec<_>>()
        })
        .buffer_unordered(CALLS_AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    for (position, backlog) in answers.into_iter().flatten() {
        match backlog {
            Some(backlog) => found.lags.push(Lag::of(&position, backlog, now)),
            None => found.unknown += 1,
        }
    }
    found
}

async fn ask(broker: &Broker, leader: BrokerId, positions: Vec<StandsAt>) -> Vec<Option<Backlog>> {
    if leader == broker.id {
        measure_here(&broker.partitions, positions).await
    } else {
        broker.link.measure_backlogs(leader, &positions).await
    }
}

/// Where the groups of a shard stand in topics that exist, and how many positions are left out. What was committed for a
/// topic that was deleted means nothing for one that bears its name.
fn positions(groups: &Groups, image: &Image) -> Result<(Vec<Position>, usize), GroupError> {
    let mut found = Vec::new();
    let mut left_out = 0;
    for (group, name, index, committed) in groups.positions()? {
        let Some(topic) = image.topic(name.as_str()) else { continue };
        let is_same = committed.topic_id == TopicId::ZERO || committed.topic_id == topic.id;
        if !is_same || topic.partition(index).is_none() {
            continue;
        }
        if found.len() == SHARD_MAX {
            left_out += 1;
            continue;
        }
        let at = StandsAt { topic: topic.id, index, offset: committed.offset };
        found.push(Position { group: group.to_string(), topic: name.clone(), at });
    }
    Ok((found, left_out))
}
