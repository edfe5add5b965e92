//! One cluster's worker: gathers what changed for a moment, decides once for all Topics, sends and writes what follows, and
//! waits for the next change. Nothing is polled: Topics are watched, and so are the brokers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{debug, warn};
use weir_operator_api::condition;
use weir_operator_plan::topics::{
    self, Batch, Declaration, MovesAllowed, Refused, TopicsOnBrokers, TopicsSnapshot,
};

use super::{Bell, send, snapshot, write};
use crate::brokers::{Session, View};
use crate::cluster::Context;
use crate::error::{self, Error};
use crate::key::ClusterKey;

/// How long changes are gathered: a thousand Topics that are applied together are one batch or few.
const DEBOUNCE: Duration = Duration::from_millis(30);
/// After so long without a change the next one is acted on at once: who changes one Topic is not made to wait for others.
const CALM: Duration = Duration::from_millis(200);
/// How long brokers may be out of reach before Topics tell of it.
const GRACE: Duration = Duration::from_secs(15);
/// How long the brokers' word on what was just changed is waited for.
const ECHO_MAX: Duration = Duration::from_secs(2);

/// The worker.
pub(super) struct Worker {
    context: Arc<Context>,
    key: ClusterKey,
    bell: Arc<Bell>,
    /// What the brokers refused, by the uid of the Topic.
    refused: BTreeMap<String, Refused>,
    /// Passes in a row that left something to try again.
    retries: u32,
    /// Whether the last pass was for a change that came alone.
    alone: bool,
}

/// What a pass leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Nothing until something changes.
    Nothing,
    /// The brokers were changed and will say so.
    Echo,
    /// Something was refused and has to be written down.
    News,
    /// Something to try again.
    Retry,
    /// The brokers are out of reach, but not for long yet.
    Unheard,
    /// No Topics.
    NoTopics,
}

impl Worker {
    pub(super) fn new(context: Arc<Context>, key: ClusterKey, bell: Arc<Bell>) -> Self {
        Self { context, key, bell, refused: BTreeMap::new(), retries: 0, alone: false }
    }

    /// Works until there is no Topic.
    pub(super) async fn work(&mut self) {
        loop {
            let session = self.session();
            self.bell.lacks_cluster.store(session.is_none(), Ordering::Relaxed);
            // Before the pass: what changes during it is not missed.
            let changes = session.as_ref().map(|session| session.topics_changed());
            let began = Instant::now();
            let passed = self.pass(session.as_deref()).await;
            let failure = passed.as_ref().err().map(Error::kind);
            self.context.metrics.reconciled("Topics", &self.key, began.elapsed(), failure);
            let left = passed.unwrap_or_else(|error| {
                warn!(cluster = %self.key, %error, "a pass over the topics has failed");
                Left::Retry
            });
            self.retries = match left {
                Left::Retry | Left::News => self.retries.saturating_add(1),
                Left::Nothing | Left::Echo | Left::Unheard | Left::NoTopics => 0,
            };
            let pause = match left {
                Left::NoTopics => return,
                // Once at once: refusals that change from pass to pass must not keep it busy.
                Left::News if self.retries == 1 => continue,
                Left::Nothing => None,
                Left::Echo => Some(ECHO_MAX),
                Left::Unheard => Some(GRACE),
                Left::News | Left::Retry => Some(error::backoff(self.retries, error::chance())),
            };
            let waits = Instant::now();
            self.until_woken(changes, pause, left == Left::Echo).await;
            self.alone = is_alone(self.alone, left, waits.elapsed());
            if !self.alone {
                sleep(DEBOUNCE).await;
            }
        }
    }

