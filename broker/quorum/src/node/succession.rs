//! A leader that is gone, or is about to be. Voters that heard a leader lately do not vote for another one: each has to
//! stand itself, once, to stop waiting. Among those that stand in the same term the greatest node wins, so that
//! standing together does not end in a tie.

use std::time::Duration;

use openraft::ServerState;
use tracing::debug;

use super::Quorum;
use crate::codec::Stand;
use crate::config::scatter;
use crate::types::{NodeId, PeerAddress, Term};

/// How often a voter stands before it waits for its timeout as usual.
const MOST_TRIES: u64 = 5;
/// How long the first try is given: longer than two syncs and a round trip take. Each one after is given twice as long, for
/// on a busy machine they take longer, and who stands again meanwhile keeps the others from winning, and itself.
const FIRST_TRY_MS: u64 = 40;

/// Who should follow.
pub(super) struct Succession {
    term: Term,
    /// In the order in which they are told; the last one should win.
    voters: Vec<(NodeId, PeerAddress)>,
}

impl Quorum {
    /// The leader is known to be dead: its broker refuses connections. Stands for election at once, if this node votes
    /// and no later leader is known; gives up after a few tries. Every voter should do this, and nobody whose leader
    /// may be alive: it would be deposed.
    pub async fn elect_now(&self) {
        let term = self.inner.state.borrow().term;
        self.stand_until_led(term).await;
    }

    /// The leader of that term has left.
    pub(super) async fn stand(&self, stand: Stand) {
        if self.raft().metrics().borrow().current_term > stand.term.0 {
            return;
        }
        if stand.successor {
            let (node, term) = (self.clone(), stand.term);
            tokio::spawn(async move {
                // Greater nodes have stood in the next term already, so this one wins only in the one after.
                let members = node.members();
                if members.voters.iter().any(|voter| *voter > node.me()) {
                    node.stand_once().await;
                }
                node.stand_until_led(term).await;
            });
        } else {
            self.stand_once().await;
        }
    }

    async fn stand_once(&self) {
        // The second call is answered when the first was carried out.
        if self.raft().trigger().elect().await.is_ok() {
            let _ = self.raft().with_raft_state(|_| ()).await;
        }
    }

    async fn stand_until_led(&self, ended: Term) {
        let mut stopping = self.inner.stopping.subscribe();
        for attempt in 0..MOST_TRIES {
            let seen = self.raft().metrics().borrow().clone();
            let votes = seen.membership_config.voter_ids().any(|voter| voter == seen.id);
            let led = seen.current_term > ended.0 && seen.current_leader.is_some();
            if !votes || led || seen.state == ServerState::Leader || seen.running_state.is_err() {
                return;
            }
            debug!(attempt, "standing for election");
            self.stand_once().await;
            let wait = self.raft().wait(Some(patience(self.config().seed, attempt)));
            let elected = wait.metrics(
                |seen| seen.current_term > ended.0 && seen.current_leader.is_some(),
                "a leader after the one that is gone",
            );
            tokio::select! {
                elected = elected => if elected.is_ok() {
                    return;
                },
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    /// Whom this leader should tell that it leaves.
    pub(super) fn succession(&self) -> Option<Succession> {
        let seen = self.raft().metrics().borrow().clone();
        let matched = seen.replication.as_ref().filter(|_| seen.state == ServerState::Leader)?;
        let behind = |node: &NodeId| {
            let matched = matched.get(node).copied().flatten().map(|id| id.index);
            matched != seen.last_log_index
        };
        let members = seen.membership_config.membership();
        let others = members.voter_ids().filter(|voter| *voter != seen.id);
        let mut voters: Vec<_> =
            others.filter_map(|voter| members.get_node(&voter).map(|at| (voter, at.clone()))).collect();
        // Those who are behind can not win; of the others the greatest does.
        voters.sort_by_key(|(voter, _)| (!behind(voter), *voter));
        Some(Succession { term: Term(seen.current_term), voters })
    }

    /// Tells them, each in turn; waits no longer than a heartbeat for an answer.
    pub(super) async fn hand_over(&self, succession: Succession) {
        let Succession { term, voters } = succession;
        let last = voters.len().saturating_sub(1);
        for (at, (voter, address)) in voters.iter().enumerate() {
            let line = self.inner.lines.line(*voter, address);
            let stand = Stand { term, successor: at == last };
            let told = tokio::time::timeout(self.config().timings.heartbeat, line.stand(stand)).await;
            debug!(%voter, ?told, "handing the leadership over");
        }
    }
}

/// How long a try is given. Apart from that of others, whose seeds are others.
fn patience(seed: u64, attempt: u64) -> Duration {
    let least = FIRST_TRY_MS << attempt.min(MOST_TRIES);
    Duration::from_millis(least + scatter(seed ^ attempt) % least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_is_given_longer_than_the_one_before_and_not_the_same_as_another_voters() {
        let all =
            |seed| -> Vec<Duration> { (0..MOST_TRIES).map(|attempt| patience(seed, attempt)).collect() };
        for seed in 0..100 {
            let (mine, others) = (all(seed), all(seed + 1));
            assert!(mine.is_sorted() && mine[0] < Duration::from_millis(80), "{mine:?}");
            assert!(mine.iter().zip(&others).any(|(mine, others)| mine.abs_diff(*others).as_millis() > 40));
            assert!(mine.iter().sum::<Duration>() < Duration::from_secs(3));
        }
    }
}
