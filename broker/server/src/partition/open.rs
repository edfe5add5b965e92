//! From a directory to a running replica: opens the log, rebuilds what producers wrote, tells the replica its reign.
//! Blocking; runs on a thread of its own.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{info, warn};
use weir_core::partition::producers::Rebuilding;
use weir_core::partition::{Assignment, Producers, Recovered, Replica};
use weir_log::{DataDir, Disk, Log, LogError, RealDisk};
use weir_model::{BrokerId, PartitionIndex, TopicId, TopicName};

use super::PartitionHandle;
use super::command::{Configured, Reign, Standing};
use super::driver::{Driver, Surroundings};
use super::handle::Published;
use crate::clock;

/// Commands that may wait for a partition; senders wait beyond it.
const MAILBOX: usize = 128;

/// What there is to open.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) topic: TopicId,
    pub(crate) name: TopicName,
    pub(crate) index: PartitionIndex,
    pub(crate) me: BrokerId,
    pub(crate) reign: Reign,
    pub(crate) configured: Configured,
}

/// Opens the log and makes its owner, which is not running yet.
pub(crate) fn open(
    dir: &DataDir<RealDisk>,
    opening: Opening,
    surroundings: Surroundings<RealDisk>,
) -> Result<(PartitionHandle, Box<Driver<RealDisk>>), LogError> {
    let Opening { topic, index, configured, .. } = &opening;
    let (mut log, recovered) =
        Log::open(&dir.home(), &dir.partition_dir(*topic, *index), configured.log.clone())?;
    if let Some(why) = &recovered.cut_because {
        info!(
            topic = %opening.name, partition = %index, bytes = recovered.truncated_bytes, why,
            "cut a tail off the log that was never acknowledged as durable"
        );
    }
    let name = format!("{}-{index}", opening.name);
    let producers = rebuild_producers(&mut log, configured.policy.producers_max, &name)?;
    let found = Recovered {
        log_start: log.log_start(),
        log_end: log.log_end(),
        durable_end: log.durable_end(),
        high_watermark: log.log_start(),
        producers,
    };
    let mut replica = Replica::new(*topic, *index, opening.me, configured.policy, found);
    let mut effects = Vec::new();
    if !log.damage().is_empty() {
        replica.on_damage(clock::steady(), &mut effects);
    }
    let assignment = Assignment {
        leader: opening.reign.leader,
        leader_epoch: opening.reign.leader_epoch,
        partition_epoch: opening.reign.partition_epoch,
        replicas: &opening.reign.replicas,
        isr: &opening.reign.isr,
        elr: &opening.reign.elr,
    };
    replica.assign(assignment, clock::steady(), &mut effects);
    let (mailbox, commands) = mpsc::channel(MAILBOX);
    let published = Arc::new(Published::new(configured.rules, configured.throttled.clone()));
    let own = mailbox.downgrade();
    let handle =
        PartitionHandle { topic: *topic, partition: *index, mailbox, published: Arc::clone(&published) };
    let standing = Standing::of(&opening.reign, opening.me);
    let mailbox = (own, commands);
    let driver = Driver::starting(log, replica, mailbox, published, surroundings, (standing, effects));
    Ok((handle, driver))
}

/// What the log says of producers. `name` is whose, for complaints.
pub(super) fn rebuild_producers<D: Disk>(
    log: &mut Log<D>,
    producers_max: u32,
    name: &str,
) -> Result<Producers, LogError> {
    let snapshot = log.latest_snapshot(log.log_end());
    let kept = snapshot.as_ref().map(|(offset, bytes)| (*offset, &bytes[..]));
    let (mut rebuilding, damaged) = Rebuilding::begin(log.log_start(), kept, producers_max);
    if let Some(error) = damaged {
        warn!(log = name, %error, "producer snapshot skipped");
    }
    log.for_each_header(rebuilding.reads_from(), |header| rebuilding.take(header))?;
    Ok(rebuilding.done())
}
