//! From a group's name to the owner of its shard. Decides whether this broker coordinates a group, and creates
//! `__consumer_offsets` when the first group is asked for. A shard lives as long as the reign it was started in: it ends
//! when its partition is led elsewhere or anew, so that no owner ever goes on from what another one may have changed.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use weir_core::controller::Image;
use weir_core::controller::internal_topic::CONSUMER_OFFSETS;
use weir_core::group::{GroupConfig, GroupError, shard_for};
use weir_model::config::BrokerConfig;
use weir_model::{BrokerId, PartitionIndex, TopicName};
use weir_wire::ErrorCode;

use super::shard::{ShardHandle, start};
use crate::api::create_topics;
use crate::metadata::View;
use crate::partition::registry::Registry;
use crate::peers::{Link, LinkError};

/// How long making it may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why `__consumer_offsets` is not there.
#[derive(Debug, Error)]
pub(crate) enum OffsetsTopicError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("{0}")]
    Refused(String),
}

/// All shards of this broker.
pub(crate) struct Coordinators {
    me: BrokerId,
    view: Arc<View>,
    link: Link,
    partitions: Arc<Registry>,
    shards: Mutex<HashMap<PartitionIndex, ShardHandle>>,
}

impl Coordinators {
    pub(crate) fn new(me: BrokerId, view: Arc<View>, link: Link, partitions: Arc<Registry>) -> Self {
        Self { me, view, link, partitions, shards: Mutex::default() }
    }

    /// Which broker coordinates the group; creates the offsets topic when there is none.
    pub(crate) async fn coordinator_of(&self, group: &str) -> Result<Option<BrokerId>, OffsetsTopicError> {
        self.ensure_topic().await?;
        let image = self.view.image();
        Ok(image.topic(CONSUMER_OFFSETS).and_then(|topic| {
            let index = shard_for(group, i32::try_from(topic.partitions.len()).unwrap_or(0));
            topic.partition(index)?.leader
        }))
    }

    /// The owner of the group, when it is here and has read its log.
    pub(crate) fn shard_of(&self, group: &str) -> Result<ShardHandle, GroupError> {
        let image = self.view.image();
        let topic = image.topic(CONSUMER_OFFSETS).ok_or(GroupError::NotCoordinator)?;
        let index = shard_for(group, i32::try_from(topic.partitions.len()).unwrap_or(0));
        self.shard(&image, index).ok_or(GroupError::NotCoordinator)
    }

    /// Every shard that is led here, for lists.
    pub(crate) fn shards(&self) -> Vec<ShardHandle> {
        let image = self.view.image();
        let Some(topic) = image.topic(CONSUMER_OFFSETS) else { return Vec::new() };
        topic.numbered().filter_map(|(index, _)| self.shard(&image, index)).collect()
    }

    /// After a change of metadata: ends the shards whose reign is over, and starts to read those that are led here now,
    /// before anybody asks for them.
    pub(crate) fn follow(&self) {
        let image = self.view.image();
        let topic = image.topic(CONSUMER_OFFSETS);
        let led = |index: &PartitionIndex, shard: &ShardHandle| {
            let partition = topic.and_then(|topic| topic.partition(*index));
            partition.is_some_and(|p| p.leader == Some(self.me) && p.leader_epoch == shard.epoch())
        };
        self.shards.lock().unwrap_or_else(PoisonError::into_inner).retain(|index, shard| {
            let goes_on = led(index, shard);
            if !goes_on {
                shard.resign();
            }
            goes_on
        });
        self.shards();
    }

    /// Offsets of topics that were deleted are deleted too.
    pub(crate) async fn forget_topics(&self, topics: BTreeSet<TopicName>) {
        for shard in self.shards() {
            shard.forget_topics(topics.clone()).await;
        }
    }

    async fn ensure_topic(&self) -> Result<(), OffsetsTopicError> {
        if self.view.image().topic(CONSUMER_OFFSETS).is_some() {
            return Ok(());
        }
        let request = create_topics::by_default([CONSUMER_OFFSETS]);
        let response = self.link.call(create_topics::VERSION, &request, PATIENCE).await?;
        for topic in response.topics {
            match ErrorCode::from(topic.error_code) {
                ErrorCode::None | ErrorCode::TopicAlreadyExists => {}
                code => {
                    let message = topic.error_message.map(|message| message.to_string());
                    return Err(OffsetsTopicError::Refused(message.unwrap_or_else(|| format!("{code:?}"))));
                }
            }
        }
        // The controller knows of it; this broker may not yet.
        let there = self.view.until(|image| image.topic(CONSUMER_OFFSETS).is_some());
        let _ = tokio::time::timeout(PATIENCE, there).await;
        self.shards();
        Ok(())
    }

    /// The shard's owner in this reign, started when it does not run yet. One whose partition went away is started anew.
    fn shard(&self, image: &Image, index: PartitionIndex) -> Option<ShardHandle> {
        let topic = image.topic(CONSUMER_OFFSETS)?;
        let state = topic.partition(index)?;
        if state.leader != Some(self.me) {
            return None;
        }
        let epoch = state.leader_epoch;
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        match shards.get(&index) {
            Some(shard) if shard.is_alive() && shard.epoch() == epoch => return Some(shard.clone()),
            // The caller holds an image that has been overtaken.
            Some(shard) if shard.epoch() > epoch => return None,
            Some(_) | None => {}
        }
        let partition = self.partitions.get(topic.id, index)?;
        let shard =
            start(partition, epoch, Arc::clone(self.partitions.fence()), group_config(&self.view.config()));
        if let Some(over) = shards.insert(index, shard.clone()) {
            over.resign();
        }
        Some(shard)
    }
}

fn group_config(broker: &BrokerConfig) -> GroupConfig {
    GroupConfig {
        min_session_timeout: broker.group_min_session_timeout,
        max_session_timeout: broker.group_max_session_timeout,
        initial_rebalance_delay: broker.group_initial_rebalance_delay,
        max_size: usize::try_from(broker.group_max_size).unwrap_or(usize::MAX),
        max_offset_metadata: usize::try_from(broker.offset_metadata_max_bytes).unwrap_or(usize::MAX),
        offsets_retention: broker.offsets_retention,
        retention_check_interval: broker.offsets_retention_check_interval,
        ..GroupConfig::default()
    }
}
