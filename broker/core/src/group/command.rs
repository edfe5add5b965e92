//! What may be asked of a shard: the requests of the protocol in the words of the domain. Decides nothing. Its byte
//! strings are kept for long, so whoever makes a command copies them out of the request's frame.

use std::sync::Arc;

use bytes::Bytes;
use weir_model::{DurationMs, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

use super::ids::{Generation, GroupId, InstanceId, MemberId, ProtocolName, ProtocolType};

/// A request that may change the shard. Reads go through `Groups::{fetch_offsets, describe, list}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// JoinGroup.
    Join(Join),
    /// SyncGroup.
    Sync(Sync),
    /// Heartbeat.
    Heartbeat(Heartbeat),
    /// LeaveGroup.
    Leave(Leave),
    /// OffsetCommit.
    Commit(Commit),
    /// OffsetDelete.
    DeleteOffsets(DeleteOffsets),
    /// DeleteGroups; all the groups of this shard at once.
    DeleteGroups(Vec<GroupId>),
}

/// A member wants to be in the next generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The group, created if it does not exist and the member id is empty.
    pub group: GroupId,
    /// Empty at the first contact.
    pub member: MemberId,
    /// Set by a static member.
    pub instance: Option<InstanceId>,
    /// From the request header; the prefix of a new dynamic member's id.
    pub client_id: Arc<str>,
    /// The peer's address as Kafka prints it (`/10.0.0.1`).
    pub client_host: Arc<str>,
    /// How long the member may be silent.
    pub session_timeout: DurationMs,
    /// How long a rebalance waits for this member. Version 0 has none: pass the session timeout.
    pub rebalance_timeout: DurationMs,
    /// The family of the member's protocols.
    pub protocol_type: ProtocolType,
    /// The member's protocols, its favourite first.
    pub protocols: Vec<Protocol>,
    /// From version 4 on a new dynamic member is told its id first and joins with it.
    pub requires_known_member_id: bool,
    /// From version 9 on a returning static leader is told to skip the assignment.
    pub supports_skipping_assignment: bool,
}

/// One protocol that a member speaks, with its opaque metadata (for consumers: the subscription).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// The protocol's name.
    pub name: ProtocolName,
    /// Stored and handed to the leader, never interpreted here.
    pub metadata: Bytes,
}

/// A member asks for its assignment; the leader brings everybody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub member: MemberId,
    /// Set by a static member.
    pub instance: Option<InstanceId>,
    /// The generation that the JoinGroup response named.
    pub generation: Generation,
    /// Checked when present (version 5).
    pub protocol_type: Option<ProtocolType>,
    /// Checked when present (version 5).
    pub protocol: Option<ProtocolName>,
    /// The leader's decision; empty from followers.
    pub assignments: Vec<(MemberId, Bytes)>,
}

/// A member says that it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub member: MemberId,
    /// Set by a static member.
    pub instance: Option<InstanceId>,
    /// The member's generation.
    pub generation: Generation,
}

/// Members leave, or an administrator removes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// The group.
    pub group: GroupId,
    /// One member up to version 2, any number after.
    pub members: Vec<Leaver>,
}

/// Who leaves: by member id, or a static member by its instance id alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaver {
    /// The member, or empty.
    pub member: MemberId,
    /// The static member's name.
    pub instance: Option<InstanceId>,
}

/// Offsets to remember. The server resolved topic ids and refused topics that do not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The group; may be empty, for old clients' sake.
    pub group: GroupId,
    /// The member, or empty.
    pub member: MemberId,
    /// Set by a static member.
    pub instance: Option<InstanceId>,
    /// The member's generation, or `Generation::NONE` from a consumer that manages its own assignment.
    pub generation: Generation,
    /// Below version 9 a commit with a generation to a group that does not exist is an illegal generation.
    pub unknown_group_is_illegal_generation: bool,
    /// Versions 2 to 4 may bring an explicit retention; -1 there and always later is `None`.
    pub retention: Option<DurationMs>,
    /// What to remember.
    pub topics: Vec<TopicCommit>,
}

/// The offsets of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicCommit {
    /// The topic's name.
    pub topic: TopicName,
    /// The topic's id, or `TopicId::ZERO` where the client knows none.
    pub topic_id: TopicId,
    /// The partitions.
    pub partitions: Vec<PartitionCommit>,
}

/// The offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionCommit {
    /// The partition.
    pub partition: PartitionIndex,
    /// The next offset to consume.
    pub offset: Offset,
    /// The epoch of the last consumed record, or `LeaderEpoch::NONE`.
    pub leader_epoch: LeaderEpoch,
    /// The client's note. Null becomes empty.
    pub metadata: Arc<str>,
}

/// Offsets to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteOffsets {
    /// The group.
    pub group: GroupId,
    /// The partitions by topic.
    pub topics: Vec<(TopicName, Vec<PartitionIndex>)>,
}

/// Offsets to read, of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchOffsets {
    /// The group; may be empty, for old clients' sake.
    pub group: GroupId,
    /// The partitions wanted, or `None` for all that are known.
    pub topics: Option<Vec<WantedTopic>>,
    /// Whether offsets inside unfinished transactions must be refused.
    pub require_stable: bool,
}

/// The partitions wanted of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedTopic {
    /// The topic's name.
    pub topic: TopicName,
    /// The topic's id, or `TopicId::ZERO`. An offset that was committed under another id is not returned.
    pub topic_id: TopicId,
    /// The partitions.
    pub partitions: Vec<PartitionIndex>,
}
