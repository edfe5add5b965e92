//! Which partitions are fetched from which broker. One fetcher for each broker that leads something we follow; it is told
//! of changes, and takes them when it comes to it. What waits for a fetcher is bounded by the partitions there are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use weir_model::{BrokerId, LeaderEpoch};

use super::fetcher::Fetcher;
use super::roster::Key;
use crate::metadata::View;
use crate::metrics::Metrics;
use crate::partition::PartitionHandle;
use crate::watched::watch;

/// A partition to follow.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) owner: PartitionHandle,
    pub(crate) leader: BrokerId,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) limit: Limit,
    /// It is not in the ISR.
    pub(crate) catching_up: bool,
}

/// What holds a replica back that is not in sync yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    /// It shares the broker's rate for throttled replicas.
    pub(crate) throttled: bool,
    /// Bytes in a second for this move alone.
    pub(crate) rate: Option<u64>,
}

/// What a fetcher is to take notice of: follow, or follow no longer.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    changes: Mutex<HashMap<Key, Option<Followed>>>,
    news: Notify,
}

impl Inbox {
    pub(super) fn take(&self) -> HashMap<Key, Option<Followed>> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) async fn changed(&self) {
        self.news.notified().await;
    }

    fn put(&self, key: Key, change: Option<Followed>) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).insert(key, change);
        self.news.notify_one();
    }
}

/// All fetchers of this broker.
#[derive(Debug)]
pub(crate) struct Fleet {
    me: BrokerId,
    view: Arc<View>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    posts: Mutex<Posts>,
}

#[derive(Debug, Default)]
struct Posts {
    inboxes: HashMap<BrokerId, Arc<Inbox>>,
    leaders: HashMap<Key, BrokerId>,
}

impl Fleet {
    pub(crate) fn new(me: BrokerId, view: Arc<View>, metrics: Arc<Metrics>) -> Self {
        Self { me, view, metrics, stop: CancellationToken::new(), posts: Mutex::default() }
    }

    /// Follows a partition from its leader, from here on from this one only.
    pub(crate) fn follow(&self, followed: Followed) {
        let (key, leader) = ((followed.owner.topic, followed.owner.partition), followed.leader);
        let mut posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = posts.leaders.insert(key, leader).filter(|before| *before != leader) {
            posts.tell(before, key);
        }
        let inbox = Arc::clone(posts.inboxes.entry(leader).or_insert_with(|| self.hire(leader)));
        inbox.put(key, Some(followed));
    }

    /// Follows a partition no longer.
    pub(crate) fn unfollow(&self, key: Key) {
        let mut posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leader) = posts.leaders.remove(&key) {
            posts.tell(leader, key);
        }
    }

    /// No fetcher asks for anything any more.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    fn hire(&self, leader: BrokerId) -> Arc<Inbox> {
        let inbox = Arc::<Inbox>::default();
        let (view, metrics) = (Arc::clone(&self.view), Arc::clone(&self.metrics));
        let fetcher = Fetcher::new(self.me, leader, view, metrics, Arc::clone(&inbox));
        tokio::spawn(watch("a fetcher", fetcher.run(self.stop.clone())));
        inbox
    }
}

impl Posts {
    fn tell(&self, leader: BrokerId, key: Key) {
        if let Some(inbox) = self.inboxes.get(&leader) {
            inbox.put(key, None);
        }
    }
}
