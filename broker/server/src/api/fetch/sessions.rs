//! Fetch sessions (KIP-227): which partitions a consumer follows, so that it need not repeat them and we need not
//! repeat what has not changed. Pure: decides on values and is told the time. Holds at most as many sessions as
//! configured; a client that gets none goes on with full fetches.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use weir_model::{DurationMs, LeaderEpoch, Millis, Offset, PartitionIndex, TopicId};

/// A session that was used this recently is not evicted for a new one.
const EVICTION_AGE: DurationMs = DurationMs(120_000);
/// No topic has a longer name: one that is longer is answered, but never remembered.
const NAME_MAX: usize = 249;
/// The epoch of a request that opens a session.
const EPOCH_OPEN: i32 = 0;
/// The epoch of a request that wants no session (and closes the one it names).
const EPOCH_NONE: i32 = -1;

/// How a request names a topic. Old versions by name, new ones by id; one session never mixes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TopicKey {
    Name(Arc<str>),
    Id(TopicId),
}

impl TopicKey {
    fn can_exist(&self) -> bool {
        match self {
            Self::Name(name) => name.len() <= NAME_MAX,
            Self::Id(_) => true,
        }
    }
}

/// One partition of a session.
pub(crate) type PartitionKey = (TopicKey, PartitionIndex);

/// What a client wants of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) from: Offset,
    pub(crate) max_bytes: usize,
    pub(crate) current_leader_epoch: LeaderEpoch,
    pub(crate) last_fetched_epoch: LeaderEpoch,
}

/// What a client was last told of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) high_watermark: Offset,
    pub(crate) log_start: Offset,
}

/// The session part of a request.
#[derive(Clone, Debug)]
pub(crate) struct SessionRequest {
    pub(crate) id: i32,
    pub(crate) epoch: i32,
    pub(crate) by_id: bool,
    pub(crate) partitions: Vec<(PartitionKey, Wanted)>,
    pub(crate) forgotten: Vec<PartitionKey>,
}

/// What to fetch, and how to answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// 0 when there is no session.
    pub(crate) session_id: i32,
    /// An incremental answer leaves out what has not changed.
    pub(crate) incremental: bool,
    pub(crate) partitions: Vec<(PartitionKey, Wanted)>,
}

/// Why a session request can not be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionError {
    NotFound,
    InvalidEpoch,
    TopicIdMismatch,
}

#[derive(Debug)]
struct Cached {
    wanted: Wanted,
    told: Option<Told>,
    order: u64,
}

#[derive(Debug)]
struct FetchSession {
    by_id: bool,
    next_epoch: i32,
    last_used: Millis,
    partitions: HashMap<PartitionKey, Cached>,
    order: BTreeMap<u64, PartitionKey>,
    next_order: u64,
}

/// All sessions of a broker.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    slots: usize,
    partitions_max: usize,
    sessions: HashMap<i32, FetchSession>,
}

impl FetchSessions {
    /// `slots` sessions at most, with `partitions_max` partitions at most in all of them.
    pub(crate) fn new(slots: usize, partitions_max: usize) -> Self {
        Self { slots, partitions_max, sessions: HashMap::new() }
    }

    /// Decides what a request fetches. `fresh_id` gives a random number, where a session is opened.
    pub(crate) fn plan(
        &mut self,
        request: SessionRequest,
        fresh_id: impl FnOnce() -> i32,
        now: Millis,
    ) -> Result<Plan, SessionError> {
        match request.epoch {
            EPOCH_NONE | EPOCH_OPEN => {
                self.sessions.remove(&request.id);
                let session_id = match request.epoch {
                    EPOCH_OPEN => self.open(&request, fresh_id(), now),
                    _ => 0,
                };
                Ok(Plan { session_id, incremental: false, partitions: request.partitions })
            }
            _ => self.resume(request, now),
        }
    }

    /// Whether an answer for this partition says anything new; remembers what it says. Partitions that had data go
    /// to the back of the next fetch, so that a busy one can not starve the others.
    pub(crate) fn tell(&mut self, session_id: i32, key: &PartitionKey, told: Told, has_data: bool) -> bool {
        let Some(session) = self.sessions.get_mut(&session_id) else { return true };
        let Some(cached) = session.partitions.get_mut(key) else { return true };
        let news = cached.told != Some(told);
        cached.told = Some(told);
        if has_data {
            session.order.remove(&cached.order);
            cached.order = session.next_order;
            session.order.insert(cached.order, key.clone());
            session.next_order += 1;
        }
        news || has_data
    }

