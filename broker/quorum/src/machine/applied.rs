//! What applying an entry does to the state. Pure, and the same on every node: a round is taken as a whole if it was
//! decided on exactly this image, otherwise it has no effect.

use std::sync::Arc;

use openraft::EntryPayload;
use thiserror::Error;
use weir_core::controller::{ApplyError, Image};

use crate::commits::{Change, Committed, Latest};
use crate::types::{Entry, LogId, LogIndex, Outcome, Round, StoredMembership};

/// A committed record does not fit the image. The log is damaged or was written by other rules, so the node stops
/// before it and the others disagree.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("entry {index} contradicts the metadata: {source}")]
pub(crate) struct Contradiction {
    index: LogIndex,
    source: ApplyError,
}

/// The state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Applied {
    pub(crate) last: Option<LogId>,
    pub(crate) membership: StoredMembership,
    /// The last round in the image.
    pub(crate) round: LogIndex,
    pub(crate) image: Arc<Image>,
}

impl Applied {
    /// Applies the next entry. Gives the round if it took effect.
    pub(crate) fn apply(&mut self, entry: &Entry) -> Result<(Outcome, Option<Committed>), Contradiction> {
        let index = LogIndex(entry.log_id.index);
        let done = match &entry.payload {
            EntryPayload::Blank => (Outcome::Applied, None),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
                (Outcome::Applied, None)
            }
            EntryPayload::Normal(round) if round.decided_at != self.round => (Outcome::Stale, None),
            EntryPayload::Normal(round) => (Outcome::Applied, Some(self.take(index, round)?)),
        };
        self.last = Some(entry.log_id);
        Ok(done)
    }

    fn take(&mut self, index: LogIndex, round: &Round) -> Result<Committed, Contradiction> {
        let mut image = Image::clone(&self.image);
        for record in &*round.records {
            image.apply(record).map_err(|source| Contradiction { index, source })?;
        }
        self.image = Arc::new(image);
        self.round = index;
        let change = Change::Records(Arc::clone(&round.records));
        Ok(Committed { index, image: Arc::clone(&self.image), change })
    }

    pub(crate) fn latest(&self) -> Latest {
        let applied = LogIndex(self.last.map_or(0, |last| last.index));
        Latest { applied, round: self.round, image: Arc::clone(&self.image) }
    }
}

#[cfg(test)]
mod tests {
    use openraft::LeaderId;
    use uuid::Uuid;
    use weir_core::controller::Record;
    use weir_model::{TopicId, TopicName};

    use super::*;
    use crate::types::NodeId;

    fn topic(n: u128, name: &str) -> Record {
        Record::TopicCreated { id: TopicId(Uuid::from_u128(n)), name: TopicName::new(name).unwrap() }
    }

    fn entry(index: u64, payload: EntryPayload<crate::types::TypeConfig>) -> Entry {
        Entry { log_id: LogId { leader_id: LeaderId::new(1, NodeId::default()), index }, payload }
    }

    fn round(index: u64, decided_at: u64, records: &[Record]) -> Entry {
        entry(
            index,
            EntryPayload::Normal(Round { decided_at: LogIndex(decided_at), records: records.into() }),
        )
    }

    #[test]
    fn a_round_applies_only_to_the_image_that_it_was_decided_on() {
        let mut state = Applied::default();
        let mut apply = |entry| state.apply(&entry).unwrap().0;
        assert_eq!(apply(round(1, 0, &[topic(1, "a")])), Outcome::Applied);
        assert_eq!(apply(entry(2, EntryPayload::Blank)), Outcome::Applied);
        assert_eq!(apply(round(3, 0, &[topic(2, "b")])), Outcome::Stale, "decided before round 1");
        assert_eq!(apply(round(4, 2, &[topic(2, "b")])), Outcome::Stale, "a blank entry is no round");
        assert_eq!(apply(round(5, 1, &[topic(3, "c")])), Outcome::Applied);
        assert_eq!(apply(round(6, 1, &[topic(4, "d")])), Outcome::Stale, "round 5 came first");
        let names: Vec<_> = state.image.topics().map(|t| t.name.as_str()).collect();
        assert_eq!((names, state.round), (vec!["a", "c"], LogIndex(5)));
        assert_eq!(state.last.unwrap().index, 6);
    }

    #[test]
    fn a_round_that_contradicts_the_image_stops_the_node_and_changes_nothing() {
        let mut state = Applied::default();
        state.apply(&round(1, 0, &[topic(1, "a")])).unwrap();
        let before = Arc::clone(&state.image);
        assert!(state.apply(&round(2, 1, &[topic(2, "b"), topic(3, "a")])).is_err());
        assert!(Arc::ptr_eq(&state.image, &before));
        assert_eq!((state.round, state.last.unwrap().index), (LogIndex(1), 1));
    }
}
