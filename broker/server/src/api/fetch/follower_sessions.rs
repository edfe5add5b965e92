//! Which replicas have sessions here. Bounded: each broker has a few, the oldest gives way to a new one. A session belongs
//! to the request that is being answered, and goes with it when its connection ends.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use weir_model::BrokerId;
use weir_wire::ErrorCode;

use super::follower_session::FollowerSession;
use crate::replication::watch::FollowerWatch;

/// Sessions of one replica: its fetchers, and those it had before it came back.
const SESSIONS_MAX: usize = 4;
/// The epoch of a request that opens a session.
const EPOCH_OPEN: i32 = 0;
/// The epoch of a request that wants no session.
const EPOCH_NONE: i32 = -1;

/// One session.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) id: i32,
    pub(super) watch: Arc<FollowerWatch>,
    /// The epoch of its next request, and its content unless a request is being answered.
    content: Mutex<(i32, Option<FollowerSession>)>,
}

impl Held {
    fn new(id: i32) -> Arc<Self> {
        let content = Mutex::new((EPOCH_OPEN, Some(FollowerSession::default())));
        Arc::new(Self { id, watch: Arc::default(), content })
    }

    /// The content, for the request of this epoch; `None` when it is not this request's turn.
    pub(super) fn take(&self, epoch: i32) -> Option<FollowerSession> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        if content.0 != epoch.max(EPOCH_OPEN) {
            return None;
        }
        let session = content.1.take()?;
        content.0 = epoch.checked_add(1).map_or(1, |next| next.max(1));
        Some(session)
    }

    /// The request is answered.
    pub(super) fn put(&self, session: FollowerSession) {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(session);
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct FollowerSessions {
    by_replica: Mutex<HashMap<BrokerId, VecDeque<Arc<Held>>>>,
}

impl FollowerSessions {
    /// The session that a request belongs to. One that is parked in it gives way. `fresh_id` gives a random
    /// number, where one is opened.
    pub(super) fn enter(
        &self,
        replica: BrokerId,
        id: i32,
        epoch: i32,
        fresh_id: impl FnOnce() -> i32,
    ) -> Result<Arc<Held>, ErrorCode> {
        let mut all = self.by_replica.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = all.entry(replica).or_default();
        if matches!(epoch, EPOCH_OPEN | EPOCH_NONE) {
            sessions.retain(|held| held.id != id);
            let opened = Held::new(if epoch == EPOCH_OPEN { positive(fresh_id()) } else { 0 });
            if epoch == EPOCH_OPEN {
                sessions.push_back(Arc::clone(&opened));
                if sessions.len() > SESSIONS_MAX {
                    sessions.pop_front();
                }
            }
            opened.watch.supersede(epoch);
            return Ok(opened);
        }
        let held = sessions.iter().find(|held| held.id == id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        held.watch.supersede(epoch);
        Ok(Arc::clone(held))
    }

    /// A replica's session can not be gone on with.
    pub(super) fn close(&self, replica: BrokerId, id: i32) {
        let mut all = self.by_replica.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sessions) = all.get_mut(&replica) {
            sessions.retain(|held| held.id != id);
        }
    }
}

fn positive(random: i32) -> i32 {
    random.checked_abs().unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLICA: BrokerId = BrokerId(2);

    #[test]
    fn requests_of_a_session_are_answered_in_their_order() {
        let sessions = FollowerSessions::default();
        let held = sessions.enter(REPLICA, 0, 0, || 7).unwrap();
        let content = held.take(0).unwrap();
        assert!(
            sessions.enter(REPLICA, 7, 1, || 0).unwrap().take(1).is_none(),
            "the first is not answered yet"
        );
        assert!(held.watch.is_superseded(0));
        held.put(content);
        assert!(held.take(2).is_none());
        held.put(held.take(1).unwrap());
        assert!(held.take(1).is_none(), "each epoch is used once");
        assert!(held.take(2).is_some());
    }

    #[test]
    fn the_oldest_session_of_a_replica_gives_way_and_others_are_not_touched() {
        let sessions = FollowerSessions::default();
        sessions.enter(BrokerId(1), 0, 0, || 1).unwrap();
        for id in 1..=5 {
            sessions.enter(REPLICA, 0, 0, || id).unwrap();
        }
        assert_eq!(sessions.enter(REPLICA, 1, 1, || 0).unwrap_err(), ErrorCode::FetchSessionIdNotFound);
        assert!(
            sessions.enter(REPLICA, 5, 1, || 0).is_ok() && sessions.enter(BrokerId(1), 1, 1, || 0).is_ok()
        );
        sessions.close(REPLICA, 5);
        assert!(sessions.enter(REPLICA, 5, 2, || 0).is_err());
    }

    #[test]
    fn a_fetch_without_a_session_leaves_none() {
        let sessions = FollowerSessions::default();
        let held = sessions.enter(REPLICA, 0, -1, || 7).unwrap();
        assert_eq!(held.id, 0);
        assert!(held.take(-1).is_some());
        assert!(sessions.enter(REPLICA, 7, 1, || 0).is_err());
    }
}
