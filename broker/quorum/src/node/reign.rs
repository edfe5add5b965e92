//! Whether this node is the controller. It is from when a majority has confirmed it and everything before its reign is
//! applied, until it hears of another leader or has not heard a majority for an election timeout. A reign that comes
//! back is a new one.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openraft::ServerState;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::config::QuorumConfig;
use crate::types::{NodeId, PeerAddress, Raft, Term, Vote};
use crate::work::Done;

pub(super) type Metrics = openraft::RaftMetrics<NodeId, PeerAddress>;

/// How often a full disk is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Time between two attempts to be confirmed.
const CONFIRM_AGAIN: Duration = Duration::from_millis(10);

/// One uninterrupted time as controller. Grows within one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reign(pub u64);

/// Who leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The leader, as far as this node knows; none when it knows that it lost its own followers.
    pub leader: Option<NodeId>,
    /// The latest term it heard of.
    pub term: Term,
    /// This node is the controller: it may decide. Everything that was committed before is in the latest image.
    pub reign: Option<Reign>,
    /// Who votes.
    pub voters: BTreeSet<NodeId>,
    /// The node has stopped for good, and why: its disk failed, or the log holds what it can not apply.
    pub failed: Option<String>,
}

impl State {
    /// This node may decide.
    #[must_use]
    pub const fn am_controller(&self) -> bool {
        self.reign.is_some()
    }
}

type Confirming = Pin<Box<dyn Future<Output = bool> + Send>>;

struct Watcher {
    raft: Raft,
    contact: Duration,
    snapshot_bytes: u64,
    log_bytes: Box<dyn Fn() -> u64 + Send>,
    low: Arc<AtomicBool>,
    retake: Box<dyn Fn() -> Done + Send>,
    looked: Instant,
    state: watch::Sender<State>,
    reigns: u64,
    /// The vote of the reign that is, or is being confirmed.
    vote: Option<Vote>,
}

/// Follows the library's view of things, until the node stops.
pub(super) fn watch(
    config: &QuorumConfig,
    raft: &Raft,
    log_bytes: Box<dyn Fn() -> u64 + Send>,
    low: Arc<AtomicBool>,
    retake: Box<dyn Fn() -> Done + Send>,
) -> watch::Receiver<State> {
    let (state, watched) = watch::channel(State::default());
    let watcher = Watcher {
        raft: raft.clone(),
        contact: config.timings.election,
        snapshot_bytes: config.snapshot_bytes,
        log_bytes,
        low,
        retake,
        looked: Instant::now(),
        state,
        reigns: 0,
        vote: None,
    };
    tokio::spawn(watcher.run());
    watched
}

impl Watcher {
    async fn run(mut self) {
        let mut metrics = self.raft.metrics();
        let mut confirming: Option<Confirming> = None;
        loop {
            let seen = metrics.borrow_and_update().clone();
            if self.follow(&seen) {
                confirming = None;
            }
            if seen.running_state.is_err() {
                return;
            }
            if self.vote.is_some() && self.state.borrow().reign.is_none() && confirming.is_none() {
                confirming = Some(confirm(self.raft.clone()));
            }
            self.look_after_the_disk(&seen).await;
            tokio::select! {
                biased;
                changed = metrics.changed() => if changed.is_err() {
                    return;
                },
                confirmed = wait_for(&mut confirming) => {
                    confirming = None;
                    if confirmed {
                        self.begin_reign();
                    }
                }
            }
        }
    }

    /// Takes in the library's view; true when a confirmation under way is of no use any more.
    fn follow(&mut self, seen: &Metrics) -> bool {
        let leads = seen.state == ServerState::Leader && seen.running_state.is_ok();
        let vote = (leads && hears_majority(seen, self.contact)).then_some(seen.vote);
        let lost = self.vote.is_some() && self.vote != vote;
        self.vote = vote;
        let isolated = leads && vote.is_none();
        let failed = match &seen.running_state {
            Err(openraft::error::Fatal::Stopped) | Ok(()) => None,
            Err(why) => Some(why.to_string()),
        };
        self.state.send_if_modified(|state| {
            let next = State {
                leader: seen.current_leader.filter(|_| !isolated && seen.running_state.is_ok()),
                term: Term(seen.current_term),
                reign: state.reign.filter(|_| !lost && vote.is_some()),
                voters: seen.membership_config.voter_ids().collect(),
                failed,
            };
            if state.reign.is_some() && next.reign.is_none() {
                info!(term = next.term.0, "no longer the controller");
            }
            if let Some(why) = &next.failed
                && state.failed.is_none()
            {
                error!(error = %why, "the quorum's node has failed");
            }
            let changed = *state != next;
            *state = next;
            changed
        });
        lost
    }

    fn begin_reign(&mut self) {
        self.reigns += 1;
        let reign = Reign(self.reigns);
        self.state.send_modify(|state| state.reign = Some(reign));
        info!(term = self.state.borrow().term.0, "this broker is the controller");
    }

    async fn look_after_the_disk(&mut self, seen: &Metrics) {
        let unsnapped = seen.last_applied > seen.snapshot;
        if self.looked.elapsed() < LOOK_AGAIN {
            return;
        }
        self.looked = Instant::now();
        if self.low.load(Ordering::SeqCst) {
            (self.retake)().await;
        }
        if unsnapped
            && (self.log_bytes)() > self.snapshot_bytes
            && let Err(why) = self.raft.trigger().snapshot().await
        {
            warn!(error = %why, "no snapshot was taken");
        }
    }
}

/// Of a leader: a majority, with this node, has answered lately.
pub(super) fn hears_majority(seen: &Metrics, within: Duration) -> bool {
    let alone = seen.membership_config.voter_ids().all(|voter| voter == seen.id);
    let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    alone || seen.millis_since_quorum_ack.is_some_and(|millis| millis <= within)
}

/// A majority says that this is the leader, and everything up to the beginning of its term is applied. Who could not be
/// confirmed rests for a moment: the next attempt may fail as quickly, such as that of a leader that keeps silent.
fn confirm(raft: Raft) -> Confirming {
    Box::pin(async move {
        let confirmed = raft.ensure_linearizable().await.is_ok();
        if !confirmed {
            tokio::time::sleep(CONFIRM_AGAIN).await;
        }
        confirmed
    })
}

async fn wait_for(confirming: &mut Option<Confirming>) -> bool {
    match confirming {
        Some(confirming) => confirming.await,
        None => std::future::pending().await,
    }
}
