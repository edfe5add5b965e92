//! What to ask one leader for: the partitions that are followed from it, and the incremental session (KIP-227) that
//! keeps requests as small as the news in them. Pure: decides on values and is told the time.
//!
//! A partition is mentioned in a request when it has moved on, and only then; the leader serves it once for each mention.
//! So a partition whose owner is still busy with what came is not sent the same again, and holds nobody up.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use weir_model::{DurationMs, LeaderEpoch, Millis, Offset, PartitionIndex, TopicId};

/// A followed partition's name.
pub(crate) type Key = (TopicId, PartitionIndex);

/// The first pause after an error, and the longest: each error of a partition in a row doubles it.
const PAUSE_LEAST: DurationMs = DurationMs(20);
const PAUSE_MOST: DurationMs = DurationMs(1_000);

/// Counts what was said about a partition, so that answers to earlier words are known as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Term(u64);

/// Where a follower's log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The next offset to fetch; all before it is as durable as the topic asks.
    pub(crate) offset: Offset,
    /// The reign of the last record, or [`LeaderEpoch::NONE`].
    pub(crate) last_epoch: LeaderEpoch,
    pub(crate) log_start: Offset,
}

/// One partition in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) key: Key,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) position: Position,
}

/// The session's part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionStep {
    /// 0 opens a session.
    pub(crate) id: i32,
    pub(crate) epoch: i32,
    /// Counts sessions: an answer of an earlier one says nothing about this one.
    pub(crate) generation: u64,
}

/// A request to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) step: SessionStep,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) forgotten: Vec<Key>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Its owner has the word.
    Busy,
    /// To be mentioned.
    Ready(Position),
    /// The leader knows where it stands.
    Asked(Position),
    /// Not asked for until then.
    Resting(Millis),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    term: Term,
    leader_epoch: LeaderEpoch,
    state: State,
    /// Errors in a row.
    errors: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Session {
    id: i32,
    next_epoch: i32,
    generation: u64,
    /// It was asked for, and the answer is not here yet.
    opening: bool,
}

/// What is followed from one leader.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    entries: HashMap<Key, Entry>,
    ready: VecDeque<Key>,
    resting: BTreeSet<(Millis, Key)>,
    /// What the leader's session holds.
    held: HashSet<Key>,
    forgotten: Vec<Key>,
    session: Session,
    next_term: u64,
}

impl Roster {
    /// Follows a partition, or follows it in another reign. Its owner is to be asked where it stands, under this term.
    pub(crate) fn follow(&mut self, key: Key, leader_epoch: LeaderEpoch) -> Term {
        self.drop_rest(key);
        let term = self.fresh_term();
        self.entries.insert(key, Entry { term, leader_epoch, state: State::Busy, errors: 0 });
        term
    }

    pub(crate) fn unfollow(&mut self, key: Key) {
        self.drop_rest(key);
        if self.entries.remove(&key).is_some() && self.held.remove(&key) {
            self.forgotten.push(key);
        }
    }

    /// Whether nothing is followed.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a request would say anything new.
    pub(crate) fn has_news(&self) -> bool {
        !self.ready.is_empty() || !self.forgotten.is_empty()
    }

    /// Whether another request can follow one that is not answered yet.
    pub(crate) fn can_go_on(&self) -> bool {
        self.session.id != 0 && !self.session.opening
    }

    /// The next request; `None` when the leader has nothing to wait with.
    pub(crate) fn plan(&mut self) -> Option<Plan> {
        if self.session.id == 0 {
            return self.open();
        }
        let mut mentions = Vec::with_capacity(self.ready.len());
        for key in std::mem::take(&mut self.ready) {
            mentions.extend(self.mention(key));
        }
        let forgotten: Vec<Key> =
            std::mem::take(&mut self.forgotten).into_iter().filter(|key| !self.held.contains(key)).collect();
        if self.held.is_empty() && forgotten.is_empty() {
            return None;
        }
        let Session { id, next_epoch, generation, .. } = self.session;
        self.session.next_epoch = next_epoch.checked_add(1).unwrap_or(1);
        Some(Plan { step: SessionStep { id, epoch: next_epoch, generation }, mentions, forgotten })
    }

    /// A session begins with everything that can be asked for.
    fn open(&mut self) -> Option<Plan> {
        if self.session.opening {
            return None;
        }
        self.forgotten.clear();
        self.ready.clear();
        let mut keys: Vec<Key> = self.entries.keys().copied().collect();
        keys.sort_unstable();
        let mentions: Vec<Mention> = keys.into_iter().filter_map(|key| self.mention(key)).collect();
        if mentions.is_empty() {
            return None;
        }
        self.session.opening = true;
        Some(Plan {
            step: SessionStep { id: 0, epoch: 0, generation: self.session.generation },
            mentions,
            forgotten: Vec::new(),
        })
    }

