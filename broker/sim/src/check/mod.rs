//! What must always hold, as assertions on what every node does. Nothing here is known to a node.

pub(crate) mod end;
mod ghost;
mod groups;
mod history;
mod metadata;

use std::sync::{Mutex, MutexGuard, PoisonError};

use weir_model::LeaderEpoch;

pub use ghost::Ghost;
pub use groups::Membership;
pub use history::History;
use metadata::Rounds;

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
    violations: Vec<String>,
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
