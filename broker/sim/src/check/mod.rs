//! What must always hold, as assertions on what every node does. Nothing here is known to a node.

pub(crate) mod end;
mod ghost;
mod groups;
mod history;
mod metadata;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use weir_model::{LeaderEpoch, TopicId};

pub use ghost::Ghost;
pub use groups::Membership;
pub use history::{History, Remains};
use metadata::Rounds;

use crate::world::Promise;
use crate::world::message::Key;

/// Everything that was seen of a run.
#[derive(Debug, Default)]
pub struct Checks {
    seen: Mutex<Seen>,
}

/// The state.
#[derive(Debug, Default)]
pub struct Seen {
    pub ghost: Ghost,
    pub rounds: Rounds,
    pub history: History,
    pub membership: Membership,
    promises: BTreeMap<TopicId, Promise>,
    /// How far each partition's consumer has read.
    positions: BTreeMap<Key, i64>,
    violations: Vec<String>,
}

impl Seen {
    /// A topic is held to this.
    pub fn promises(&mut self, topic: TopicId, promise: Promise) {
        if self.promises.insert(topic, promise).is_none() && promise == Promise::Replicated {
            self.excuse(topic);
        }
    }

    /// What is committed in this topic may be lost from now on, and what was.
    pub fn excuse(&mut self, topic: TopicId) {
        self.promises.insert(topic, Promise::Replicated);
        self.ghost.excuse(topic);
        self.history.excuse(topic);
    }

    /// A partition's consumer has read everything before.
    pub fn reach(&mut self, key: Key, position: i64) {
        self.positions.insert(key, position);
    }

    /// How far a partition's consumer has read.
    #[must_use]
    pub fn reached(&self, key: Key) -> i64 {
        self.positions.get(&key).copied().unwrap_or(0)
    }

    /// What a partition's topic is held to.
    #[must_use]
    pub fn promise(&self, key: Key) -> Promise {
        self.promises.get(&key.0).copied().unwrap_or_default()
    }
}

impl Checks {
    /// The state.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn violation(&self, what: String) {
        let mut seen = self.seen();
        // What follows the first few seldom says more.
        if seen.violations.len() < 20 {
            seen.violations.push(what);
        }
    }

    /// What was violated so far.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.seen().violations.clone()
    }

    /// A leader answers a writer.
    pub(crate) fn acknowledged(
        &self,
        who: (i32, u64),
        key: Key,
        epoch: LeaderEpoch,
        base: i64,
        values: &[u64],
    ) -> Result<(), String> {
        self.seen().ghost.acknowledged(who, key, epoch, base, values)
    }
}