    /// After an error the client is told all again.
    pub(crate) fn forget_told(&mut self, session_id: i32, key: &PartitionKey) {
        if let Some(cached) = self.sessions.get_mut(&session_id).and_then(|s| s.partitions.get_mut(key)) {
            cached.told = None;
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.sessions.len()
    }

    fn open(&mut self, request: &SessionRequest, fresh_id: i32, now: Millis) -> i32 {
        let id = fresh_id.checked_abs().unwrap_or(1).max(1);
        let known = request.partitions.iter().all(|((topic, _), _)| topic.can_exist());
        let fits = known && self.cached() + request.partitions.len() <= self.partitions_max;
        if request.partitions.is_empty() || !fits || self.sessions.contains_key(&id) || !self.make_room(now) {
            return 0;
        }
        let mut session = FetchSession {
            by_id: request.by_id,
            next_epoch: 1,
            last_used: now,
            partitions: HashMap::new(),
            order: BTreeMap::new(),
            next_order: 0,
        };
        for (key, wanted) in &request.partitions {
            session.follow(key.clone(), *wanted);
        }
        self.sessions.insert(id, session);
        id
    }

    fn make_room(&mut self, now: Millis) -> bool {
        if self.sessions.len() < self.slots {
            return true;
        }
        let oldest = self.sessions.iter().min_by_key(|(_, session)| session.last_used);
        match oldest.map(|(id, session)| (*id, now.since(session.last_used))) {
            Some((id, age)) if age >= EVICTION_AGE => self.sessions.remove(&id).is_some(),
            _ => false,
        }
    }

    fn resume(&mut self, request: SessionRequest, now: Millis) -> Result<Plan, SessionError> {
        let session = self.sessions.get_mut(&request.id).ok_or(SessionError::NotFound)?;
        if session.next_epoch != request.epoch {
            return Err(SessionError::InvalidEpoch);
        }
        let mentions = !request.partitions.is_empty() || !request.forgotten.is_empty();
        if mentions && session.by_id != request.by_id {
            return Err(SessionError::TopicIdMismatch);
        }
        for key in &request.forgotten {
            session.unfollow(key);
        }
        let known = request.partitions.iter().all(|((topic, _), _)| topic.can_exist());
        let had = session.partitions.len();
        for (key, wanted) in request.partitions {
            session.follow(key, wanted);
        }
        let grown = session.partitions.len() > had;
        session.last_used = now;
        session.next_epoch = session.next_epoch.checked_add(1).unwrap_or(1);
        let partitions = session.in_order();
        // All sessions are looked at only where there is more in them than before: a consumer that reads on pays for its own.
        if !known || (grown && self.cached() > self.partitions_max) {
            self.sessions.remove(&request.id);
            return Err(SessionError::NotFound);
        }
        Ok(Plan { session_id: request.id, incremental: true, partitions })
    }

    /// Partitions that all sessions remember together.
    fn cached(&self) -> usize {
        self.sessions.values().map(|session| session.partitions.len()).sum()
    }
}

impl FetchSession {
    fn follow(&mut self, key: PartitionKey, wanted: Wanted) {
        if let Some(cached) = self.partitions.get_mut(&key) {
            cached.wanted = wanted;
            return;
        }
        self.order.insert(self.next_order, key.clone());
        self.partitions.insert(key, Cached { wanted, told: None, order: self.next_order });
        self.next_order += 1;
    }

    fn unfollow(&mut self, key: &PartitionKey) {
        if let Some(cached) = self.partitions.remove(key) {
            self.order.remove(&cached.order);
        }
    }

