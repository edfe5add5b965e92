//! When a voter stands for election. The library would, as soon as it looks at its clock after a pause of the process or
//! a slow sync, with the leader's messages still unread; and it would again and again on a broker that is cut off,
//! deposing the leader with the terms it counted when it comes back. So this decides instead: silence is counted in
//! steps that were really lived through, and whoever wants to stand asks first whether a majority hears no leader
//! either. Nobody's term grows for asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::ServerState;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, info};

use super::reign::{Metrics, hears_majority};
use crate::config::{QuorumConfig, scatter};
use crate::network::Lines;
use crate::types::{LogId, Membership, NodeId, Raft};

/// What was heard of leaders and candidates.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Messages of leaders.
    beats: AtomicU64,
    /// Votes that were given.
    votes: AtomicU64,
    /// Steps since the last beat.
    silent: AtomicU64,
}

impl Pulse {
    /// A leader sent something.
    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
        self.silent.store(0, Ordering::Relaxed);
    }

    /// Somebody got this node's vote, and some time to make something of it.
    pub(super) fn voted(&self) {
        self.votes.fetch_add(1, Ordering::Relaxed);
    }

    fn seen(&self) -> (u64, u64) {
        (self.beats.load(Ordering::Relaxed), self.votes.load(Ordering::Relaxed))
    }
}

/// What another voter says about its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hearing {
    /// It hears one.
    pub(crate) leader: bool,
    /// Its last entry.
    pub(crate) last: Option<LogId>,
}

/// Counts and decides.
pub(super) struct Timer {
    raft: Raft,
    lines: Lines,
    pulse: Arc<Pulse>,
    step: Duration,
    election: Duration,
    answer_within: Duration,
    chance: u64,
    silence: Silence,
}

impl Timer {
    pub(super) fn new(config: &QuorumConfig, raft: &Raft, lines: &Lines, pulse: &Arc<Pulse>) -> Self {
        Self {
            raft: raft.clone(),
            lines: lines.clone(),
            pulse: Arc::clone(pulse),
            step: config.timings.heartbeat / 2,
            election: config.timings.election,
            // As long as a vote may take. Who is dead refuses at once.
            answer_within: config.timings.election,
            chance: config.seed,
            silence: Silence::new(steps(config.timings.election, config.timings.heartbeat / 2)),
        }
    }

    /// Runs until the node stops.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let (mut seen, mut waited, mut patience) = (self.pulse.seen(), 0, self.draw());
        loop {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(self.step) => {}
            }
            let metrics = self.raft.metrics().borrow().clone();
            if metrics.running_state.is_err() {
                return;
            }
            let now = self.pulse.seen();
            // A leader that nobody answers is no reason for the others not to find another one.
            let leads = metrics.state == ServerState::Leader;
            let heard = hears_majority(&metrics, self.election);
            if leads && heard {
                self.pulse.beat();
            }
            let silent = self.silence.step(leads && !heard);
            if self.lines.silent.swap(silent, Ordering::Relaxed) != silent && silent {
                info!(
                    term = metrics.current_term,
                    "nobody answers this leader: it is silent, so that others find another"
                );
            }
            self.pulse.silent.fetch_add(1, Ordering::Relaxed);
            waited = if now == seen && metrics.state != ServerState::Leader { waited + 1 } else { 0 };
            seen = now;
            let alone = votes(&metrics) && metrics.membership_config.voter_ids().count() == 1;
            if waited < patience && !(alone && waited > 0) || !votes(&metrics) {
                continue;
            }
            (waited, patience) = (0, self.draw());
            if self.nobody_hears(&metrics).await {
                info!(term = metrics.current_term, "no leader is heard: standing for election");
                let _ = self.raft.trigger().elect().await;
            }
        }
    }

    /// Steps of silence before standing: one to two election timeouts, drawn anew each time.
    fn draw(&mut self) -> u64 {
        self.chance = scatter(self.chance);
        let steps = steps(self.election, self.step);
        steps + self.chance % (steps + 1)
    }

    /// A majority, with this node, hears no leader and has no entries that this node has not.
    async fn nobody_hears(&self, metrics: &Metrics) -> bool {
        let members = metrics.membership_config.membership();
        let mine = self.raft.data_metrics().borrow().last_log;
        let mut asked = JoinSet::new();
        for voter in members.voter_ids().filter(|voter| *voter != metrics.id) {
            let Some(address) = members.get_node(&voter) else { continue };
            let line = self.lines.line(voter, address);
            let limit = self.answer_within;
            asked.spawn(async move {
                let hearing = tokio::time::timeout(limit, line.hearing()).await;
                (voter, hearing.ok().and_then(Result::ok))
            });
        }
        let mut agreeing = vec![metrics.id];
        while !is_majority(members, &agreeing) {
            let Some(answer) = asked.join_next().await else { return false };
            let Ok((voter, Some(hearing))) = answer else { continue };
            debug!(%voter, ?hearing, "asked about the leader");
            if !hearing.leader && hearing.last <= mine {
                agreeing.push(voter);
            }
        }
        true
    }
}

/// When a leader that hears no majority says nothing either. What it sends may arrive: as long as it does the others wait,
/// and nobody can decide. So it is silent for longer than they wait, and then shows itself for as long as an answer takes, in
/// case they could not find another one.
#[derive(Clone, Copy, Debug)]
struct Silence {
    election: u64,
    unheard: u64,
}

impl Silence {
    const fn new(election: u64) -> Self {
        Self { election, unheard: 0 }
    }

    /// One step on; whether to be silent in it.
    const fn step(&mut self, unheard: bool) -> bool {
        self.unheard = if unheard { self.unheard + 1 } else { 0 };
        // Voters stand after one to two election timeouts, and may need a second go.
        let (speaks, waits) = (self.election + 1, self.election * 5);
        unheard && self.unheard % (speaks + waits) >= speaks
    }
}

/// Whether this node heard a leader within an election timeout, for others who ask.
pub(super) fn hears_leader(pulse: &Pulse, config: &QuorumConfig) -> bool {
    let step = config.timings.heartbeat / 2;
    pulse.silent.load(Ordering::Relaxed) < steps(config.timings.election, step)
}

fn steps(span: Duration, step: Duration) -> u64 {
    u64::try_from(span.as_nanos() / step.as_nanos().max(1)).unwrap_or(u64::MAX)
}

fn votes(metrics: &Metrics) -> bool {
    metrics.membership_config.voter_ids().any(|voter| voter == metrics.id)
}

/// Of every set of voters, while one replaces another.
fn is_majority(members: &Membership, agreeing: &[NodeId]) -> bool {
    let sets = members.get_joint_config();
    !sets.is_empty()
        && sets.iter().all(|set| set.iter().filter(|voter| agreeing.contains(voter)).count() * 2 > set.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_that_hears_nobody_is_silent_for_longer_than_others_wait_and_shows_itself_in_between() {
        let mut silence = Silence::new(10);
        assert!((0..100).all(|_| !silence.step(false)), "a leader that is answered speaks");
        let said: Vec<bool> = (0..132).map(|_| silence.step(true)).collect();
        let longest = said.chunk_by(|a, b| a == b).filter(|run| run[0]).map(<[bool]>::len).max();
        assert!(longest >= Some(40), "{longest:?}: twice the longest wait of a voter");
        assert!(!said[..10].contains(&true), "at first it waits for answers that are late");
        assert!(said[20..].iter().filter(|silent| !**silent).count() >= 11, "it shows itself again");
        assert!(!silence.step(false), "who is heard again speaks at once");
    }
}
