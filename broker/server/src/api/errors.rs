//! From our errors to Kafka's codes: one exhaustive function for each of our enums.

use weir_core::controller::ControllerError;
use weir_core::controller::alter_partitions::IsrError;
use weir_core::group::GroupError;
use weir_core::partition::{DeleteRecordsError, FenceError, ProduceError, ReadError, StorageFailure};
use weir_model::records::{BatchError, CodecError};
use weir_wire::ErrorCode;

use crate::metadata::MetadataError;
use crate::partition::PartitionError;

pub(crate) fn of_partition(error: &PartitionError) -> ErrorCode {
    match error {
        PartitionError::Produce(error) => of_produce(error),
        PartitionError::Read(error) => of_read(error),
        PartitionError::DeleteRecords(error) => of_delete_records(error),
        PartitionError::Fence(error) => of_fence(error),
        // Never a client's: only fetchers of this broker are told so.
        PartitionError::Follow(_) => ErrorCode::UnknownServerError,
        // Another replica leads in a moment, or nobody has it whole: then no retry helps.
        PartitionError::Damaged { alone: true, .. } => ErrorCode::CorruptMessage,
        PartitionError::Log(_) | PartitionError::Damaged { .. } => ErrorCode::KafkaStorageError,
        PartitionError::Storage(error) => of_storage(error),
        PartitionError::Stopped => ErrorCode::NotLeaderOrFollower,
    }
}

pub(crate) fn of_fence(error: &FenceError) -> ErrorCode {
    match error {
        FenceError::NotLeader | FenceError::StaleBroker { .. } => ErrorCode::NotLeaderOrFollower,
        FenceError::Fenced { .. } => ErrorCode::FencedLeaderEpoch,
        FenceError::Unknown { .. } | FenceError::NotReplica { .. } => ErrorCode::UnknownLeaderEpoch,
    }
}

fn of_storage(error: &StorageFailure) -> ErrorCode {
    match error {
        // Both are worth a retry: room may come back, and another replica may lead.
        StorageFailure::Full | StorageFailure::Failed => ErrorCode::KafkaStorageError,
    }
}

pub(crate) fn of_produce(error: &ProduceError) -> ErrorCode {
    match error {
        ProduceError::Fence(error) => of_fence(error),
        ProduceError::NotEnoughReplicas { .. } => ErrorCode::NotEnoughReplicas,
        ProduceError::TooLarge { .. } => ErrorCode::MessageTooLarge,
        ProduceError::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
        ProduceError::InvalidBatch(_) => ErrorCode::InvalidRecord,
        ProduceError::NoTransaction => ErrorCode::InvalidTxnState,
        ProduceError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
        ProduceError::StaleProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
        // Too many: nothing was written, and a retry is safe.
        ProduceError::TimedOut | ProduceError::TooManyWaiting => ErrorCode::RequestTimedOut,
        ProduceError::Storage(error) => of_storage(error),
    }
}

fn of_read(error: &ReadError) -> ErrorCode {
    match error {
        ReadError::Fence(error) => of_fence(error),
        ReadError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        ReadError::NotYetKnown => ErrorCode::OffsetNotAvailable,
    }
}

fn of_delete_records(error: &DeleteRecordsError) -> ErrorCode {
    match error {
        DeleteRecordsError::Fence(error) => of_fence(error),
        DeleteRecordsError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        DeleteRecordsError::NotDeletable => ErrorCode::PolicyViolation,
    }
}

pub(crate) fn of_batch(error: &BatchError) -> ErrorCode {
    match error {
        BatchError::TooLarge { .. } | BatchError::Codec(CodecError::TooLarge { .. }) => {
            ErrorCode::MessageTooLarge
        }
        // Formats 0 and 1 are whole but too old: a retry changes nothing. Any other number is damage.
        BatchError::Magic(0 | 1) => ErrorCode::InvalidRecord,
        BatchError::Crc { .. } | BatchError::Length(_) | BatchError::Magic(_) => ErrorCode::CorruptMessage,
        _ => ErrorCode::InvalidRecord,
    }
}