    /// Waits for a Topic, for the brokers, or for the pause to end. For an echo only the brokers count.
    async fn until_woken(
        &self,
        changes: Option<watch::Receiver<u64>>,
        pause: Option<Duration>,
        is_echo: bool,
    ) {
        let brokers = async {
            let Some(mut changes) = changes else { return std::future::pending().await };
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let paused = async {
            match pause {
                Some(pause) => sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = brokers => {}
            () = paused => {}
            () = self.bell.rung.notified(), if !is_echo => {}
        }
    }

    /// How many brokers the Cluster declares, and what it lets moves take.
    fn declared(&self) -> (usize, MovesAllowed) {
        let reference = ObjectRef::new(&self.key.name).within(&self.key.namespace);
        let Some(cluster) = self.context.mirrors.clusters.get(&reference) else { return Default::default() };
        let brokers = usize::try_from(weir_operator_plan::wanted(&cluster)).unwrap_or_default();
        (brokers, weir_operator_plan::moves_allowed(&cluster))
    }

    /// The session with the cluster's brokers; none where there is no such Cluster, or it goes.
    fn session(&self) -> Option<Arc<Session>> {
        let reference = ObjectRef::new(&self.key.name).within(&self.key.namespace);
        let cluster = self.context.mirrors.clusters.get(&reference)?;
        cluster.metadata.deletion_timestamp.is_none().then(|| self.context.brokers.session(&self.key))
    }

    async fn pass(&mut self, session: Option<&Session>) -> Result<Left, Error> {
        let topics = self.context.mirrors.topics.of(&self.key);
        self.count(&topics);
        if topics.is_empty() {
            return Ok(Left::NoTopics);
        }
        self.forget_old_refusals(&topics);
        let by = |on_brokers: TopicsOnBrokers<'_>| topics::decide(&topics, &on_brokers, Timestamp::now());
        let batch = match session {
            None => by(TopicsOnBrokers::ClusterGone),
            Some(session) => match session.look(|view| by(TopicsOnBrokers::Known(self.seen(view)))) {
                Ok(batch) => batch,
                // A session goes from one broker to the next in a moment: a thousand statuses need not tell of it.
                Err(_) if session.unheard_for().is_some_and(|unheard| unheard < GRACE) => {
                    return Ok(Left::Unheard);
                }
                Err(why) => by(TopicsOnBrokers::Unknown { why }),
            },
        };
        if !batch.is_empty() {
            debug!(cluster = %self.key, batch = %sizes(&batch), "topics");
        }
        self.execute(session, &batch).await
    }

    fn seen<'a>(&'a self, view: &'a View) -> TopicsSnapshot<'a> {
        let (brokers, moves) = self.declared();
        snapshot::of(view, brokers, moves, &self.refused)
    }

    async fn execute(&mut self, session: Option<&Session>, batch: &Batch) -> Result<Left, Error> {
        let (client, namespace) = (&self.context.client, &*self.key.namespace);
        write::finalizers(client, namespace, &batch.finalizers).await?;
        let sent = match session {
            Some(session) => send::batch(session, batch).await,
            None => send::Sent::default(),
        };
        let (news, changed) = (sent.news(&self.refused), sent.changed);
        for owner in &sent.done {
            self.refused.remove(&owner.uid);
        }
        self.refused.extend(sent.refused);
        write::statuses(client, namespace, &batch.statuses).await?;
        if let Some(failed) = sent.failed {
            return Err(failed);
        }
        let retriable = self.refused.values().any(|refused| refused.retriable) || batch.look_again;
        Ok(match (news, changed, retriable) {
            (true, ..) => Left::News,
            (false, true, _) => Left::Echo,
            (false, false, true) => Left::Retry,
            (false, false, false) => Left::Nothing,
        })
    }

    /// A Topic that says something else now is asked for anew.
    fn forget_old_refusals(&mut self, topics: &[Arc<Declaration>]) {
        if self.refused.is_empty() {
            return;
        }
        let generations: BTreeMap<_, _> =
            topics.iter().map(|topic| (&*topic.uid, topic.generation)).collect();
        self.refused.retain(|uid, refused| generations.get(&**uid) == Some(&refused.generation));
    }

    fn count(&self, topics: &[Arc<Declaration>]) {
        let is_ready = |topic: &&Arc<Declaration>| {
            let conditions = topic.status.as_ref().map(|status| &*status.conditions).unwrap_or_default();
            conditions.iter().any(|c| c.type_ == condition::READY && c.status == "True")
        };
        let ready = topics.iter().filter(is_ready).count();
        self.context.metrics.topics(&self.key, ready, topics.len() - ready);
    }
}

/// Whether what comes after such a pass, and so much later, comes alone: after a calm, or as the brokers' word on a change
/// that came alone itself.
fn is_alone(was_alone: bool, left: Left, waited: Duration) -> bool {
    waited >= CALM || (was_alone && left == Left::Echo)
}

fn sizes(batch: &Batch) -> String {
    format!(
        "{} to create, {} to change, {} to move, {} to delete, {} statuses, {} finalizers",
        batch.create.len(),
        batch.alter.len(),
        batch.moves.len(),
        batch.delete.len(),
        batch.statuses.len(),
        batch.finalizers.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_after_a_calm_is_acted_on_at_once_and_so_is_its_echo_and_others_are_gathered() {
        let (soon, late) = (Duration::from_millis(5), CALM);
        for (was_alone, left, waited, alone) in [
            (false, Left::Nothing, late, true),
            (true, Left::Echo, soon, true),
            (true, Left::Nothing, soon, false),
            (false, Left::Echo, soon, false),
            (false, Left::Nothing, soon, false),
            (false, Left::Echo, late, true),
        ] {
            assert_eq!(is_alone(was_alone, left, waited), alone, "{was_alone} {left:?} {waited:?}");
        }
    }
}
