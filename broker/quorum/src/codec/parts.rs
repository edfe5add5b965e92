//! The pieces that kept and sent messages share: nodes, votes, positions, members, entries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openraft::{EntryPayload, LeaderId};
use uuid::Uuid;
use weir_core::controller::Record;
use weir_model::{BrokerId, Incarnation};

use super::message::{
    Ballot, EntryFrame, FORMAT_VERSION, Member, Members, Node, Payload, Position, RoundBody, StoredMembers,
    Voters,
};
use super::{CodecError, check_version};
use crate::types::{Entry, LogId, LogIndex, Membership, NodeId, PeerAddress, Round, StoredMembership, Vote};

pub(super) fn node(id: &NodeId) -> Node {
    Node { broker: id.broker.0, incarnation: id.incarnation.0.as_bytes().to_vec() }
}

pub(super) fn to_node(node: Option<Node>) -> Result<NodeId, CodecError> {
    let node = node.ok_or(CodecError::Missing("node"))?;
    let disk = Uuid::from_slice(&node.incarnation).map_err(|_| CodecError::Missing("incarnation"))?;
    Ok(NodeId { broker: BrokerId(node.broker), incarnation: Incarnation(disk) })
}

pub(super) fn ballot(vote: &Vote) -> Ballot {
    Ballot { term: vote.leader_id.term, node: Some(node(&vote.leader_id.node_id)), committed: vote.committed }
}

pub(super) fn to_vote(ballot: Option<Ballot>) -> Result<Vote, CodecError> {
    let ballot = ballot.ok_or(CodecError::Missing("vote"))?;
    let leader_id = LeaderId::new(ballot.term, to_node(ballot.node)?);
    Ok(Vote { leader_id, committed: ballot.committed })
}

pub(super) fn position(id: &LogId) -> Position {
    Position { term: id.leader_id.term, node: Some(node(&id.leader_id.node_id)), index: id.index }
}

pub(super) fn to_log_id(position: Position) -> Result<LogId, CodecError> {
    let leader = LeaderId::new(position.term, to_node(position.node)?);
    Ok(LogId { leader_id: leader, index: position.index })
}

pub(super) fn to_optional_log_id(position: Option<Position>) -> Result<Option<LogId>, CodecError> {
    position.map(to_log_id).transpose()
}

fn members(membership: &Membership) -> Members {
    let voters = |set: &BTreeSet<NodeId>| Voters { nodes: set.iter().map(node).collect() };
    let member = |(id, at): (&NodeId, &PeerAddress)| Member {
        node: Some(node(id)),
        host: at.host.clone(),
        port: u32::from(at.port),
    };
    Members {
        voters: membership.get_joint_config().iter().map(voters).collect(),
        members: membership.nodes().map(member).collect(),
    }
}

fn to_membership(members: Members) -> Result<Membership, CodecError> {
    let set = |voters: Voters| voters.nodes.into_iter().map(|node| to_node(Some(node))).collect();
    let voters: Vec<BTreeSet<NodeId>> = members.voters.into_iter().map(set).collect::<Result<_, _>>()?;
    let address = |member: Member| {
        let port = u16::try_from(member.port).map_err(|_| CodecError::Missing("port"))?;
        Ok((to_node(member.node)?, PeerAddress { host: member.host, port }))
    };
    let nodes: BTreeMap<_, _> =
        members.members.into_iter().map(address).collect::<Result<_, CodecError>>()?;
    // The library fills in what is missing with an empty address, which nobody could reach.
    if voters.iter().flatten().all(|voter| nodes.contains_key(voter)) {
        Ok(Membership::new(voters, nodes))
    } else {
        Err(CodecError::Missing("address of a voter"))
    }
}

pub(super) fn stored_members(stored: &StoredMembership) -> StoredMembers {
    StoredMembers { at: stored.log_id().as_ref().map(position), members: Some(members(stored.membership())) }
}

pub(super) fn to_stored_membership(stored: Option<StoredMembers>) -> Result<StoredMembership, CodecError> {
    let stored = stored.ok_or(CodecError::Missing("members"))?;
    let membership = to_membership(stored.members.ok_or(CodecError::Missing("members"))?)?;
    Ok(StoredMembership::new(to_optional_log_id(stored.at)?, membership))
}

pub(super) fn records(records: &[Record]) -> Vec<Vec<u8>> {
    records.iter().map(Record::encode).collect()
}

pub(super) fn to_records(bytes: &[Vec<u8>]) -> Result<Arc<[Record]>, CodecError> {
    Ok(bytes.iter().map(|bytes| Record::decode(bytes)).collect::<Result<_, _>>()?)
}

pub(super) fn frame(entry: &Entry) -> EntryFrame {
    let payload = match &entry.payload {
        EntryPayload::Blank => Payload::Blank(true),
        EntryPayload::Normal(round) => {
            Payload::Round(RoundBody { decided_at: round.decided_at.0, records: records(&round.records) })
        }
        EntryPayload::Membership(membership) => Payload::Members(members(membership)),
    };
    let at = Some(position(&entry.log_id));
    EntryFrame { version: FORMAT_VERSION, at, payload: Some(payload), written_from: 0 }
}

pub(super) fn to_entry(frame: EntryFrame) -> Result<Entry, CodecError> {
    check_version(frame.version)?;
    let log_id = to_log_id(frame.at.ok_or(CodecError::Missing("position"))?)?;
    let payload = match frame.payload.ok_or(CodecError::UnknownKind)? {
        Payload::Blank(_) => EntryPayload::Blank,
        Payload::Round(body) => EntryPayload::Normal(Round {
            decided_at: LogIndex(body.decided_at),
            records: to_records(&body.records)?,
        }),
        Payload::Members(members) => EntryPayload::Membership(to_membership(members)?),
    };
    Ok(Entry { log_id, payload })
}