pub(crate) fn of_controller(error: &ControllerError) -> ErrorCode {
    match error {
        ControllerError::BadTopicName(_) | ControllerError::TopicNameCollides { .. } => {
            ErrorCode::InvalidTopicException
        }
        ControllerError::TopicExists(_) => ErrorCode::TopicAlreadyExists,
        ControllerError::UnknownTopic(_) | ControllerError::UnknownPartition { .. } => {
            ErrorCode::UnknownTopicOrPartition
        }
        ControllerError::UnknownTopicId(_) => ErrorCode::UnknownTopicId,
        ControllerError::Duplicate(_)
        | ControllerError::InvalidRequest(_)
        | ControllerError::ShuttingDown(_) => ErrorCode::InvalidRequest,
        ControllerError::InvalidPartitions(_) => ErrorCode::InvalidPartitions,
        ControllerError::InvalidReplicationFactor(_) => ErrorCode::InvalidReplicationFactor,
        ControllerError::InvalidAssignment(_) => ErrorCode::InvalidReplicaAssignment,
        ControllerError::InvalidConfig(_) | ControllerError::NotAList(_) => ErrorCode::InvalidConfig,
        ControllerError::TooManyPartitions { .. }
        | ControllerError::StillRunning(_)
        | ControllerError::HoldsReplicas { .. } => ErrorCode::PolicyViolation,
        ControllerError::ElectionNotNeeded => ErrorCode::ElectionNotNeeded,
        ControllerError::PreferredLeaderNotAvailable(_) => ErrorCode::PreferredLeaderNotAvailable,
        ControllerError::EligibleLeadersNotAvailable => ErrorCode::EligibleLeadersNotAvailable,
        ControllerError::NoReassignment => ErrorCode::NoReassignmentInProgress,
        ControllerError::InvalidUpdateVersion(_) => ErrorCode::InvalidUpdateVersion,
        ControllerError::MetadataVersion { .. } | ControllerError::BrokerVersions { .. } => {
            ErrorCode::UnsupportedVersion
        }
        ControllerError::DeletionDisabled => ErrorCode::TopicDeletionDisabled,
        ControllerError::UnknownBroker(_) => ErrorCode::BrokerIdNotRegistered,
        ControllerError::DuplicateBroker(_) => ErrorCode::DuplicateBrokerRegistration,
        ControllerError::StaleBrokerEpoch { .. } | ControllerError::WrongIncarnation { .. } => {
            ErrorCode::StaleBrokerEpoch
        }
        ControllerError::ProducerIdsExhausted | ControllerError::NoFreshId => ErrorCode::UnknownServerError,
    }
}

pub(crate) fn of_isr(error: &IsrError) -> ErrorCode {
    match error {
        IsrError::UnknownTopic => ErrorCode::UnknownTopicId,
        IsrError::UnknownPartition => ErrorCode::UnknownTopicOrPartition,
        IsrError::FencedLeaderEpoch(_) => ErrorCode::FencedLeaderEpoch,
        IsrError::Ahead => ErrorCode::NotController,
        IsrError::NotLeader | IsrError::NotReplica => ErrorCode::NotLeaderOrFollower,
        IsrError::InvalidUpdateVersion(_) => ErrorCode::InvalidUpdateVersion,
        IsrError::Invalid(_) => ErrorCode::InvalidRequest,
        IsrError::Ineligible(_) | IsrError::NobodyElse => ErrorCode::IneligibleReplica,
    }
}

pub(crate) fn of_metadata(error: &MetadataError) -> ErrorCode {
    match error {
        MetadataError::NotController(_) | MetadataError::Stopping => ErrorCode::NotController,
        MetadataError::DiskFull | MetadataError::Failed(_) => ErrorCode::KafkaStorageError,
        MetadataError::Contradiction(_) => ErrorCode::UnknownServerError,
    }
}

pub(crate) fn of_group(error: GroupError) -> ErrorCode {
    match error {
        GroupError::NotCoordinator => ErrorCode::NotCoordinator,
        GroupError::CoordinatorNotAvailable => ErrorCode::CoordinatorNotAvailable,
        GroupError::InvalidGroupId => ErrorCode::InvalidGroupId,
        GroupError::GroupIdNotFound => ErrorCode::GroupIdNotFound,
        GroupError::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
        GroupError::InconsistentGroupProtocol => ErrorCode::InconsistentGroupProtocol,
        GroupError::GroupMaxSizeReached => ErrorCode::GroupMaxSizeReached,
        GroupError::MemberIdRequired => ErrorCode::MemberIdRequired,
        GroupError::UnknownMemberId => ErrorCode::UnknownMemberId,
        GroupError::FencedInstanceId => ErrorCode::FencedInstanceId,
        GroupError::IllegalGeneration => ErrorCode::IllegalGeneration,
        GroupError::RebalanceInProgress => ErrorCode::RebalanceInProgress,
        GroupError::NonEmptyGroup => ErrorCode::NonEmptyGroup,
        GroupError::GroupSubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
        GroupError::OffsetMetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
        GroupError::UnstableOffsetCommit => ErrorCode::UnstableOffsetCommit,
        GroupError::RecordTooLarge => ErrorCode::UnknownServerError,
    }
}
