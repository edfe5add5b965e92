//! Why the coordinator refuses. The server maps each case to the Kafka code of the same name.

use thiserror::Error;

/// A refusal, to one request, one member of a batch, or one partition.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum GroupError {
    /// This broker does not own the group's shard (any more).
    #[error("this broker is not the coordinator of the group")]
    NotCoordinator,
    /// Nothing wrong with the request; the coordinator can not serve it now.
    #[error("the coordinator is not available")]
    CoordinatorNotAvailable,
    /// The group id is empty where that is not allowed.
    #[error("the group id is empty")]
    InvalidGroupId,
    /// No such group.
    #[error("the group does not exist")]
    GroupIdNotFound,
    /// The session timeout is outside the configured range.
    #[error("the session timeout is outside the allowed range")]
    InvalidSessionTimeout,
    /// The member shares no protocol with the rest of the group, or names another than the group chose.
    #[error("the member's protocols do not agree with the group's")]
    InconsistentGroupProtocol,
    /// The group is full.
    #[error("the group has reached its maximum size")]
    GroupMaxSizeReached,
    /// The member must join again with the id that comes with this answer.
    #[error("the member must rejoin with the id it was given")]
    MemberIdRequired,
    /// The member id means nothing to this group.
    #[error("the member is not known to the group")]
    UnknownMemberId,
    /// Another process took over this static member's name.
    #[error("another member uses this instance id")]
    FencedInstanceId,
    /// The generation is not the group's current one.
    #[error("the generation is not the current one")]
    IllegalGeneration,
    /// The member must rejoin.
    #[error("a rebalance is in progress")]
    RebalanceInProgress,
    /// The group has members, so it can not be deleted.
    #[error("the group is not empty")]
    NonEmptyGroup,
    /// A member is subscribed to the topic, so its offsets can not be deleted.
    #[error("the group is subscribed to the topic")]
    GroupSubscribedToTopic,
    /// The note beside the offset is too long.
    #[error("the offset's metadata is too large")]
    OffsetMetadataTooLarge,
    /// The offset is part of a transaction that has not ended.
    #[error("the offset is part of an unfinished transaction")]
    UnstableOffsetCommit,
    /// The group's record does not fit in a batch (Kafka answers UNKNOWN_SERVER_ERROR).
    #[error("the group's record is too large")]
    RecordTooLarge,
}

/// Why the server could not append a decision's records.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AppendFailure {
    /// Too few replicas, no space, a timeout: a retry may help.
    #[error("the append can not be done now")]
    Unavailable,
    /// The broker lost the shard, or its disk failed.
    #[error("the broker no longer leads the shard")]
    NotLeader,
    /// The batch is larger than the topic allows.
    #[error("the records are too large")]
    TooLarge,
}

impl From<AppendFailure> for GroupError {
    fn from(failure: AppendFailure) -> Self {
        match failure {
            AppendFailure::Unavailable => Self::CoordinatorNotAvailable,
            AppendFailure::NotLeader => Self::NotCoordinator,
            AppendFailure::TooLarge => Self::RecordTooLarge,
        }
    }
}