    fn mention(&mut self, key: Key) -> Option<Mention> {
        let entry = self.entries.get_mut(&key)?;
        let (State::Ready(position) | State::Asked(position)) = entry.state else { return None };
        entry.state = State::Asked(position);
        self.held.insert(key);
        Some(Mention { key, leader_epoch: entry.leader_epoch, position })
    }

    /// The leader took a request. `id` is the session it gave; 0: it gives none, and every request opens one again.
    pub(crate) fn on_answer(&mut self, step: SessionStep, id: i32) {
        if step.generation != self.session.generation || step.id != 0 {
            return;
        }
        self.session = Session { id, next_epoch: 1, opening: false, ..self.session };
        if id == 0 {
            self.held.clear();
        }
    }

    /// The connection ended or the session is not known any more: the next request opens another.
    pub(crate) fn lose_session(&mut self, generation: u64) {
        if generation == self.session.generation {
            self.session = Session { generation: generation + 1, ..Session::default() };
            self.held.clear();
        }
    }

    /// The generation of the session in force.
    pub(crate) fn generation(&self) -> u64 {
        self.session.generation
    }

    /// Something came for a partition that its owner must take. Gives the position that was asked for, and the term to
    /// report under; `None` when it was not asked for, or not any more.
    pub(crate) fn deliver(&mut self, key: Key) -> Option<(Term, Mention)> {
        let term = self.fresh_term();
        let entry = self.entries.get_mut(&key)?;
        let State::Asked(position) = entry.state else { return None };
        (entry.term, entry.state) = (term, State::Busy);
        Some((term, Mention { key, leader_epoch: entry.leader_epoch, position }))
    }

    /// Has the next request mention a partition again though it has not moved: it waits to be let into the ISR, and the
    /// leader may have heard it when it could not be. Not while an answer is under way, which may be about to move it.
    pub(crate) fn repeat(&mut self, key: Key) {
        if let Some(entry) = self.entries.get_mut(&key)
            && let State::Asked(position) = entry.state
        {
            entry.state = State::Ready(position);
            self.ready.push_back(key);
        }
    }

    /// Whether the leader has been told where this partition stands, and in which reign.
    pub(crate) fn asked(&self, key: Key) -> Option<LeaderEpoch> {
        self.entries.get(&key).filter(|e| matches!(e.state, State::Asked(_))).map(|e| e.leader_epoch)
    }

    /// The owner has taken what came and stands there now.
    pub(crate) fn on_position(&mut self, key: Key, term: Term, position: Position) {
        if let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.term == term) {
            entry.state = State::Ready(position);
            entry.errors = 0;
            self.ready.push_back(key);
        }
    }

    /// The owner could not, or can not yet.
    pub(crate) fn on_trouble(&mut self, key: Key, term: Term, now: Millis) {
        if self.entries.get(&key).is_some_and(|entry| entry.term == term) {
            self.rest(key, now);
        }
    }

    /// Backs off from one partition.
    pub(crate) fn rest(&mut self, key: Key, now: Millis) {
        self.drop_rest(key);
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let until = now + pause(entry.errors);
        entry.errors = entry.errors.saturating_add(1);
        self.rest_until(key, until);
    }

    /// Asks for a partition no more until then.
    pub(crate) fn rest_until(&mut self, key: Key, until: Millis) {
        self.drop_rest(key);
        let term = self.fresh_term();
        if let Some(entry) = self.entries.get_mut(&key) {
            (entry.term, entry.state) = (term, State::Resting(until));
            self.resting.insert((until, key));
        }
    }

    /// The partitions that have rested; their owners are to be asked where they stand, under these terms.
    pub(crate) fn wake(&mut self, now: Millis) -> Vec<(Key, Term)> {
        let mut woken = Vec::new();
        while let Some((until, key)) = self.resting.first().copied().filter(|(until, _)| *until <= now) {
            self.resting.remove(&(until, key));
            let term = self.fresh_term();
            if let Some(entry) = self.entries.get_mut(&key) {
                (entry.term, entry.state) = (term, State::Busy);
                woken.push((key, term));
            }
        }
        woken
    }

    /// When [`Self::wake`] has something to do.
    pub(crate) fn next_wake(&self) -> Option<Millis> {
        self.resting.first().map(|(until, _)| *until)
    }

    fn drop_rest(&mut self, key: Key) {
        if let Some(Entry { state: State::Resting(until), .. }) = self.entries.get(&key) {
            self.resting.remove(&(*until, key));
        }
    }

    fn fresh_term(&mut self) -> Term {
        self.next_term += 1;
        Term(self.next_term)
    }
}

fn pause(errors: u32) -> DurationMs {
    DurationMs(PAUSE_LEAST.0.saturating_mul(1 << errors.min(16)).min(PAUSE_MOST.0))
}

#[cfg(test)]
mod tests;
