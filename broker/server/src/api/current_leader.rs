//! Who leads a partition now, for a client that asked the wrong broker (KIP-951): so that it can go there without asking
//! for metadata first.

use std::collections::BTreeSet;

use weir_core::controller::Image;
use weir_model::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};
use weir_wire::ErrorCode;
use weir_wire::Str;

use super::endpoints::endpoint_for;

/// A partition's leader, as an answer names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CurrentLeader {
    pub(crate) id: BrokerId,
    pub(crate) epoch: LeaderEpoch,
}

/// Where a leader is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaderEndpoint {
    pub(crate) node_id: i32,
    pub(crate) host: Str,
    pub(crate) port: i32,
    pub(crate) rack: Option<Str>,
}

/// The leader to name beside an error; `None` for errors that have nothing to do with it.
pub(crate) fn current_leader(
    image: &Image,
    topic: TopicId,
    index: PartitionIndex,
    code: ErrorCode,
) -> Option<CurrentLeader> {
    if !matches!(code, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch) {
        return None;
    }
    let partition = image.partition(topic, index)?;
    Some(CurrentLeader { id: partition.leader?, epoch: partition.leader_epoch })
}

/// The addresses of the leaders that an answer names, for clients of `listener`.
pub(crate) fn endpoints_of(
    image: &Image,
    listener: &str,
    leaders: impl Iterator<Item = CurrentLeader>,
) -> Vec<LeaderEndpoint> {
    let ids: BTreeSet<BrokerId> = leaders.map(|leader| leader.id).collect();
    let reached = ids.into_iter().filter_map(|id| {
        let registration = &image.broker(id)?.registration;
        let endpoint = endpoint_for(registration, listener)?;
        Some(LeaderEndpoint {
            node_id: id.0,
            host: Str::from(endpoint.host.as_str()),
            port: i32::from(endpoint.port),
            rack: registration.rack.as_deref().map(Str::from),
        })
    });
    reached.collect()
}
