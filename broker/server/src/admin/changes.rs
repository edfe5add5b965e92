//! The latest changes of the metadata, kept for those who watch. A watcher that falls behind further than this begins
//! anew; nothing ever waits for one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use weir_core::controller::Record;

/// Records that are kept: some megabytes.
const MOST_RECORDS: usize = 20_000;
/// Records that a watcher is given at a time: it holds what they mean until its caller has taken it.
const GIVEN_MAX: usize = 1_000;

/// One index of the metadata, and what it changed.
pub(super) type Round = (u64, Arc<[Record]>);

/// What a watcher has missed.
#[derive(Debug, PartialEq)]
pub(super) enum Missed {
    /// These, and perhaps later ones.
    Rounds(Vec<Round>),
    /// Nobody knows any more.
    Lost,
    /// Nothing yet: the index is newer than what was taken in here.
    Ahead,
}

/// The changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    kept: Mutex<Kept>,
    latest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    rounds: VecDeque<Round>,
    records: usize,
    /// Up to here changes are not known any more.
    lost_to: u64,
}

impl Changes {
    /// Takes in what `index` changed.
    pub(crate) fn publish(&self, index: u64, records: &Arc<[Record]>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.records += records.len();
        kept.rounds.push_back((index, Arc::clone(records)));
        while kept.records > MOST_RECORDS {
            let Some((index, records)) = kept.rounds.pop_front() else { break };
            kept.records -= records.len();
            kept.lost_to = index;
        }
        drop(kept);
        self.latest.send_replace(index);
    }

    /// Everything may be different: the metadata came from a snapshot.
    pub(crate) fn publish_everything(&self, index: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Kept { lost_to: index, ..Kept::default() };
        drop(kept);
        self.latest.send_replace(index);
    }

    /// The latest index, and word of each new one.
    pub(super) fn latest(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// What came next after `index`.
    pub(super) fn since(&self, index: u64) -> Missed {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if index < kept.lost_to {
            return Missed::Lost;
        }
        if index > *self.latest.borrow() {
            return Missed::Ahead;
        }
        let from = kept.rounds.partition_point(|(at, _)| *at <= index);
        let mut given = 0;
        let next = kept.rounds.range(from..).take_while(|(_, records)| {
            let fits = given < GIVEN_MAX;
            given += records.len();
            fits
        });
        Missed::Rounds(next.cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use weir_model::ProducerId;

    use super::*;

    fn records(count: usize) -> Arc<[Record]> {
        vec![Record::ProducerIdsAllocated { next: ProducerId(1) }; count].into()
    }

    #[test]
    fn a_watcher_gets_what_came_after_its_index_or_begins_anew() {
        let changes = Changes::default();
        changes.publish_everything(3);
        assert_eq!(changes.since(2), Missed::Lost);
        assert_eq!(changes.since(3), Missed::Rounds(vec![]));
        assert_eq!(changes.since(4), Missed::Ahead);
        changes.publish(5, &records(1));
        changes.publish(8, &records(2));
        assert_eq!(changes.since(3), Missed::Rounds(vec![(5, records(1)), (8, records(2))]));
        assert_eq!(changes.since(5), Missed::Rounds(vec![(8, records(2))]));
        assert_eq!(changes.since(8), Missed::Rounds(vec![]));
        assert_eq!(*changes.latest().borrow(), 8);
    }

    #[test]
    fn a_watcher_that_missed_much_is_given_it_bit_by_bit() {
        let changes = Changes::default();
        for index in 1..=5 {
            changes.publish(index, &records(GIVEN_MAX / 2));
        }
        let mut told = 0;
        let mut given = Vec::new();
        while let Missed::Rounds(rounds) = changes.since(told)
            && let Some((last, _)) = rounds.last()
        {
            told = *last;
            given.push(rounds.len());
        }
        assert_eq!(given, [2, 2, 1]);
    }

    #[test]
    fn only_so_many_records_are_kept() {
        let changes = Changes::default();
        for index in 1..=3 {
            changes.publish(index, &records(MOST_RECORDS / 2));
        }
        assert_eq!(changes.since(0), Missed::Lost);
        assert!(matches!(changes.since(1), Missed::Rounds(rounds) if rounds.len() == 1));
        changes.publish(4, &records(MOST_RECORDS + 1));
        assert_eq!(changes.since(3), Missed::Lost);
        assert_eq!(changes.since(4), Missed::Rounds(vec![]));
    }
}
