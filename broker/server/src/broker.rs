//! What a running broker is made of, as its request handlers see it. Holds references; decides nothing.

use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use weir_core::controller::{Image, Topic};
use weir_log::{DataDir, RealDisk};
use weir_model::config::{BrokerConfig, Pairs};
use weir_model::{BrokerId, PartitionIndex};

use crate::api::fetch::follower_sessions::FollowerSessions;
use crate::api::fetch::sessions::FetchSessions;
use crate::api::producer_ids::ProducerIds;
use crate::duties::Duties;
use crate::groups::Coordinators;
use crate::health::Health;
use crate::metadata::{Controller, View};
use crate::metrics::Metrics;
use crate::net::budget::ByteBudget;
use crate::partition::flows::Flows;
use crate::partition::registry::Registry;
use crate::partition::{PartitionError, PartitionHandle};
use crate::peers::Link;
use crate::replication::throttle::Throttle;

/// One broker. Shared by every connection.
pub(crate) struct Broker {
    pub(crate) id: BrokerId,
    /// The broker's file and flags: the static layer of its settings.
    pub(crate) file: Arc<Pairs>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    pub(crate) data: Arc<DataDir<RealDisk>>,
    pub(crate) view: Arc<View>,
    pub(crate) controller: Controller,
    pub(crate) partitions: Arc<Registry>,
    /// What flows through the partitions that are led here.
    pub(crate) flows: Flows,
    pub(crate) link: Link,
    pub(crate) duties: Duties,
    pub(crate) coordinators: Arc<Coordinators>,
    pub(crate) fetch_sessions: Mutex<FetchSessions>,
    pub(crate) follower_sessions: FollowerSessions,
    /// What throttled replicas that are led here may be sent.
    pub(crate) leader_throttle: Mutex<Throttle>,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) request_budget: ByteBudget,
    /// Batches that are compressed or decompressed at the same time, a place each.
    pub(crate) codecs: Semaphore,
    /// Cancelled when the broker begins to stop: long polls answer at once.
    pub(crate) stop: CancellationToken,
}

impl Broker {
    /// The latest metadata. One request should look once, so that its answer agrees with itself.
    pub(crate) fn image(&self) -> Arc<Image> {
        self.view.image()
    }

    /// The broker's settings as they are now.
    pub(crate) fn config(&self) -> Arc<BrokerConfig> {
        self.view.config()
    }

    /// Who decides, as far as this broker knows; -1 while nobody does.
    pub(crate) fn controller_id(&self) -> i32 {
        self.link.leader().map_or(-1, |leader| leader.broker.0)
    }

    /// The owner of a partition that runs here.
    pub(crate) fn partition(
        &self,
        topic: &Topic,
        index: PartitionIndex,
    ) -> Result<PartitionHandle, PartitionError> {
        self.partitions.find(topic.id, index)
    }
}
