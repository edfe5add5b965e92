//! A leader says who is in sync, for many partitions at once. Each stands for itself.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Status;
use weir_admin::peer::v1::alter_partitions_reply::Outcome;
use weir_admin::peer::v1::{
    AlterCause, AlterPartition, AlterPartitionsReply, AlterPartitionsRequest, AlteredPartition,
    AlteredPartitions, Member,
};
use weir_core::controller::alter_partitions::{AlterPartitions, IsrChange, IsrMember};
use weir_core::partition::{IsrCause, IsrRefusal};
use weir_model::{BrokerId, LeaderEpoch, PartitionEpoch, PartitionIndex, TopicId};
use weir_quorum::NodeId;
use weir_wire::ErrorCode;

use super::identity::{bytes_of, id};
use super::link::{Link, LinkError, Outcome as Asked, Place, Way};
use super::service::PeerService;
use super::words;
use crate::api::errors::of_isr;
use crate::duties::Duties;

/// Partitions in one call.
const PARTITIONS_MAX: usize = 100_000;

/// What became of each change: the partition's epoch from here on, or why it stays as it was.
pub(crate) type Altered = Vec<Result<PartitionEpoch, IsrRefusal>>;

impl PeerService {
    pub(super) async fn alter(
        &self,
        from: NodeId,
        request: AlterPartitionsRequest,
    ) -> Result<AlterPartitionsReply, Status> {
        if request.partitions.len() > PARTITIONS_MAX {
            return Err(Status::invalid_argument("too many partitions"));
        }
        let changes = request.partitions.into_iter().map(change).collect::<Option<Vec<_>>>();
        let partitions = changes.ok_or_else(|| Status::invalid_argument("a bad topic id"))?;
        let command = AlterPartitions { broker: from.broker, broker_epoch: request.broker_epoch, partitions };
        let outcome = match self.shared.duties.alter(command).await {
            Ok(Ok(outcomes)) => {
                let partitions = outcomes.into_iter().map(|(_, outcome)| match outcome {
                    Ok(state) => AlteredPartition {
                        code: 0,
                        message: String::new(),
                        partition_epoch: state.partition_epoch.0,
                    },
                    Err(why) => AlteredPartition {
                        code: i32::from(i16::from(of_isr(&why))),
                        message: why.to_string(),
                        partition_epoch: 0,
                    },
                });
                Outcome::Done(AlteredPartitions { partitions: partitions.collect() })
            }
            Ok(Err(refusal)) => Outcome::Refused(words::refusal(refusal)),
            Err(_) => Outcome::NotController(self.leader()),
        };
        Ok(AlterPartitionsReply { outcome: Some(outcome) })
    }
}

fn change(change: AlterPartition) -> Option<IsrChange> {
    let member = |member: &Member| IsrMember { broker: BrokerId(member.broker), epoch: member.broker_epoch };
    Some(IsrChange {
        topic: TopicId(id(&change.topic_id)?),
        index: PartitionIndex(change.index),
        leader_epoch: LeaderEpoch(change.leader_epoch),
        partition_epoch: PartitionEpoch(change.partition_epoch),
        cause: match change.cause() {
            AlterCause::InSync => IsrCause::InSync,
            AlterCause::Damaged => IsrCause::Damaged,
        },
        isr: change.isr.iter().map(member).collect(),
    })
}

impl Link {
    /// Asks the controller for ISR changes; gives an outcome for each, in order, or none at all. Asks once only: a change
    /// that was refused is certain not to have been made.
    pub(crate) async fn alter_partitions(
        &self,
        command: &AlterPartitions,
        duties: &Duties,
        patience: Duration,
    ) -> Result<Altered, LinkError> {
        self.ask(Instant::now() + patience, false, |place| {
            let (command, duties) = (command.clone(), duties.clone());
            Box::pin(async move {
                match place {
                    Place::Here => here(&duties, command).await,
                    Place::There(way) => there(*way, command).await,
                }
            })
        })
        .await
    }
}

async fn here(duties: &Duties, command: AlterPartitions) -> Asked<Altered> {
    match duties.alter(command).await {
        Ok(Ok(outcomes)) => Asked::Done(
            outcomes
                .into_iter()
                .map(|(_, outcome)| {
                    outcome.map(|state| state.partition_epoch).map_err(|why| judged(of_isr(&why)))
                })
                .collect(),
        ),
        Ok(Err(refusal)) => Asked::Refused(words::refusal(refusal)),
        // It may have been taken all the same.
        Err(error) => Asked::Lost(error.to_string()),
    }
}

async fn there(mut way: Way, command: AlterPartitions) -> Asked<Altered> {
    let partitions = command.partitions.iter().map(|change| AlterPartition {
        topic_id: bytes_of(change.topic.0),
        index: change.index.0,
        leader_epoch: change.leader_epoch.0,
        partition_epoch: change.partition_epoch.0,
        cause: i32::from(match change.cause {
            IsrCause::InSync => AlterCause::InSync,
            IsrCause::Damaged => AlterCause::Damaged,
        }),
        isr: change
            .isr
            .iter()
            .map(|member| Member { broker: member.broker.0, broker_epoch: member.epoch })
            .collect(),
    });
    let request = AlterPartitionsRequest {
        header: Some(way.header),
        broker_epoch: command.broker_epoch,
        partitions: partitions.collect(),
    };
    match way.client.alter_partitions(request).await.map(|reply| reply.into_inner().outcome) {
        Ok(Some(Outcome::Done(done))) => Asked::Done(done.partitions.into_iter().map(outcome).collect()),
        Ok(Some(Outcome::Refused(refused))) => Asked::Refused(refused),
        Ok(Some(Outcome::NotController(_)) | None) => Asked::Lost("it does not lead any more".to_owned()),
        Err(status) => Asked::lost(&status),
    }
}

fn outcome(altered: AlteredPartition) -> Result<PartitionEpoch, IsrRefusal> {
    match altered.code {
        0 => Ok(PartitionEpoch(altered.partition_epoch)),
        code => Err(judged(ErrorCode::from(i16::try_from(code).unwrap_or(-1)))),
    }
}

/// What the leader has to know of a refusal.
fn judged(code: ErrorCode) -> IsrRefusal {
    match code {
        ErrorCode::IneligibleReplica => IsrRefusal::Ineligible,
        ErrorCode::InvalidUpdateVersion
        | ErrorCode::FencedLeaderEpoch
        | ErrorCode::NotLeaderOrFollower
        | ErrorCode::UnknownTopicId
        | ErrorCode::UnknownTopicOrPartition => IsrRefusal::Stale,
        _ => IsrRefusal::Unknown,
    }
}
