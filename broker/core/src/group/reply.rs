//! What the coordinator answers, and the `Decision` that ties answers to the records they depend on.

use std::sync::Arc;

use bytes::Bytes;
use weir_model::{LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

use super::error::GroupError;
use super::ids::{Generation, GroupId, InstanceId, MemberId, ProtocolName, ProtocolType, Token};
use super::records::Record;

/// What the server must do: append all records as one batch, apply each, and send the replies once everything that is
/// in the log by then is committed. A reply may belong to a request that came long before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "records must be appended and applied, or failed, before the next decision"]
pub struct Decision {
    /// To be appended as one batch, all or nothing, then applied in order. Often empty.
    pub records: Vec<Record>,
    /// To be sent when the records are committed.
    pub replies: Vec<(Token, Reply)>,
}

impl Decision {
    pub(super) fn reply(token: Token, reply: Reply) -> Self {
        Self { records: Vec::new(), replies: vec![(token, reply)] }
    }
}

/// An answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To JoinGroup.
    Join(Result<Joined, JoinRefused>),
    /// To SyncGroup.
    Sync(Result<Synced, GroupError>),
    /// To Heartbeat.
    Heartbeat(Result<(), GroupError>),
    /// To LeaveGroup, one outcome a member in the order asked. Below version 3 the first one is the whole answer.
    Leave(Result<Vec<Left>, GroupError>),
    /// To OffsetCommit, in the order asked.
    Commit(Result<Vec<TopicOutcome>, GroupError>),
    /// To OffsetDelete, in the order asked.
    DeleteOffsets(Result<Vec<TopicOutcome>, GroupError>),
    /// To DeleteGroups, in the order asked.
    DeleteGroups(Vec<(GroupId, Result<(), GroupError>)>),
}

/// The member is in the generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The generation.
    pub generation: Generation,
    /// The group's family of protocols.
    pub protocol_type: Option<ProtocolType>,
    /// The protocol that the generation uses.
    pub protocol: Option<ProtocolName>,
    /// Who assigns.
    pub leader: MemberId,
    /// The member's own id.
    pub member: MemberId,
    /// A returning static leader need not assign: nothing changed.
    pub skip_assignment: bool,
    /// Everybody, for the leader; empty for followers.
    pub members: Vec<JoinedMember>,
}

/// One member, as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// The member.
    pub member: MemberId,
    /// Set for a static member.
    pub instance: Option<InstanceId>,
    /// Its metadata for the chosen protocol.
    pub metadata: Bytes,
}

/// The member is not in; with the id to answer with (new for `MemberIdRequired`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRefused {
    /// Why.
    pub error: GroupError,
    /// The id for the response.
    pub member: MemberId,
}

/// The member's assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// The group's family of protocols.
    pub protocol_type: Option<ProtocolType>,
    /// The generation's protocol.
    pub protocol: Option<ProtocolName>,
    /// What the leader decided for this member, opaque.
    pub assignment: Bytes,
}

/// What became of one leaver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// As asked.
    pub member: MemberId,
    /// As asked.
    pub instance: Option<InstanceId>,
    /// Whether it is gone.
    pub outcome: Result<(), GroupError>,
}

/// What became of one topic's partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicOutcome {
    /// As asked.
    pub topic: TopicName,
    /// As asked, or `TopicId::ZERO`.
    pub topic_id: TopicId,
    /// In the order asked.
    pub partitions: Vec<(PartitionIndex, Result<(), GroupError>)>,
}

/// The committed offsets of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedTopic {
    /// The topic.
    pub topic: TopicName,
    /// As asked; for "all topics" the id of the commit, or `TopicId::ZERO`.
    pub topic_id: TopicId,
    /// Per partition: the offset, `None` if there is none, or a refusal.
    pub partitions: Vec<(PartitionIndex, Result<Option<FetchedOffset>, GroupError>)>,
}

/// One committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    /// The next offset to consume.
    pub offset: Offset,
    /// The epoch of the last consumed record, or `LeaderEpoch::NONE`.
    pub leader_epoch: LeaderEpoch,
    /// The client's note.
    pub metadata: Arc<str>,
}

/// Where a group is in its life. "Dead" is the absence of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupState {
    /// No members.
    Empty,
    /// Members are being collected.
    PreparingRebalance,
    /// The leader's assignment is awaited.
    CompletingRebalance,
    /// Everybody has an assignment.
    Stable,
}

impl GroupState {
    /// Kafka's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// A group, in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The group.
    pub group: GroupId,
    /// Empty for a group that only stores offsets.
    pub protocol_type: ProtocolType,
    /// Its state.
    pub state: GroupState,
}

/// A group, described. Its type is always `classic`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The group.
    pub group: GroupId,
    /// Its state.
    pub state: GroupState,
    /// Empty for a group that only stores offsets.
    pub protocol_type: ProtocolType,
    /// The protocol in use; empty unless stable.
    pub protocol: ProtocolName,
    /// The members, in the order of their ids.
    pub members: Vec<DescribedMember>,
}

/// One member, described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// The member.
    pub member: MemberId,
    /// Set for a static member.
    pub instance: Option<InstanceId>,
    /// Its client id.
    pub client_id: Arc<str>,
    /// Its address.
    pub client_host: Arc<str>,
    /// Its metadata for the protocol in use; empty unless stable.
    pub metadata: Bytes,
    /// Its assignment; empty when it has none yet.
    pub assignment: Bytes,
}