    fn in_order(&self) -> Vec<(PartitionKey, Wanted)> {
        self.order.values().filter_map(|key| Some((key.clone(), self.partitions.get(key)?.wanted))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, partition: i32) -> PartitionKey {
        (TopicKey::Name(name.into()), PartitionIndex(partition))
    }

    fn wanted(from: i64) -> Wanted {
        let epoch = LeaderEpoch::NONE;
        Wanted { from: Offset(from), max_bytes: 100, current_leader_epoch: epoch, last_fetched_epoch: epoch }
    }

    fn request(id: i32, epoch: i32, partitions: &[i32]) -> SessionRequest {
        let partitions = partitions.iter().map(|p| (key("t", *p), wanted(0))).collect();
        SessionRequest { id, epoch, by_id: false, partitions, forgotten: vec![] }
    }

    fn told(high_watermark: i64) -> Told {
        Told { high_watermark: Offset(high_watermark), log_start: Offset::ZERO }
    }

    fn numbers(plan: &Plan) -> Vec<i32> {
        plan.partitions.iter().map(|((_, p), _)| p.0).collect()
    }

    #[test]
    fn a_session_remembers_partitions_until_they_are_forgotten() {
        let mut sessions = FetchSessions::new(2, 100);
        let opened = sessions.plan(request(0, 0, &[0, 1]), || 7, Millis(0)).unwrap();
        assert_eq!((opened.session_id, opened.incremental), (7, false));
        let next = sessions.plan(request(7, 1, &[2]), || 0, Millis(1)).unwrap();
        assert_eq!((numbers(&next), next.incremental), (vec![0, 1, 2], true));
        let forgetting = SessionRequest { forgotten: vec![key("t", 0)], ..request(7, 2, &[]) };
        assert_eq!(numbers(&sessions.plan(forgetting, || 0, Millis(2)).unwrap()), [1, 2]);
    }

    #[test]
    fn wrong_ids_and_epochs_are_told_apart() {
        let mut sessions = FetchSessions::new(2, 100);
        sessions.plan(request(0, 0, &[0]), || 7, Millis(0)).unwrap();
        assert_eq!(sessions.plan(request(8, 1, &[]), || 0, Millis(0)), Err(SessionError::NotFound));
        assert_eq!(sessions.plan(request(7, 2, &[]), || 0, Millis(0)), Err(SessionError::InvalidEpoch));
        let by_id = SessionRequest { by_id: true, ..request(7, 1, &[1]) };
        assert_eq!(sessions.plan(by_id, || 0, Millis(0)), Err(SessionError::TopicIdMismatch));
        assert!(sessions.plan(request(7, 1, &[]), || 0, Millis(0)).is_ok());
    }

    #[test]
    fn a_final_epoch_closes_the_session_and_fetches_without_one() {
        let mut sessions = FetchSessions::new(2, 100);
        sessions.plan(request(0, 0, &[0]), || 7, Millis(0)).unwrap();
        let last = sessions.plan(request(7, -1, &[3]), || 0, Millis(0)).unwrap();
        assert_eq!((last.session_id, numbers(&last), sessions.len()), (0, vec![3], 0));
    }

    #[test]
    fn only_what_changed_is_told_and_busy_partitions_go_last() {
        let mut sessions = FetchSessions::new(2, 100);
        sessions.plan(request(0, 0, &[0, 1]), || 7, Millis(0)).unwrap();
        assert!(sessions.tell(7, &key("t", 0), told(5), false));
        assert!(!sessions.tell(7, &key("t", 0), told(5), false));
        assert!(sessions.tell(7, &key("t", 0), told(5), true));
        assert!(sessions.tell(7, &key("t", 0), told(6), false));
        assert_eq!(numbers(&sessions.plan(request(7, 1, &[]), || 0, Millis(0)).unwrap()), [1, 0]);
        sessions.forget_told(7, &key("t", 0));
        assert!(sessions.tell(7, &key("t", 0), told(6), false));
    }

    #[test]
    fn a_full_cache_evicts_only_what_was_long_unused() {
        let mut sessions = FetchSessions::new(1, 100);
        sessions.plan(request(0, 0, &[0]), || 7, Millis(0)).unwrap();
        assert_eq!(sessions.plan(request(0, 0, &[0]), || 8, Millis(119_999)).unwrap().session_id, 0);
        assert_eq!(sessions.plan(request(0, 0, &[0]), || 8, Millis(120_000)).unwrap().session_id, 8);
        assert_eq!(sessions.len(), 1);
    }

    #[test]
    fn partitions_are_bounded_over_all_sessions() {
        let mut sessions = FetchSessions::new(9, 3);
        assert_eq!(sessions.plan(request(0, 0, &[0, 1]), || 7, Millis(0)).unwrap().session_id, 7);
        assert_eq!(sessions.plan(request(0, 0, &[0, 1]), || 8, Millis(0)).unwrap().session_id, 0);
        assert_eq!(sessions.plan(request(7, 1, &[2, 3]), || 0, Millis(0)), Err(SessionError::NotFound));
    }

    #[test]
    fn names_that_no_topic_can_have_are_not_remembered() {
        let long = |id, epoch| {
            let partitions = vec![(key(&"n".repeat(250), 0), wanted(0))];
            SessionRequest { partitions, ..request(id, epoch, &[]) }
        };
        let mut sessions = FetchSessions::new(9, 99);
        let answered = sessions.plan(long(0, 0), || 7, Millis(0)).unwrap();
        assert_eq!((answered.session_id, answered.partitions.len()), (0, 1));
        sessions.plan(request(0, 0, &[0]), || 7, Millis(0)).unwrap();
        assert_eq!(sessions.plan(long(7, 1), || 0, Millis(0)), Err(SessionError::NotFound));
        assert_eq!(sessions.sessions.len(), 0);
    }

    #[test]
    fn random_ids_of_any_sign_give_positive_sessions() {
        let mut sessions = FetchSessions::new(9, 99);
        for (fresh, id) in [(-5, 5), (i32::MIN, 1), (0, 0)] {
            let opened = sessions.plan(request(0, 0, &[0]), || fresh, Millis(0)).unwrap().session_id;
            assert!(opened == id || (fresh == 0 && opened == 0), "{fresh} gave {opened}");
        }
    }
}
