//! Puts the ISR changes that leaders here propose to the controller.

use std::sync::Arc;
use std::time::Duration;

use weir_core::controller::Image;
use weir_core::controller::alter_partitions::{AlterPartitions, IsrChange as Asked, IsrError, IsrMember};
use weir_core::partition::{IsrAnswer, IsrChange, IsrRefusal};
use weir_model::{BrokerId, PartitionEpoch};

use super::Process;
use crate::planted::Bug;
use crate::world::message::{Key, Reply, Request};

/// How long the controller may take.
const LIMIT: Duration = Duration::from_secs(2);

impl Process {
    /// Carries proposals until the process dies.
    pub(super) async fn carry_proposals(self: Arc<Self>) {
        loop {
            self.proposed.notified().await;
            tokio::time::sleep(Duration::from_millis(2)).await;
            let batch = std::mem::take(&mut self.state().proposals);
            if batch.is_empty() {
                continue;
            }
            let outcomes = self.put(&batch).await.unwrap_or_default();
            let doubt = match self.world.has(Bug::ForgetDoubt) {
                true => IsrRefusal::Ineligible,
                false => IsrRefusal::Unknown,
            };
            for (at, (key, change)) in batch.into_iter().enumerate() {
                let outcome = outcomes.get(at).copied().unwrap_or(Err(doubt));
                let IsrChange { leader_epoch, partition_epoch, .. } = change;
                let answer = IsrAnswer { leader_epoch, partition_epoch, outcome };
                self.with(key, |partition, cx| partition.isr_answered(answer, cx));
            }
        }
    }

    async fn put(&self, batch: &[(Key, IsrChange)]) -> Option<Vec<Result<PartitionEpoch, IsrRefusal>>> {
        let command = command(&self.image(), BrokerId(self.id()), batch)?;
        let to = self.quorum.state().borrow().leader?.broker.0;
        let asked = Request::Alter(command);
        let answer = self.world.net.call(&self.world, self.id(), to, asked, LIMIT).await;
        let Ok(Reply::Altered(Some(outcomes))) = answer else { return None };
        Some(outcomes.into_iter().map(|(_, outcome)| outcome.map_err(verdict)).collect())
    }
}

fn command(image: &Image, me: BrokerId, batch: &[(Key, IsrChange)]) -> Option<AlterPartitions> {
    let epoch_of = |broker| image.broker(broker).map(|b| b.registration.epoch);
    let member = |(broker, epoch): &(BrokerId, i64)| {
        let epoch = if *epoch >= 0 { *epoch } else { epoch_of(*broker).unwrap_or(*epoch) };
        IsrMember { broker: *broker, epoch }
    };
    let partitions = batch.iter().map(|((topic, index), change)| Asked {
        topic: *topic,
        index: *index,
        leader_epoch: change.leader_epoch,
        partition_epoch: change.partition_epoch,
        isr: change.isr.iter().map(member).collect(),
        cause: change.cause,
    });
    Some(AlterPartitions { broker: me, broker_epoch: epoch_of(me)?, partitions: partitions.collect() })
}

const fn verdict(why: IsrError) -> IsrRefusal {
    match why {
        IsrError::UnknownTopic
        | IsrError::UnknownPartition
        | IsrError::FencedLeaderEpoch(_)
        | IsrError::NotLeader
        | IsrError::NotReplica
        | IsrError::InvalidUpdateVersion(_) => IsrRefusal::Stale,
        IsrError::Ineligible(_) | IsrError::NobodyElse => IsrRefusal::Ineligible,
        IsrError::Ahead | IsrError::Invalid(_) => IsrRefusal::Unknown,
    }
}
