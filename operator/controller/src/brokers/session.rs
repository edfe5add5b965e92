//! One cluster's session: attached to one broker at a time, it keeps the view true by describing once and watching from
//! there. When it is not attached nothing is known: it fails closed, and says why. Asks, never changes anything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use tracing::{debug, info};
use uuid::Uuid;
use weir_admin::admin::v1;

use super::address::AddressPattern;
use super::dial::{self, BrokerError, Client};
use super::sizes::Sizes;
use super::view::{Changed, Description, Heard, View};
use crate::key::ClusterKey;
use crate::lease::Fence;

/// How long a description may take as a whole.
const DESCRIBE_MAX: Duration = Duration::from_secs(20);
/// How long a watch may be silent: the brokers say something every ten seconds.
const SILENCE_MAX: Duration = Duration::from_secs(25);
/// How long to wait after every broker was tried in vain, at first and at most.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a pass waits for the first word of a session.
const FIRST_WORD_MAX: Duration = Duration::from_secs(2);
/// How often those who look at brokers are woken at most.
const WAKE_PACE: Duration = Duration::from_millis(500);

/// What is known at the moment.
enum Knowledge {
    Known { view: Box<View>, client: Client },
    Unknown { why: String, since: Instant },
}

/// A session; it lives until it is dropped.
pub(crate) struct Session {
    key: ClusterKey,
    pattern: AddressPattern,
    fence: Fence,
    knowledge: RwLock<Knowledge>,
    sizes: Mutex<Sizes>,
    /// Which ordinals may be asked.
    replicas: watch::Sender<i32>,
    /// Counts changes of brokers and of what is known at all.
    brokers: watch::Sender<u64>,
    /// Counts changes of topics and of what is known at all.
    topics: watch::Sender<u64>,
    /// Whether every broker was tried once, or one has answered.
    tried: watch::Sender<bool>,
}

impl Session {
    /// Starts it; it ends with `stop`. Whoever looks at brokers is woken through `wake`.
    pub(crate) fn start(
        key: ClusterKey,
        pattern: AddressPattern,
        fence: Fence,
        wake: mpsc::Sender<ClusterKey>,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let session = Arc::new(Self {
            key,
            pattern,
            fence,
            knowledge: RwLock::new(Knowledge::Unknown {
                why: "no broker was asked yet".to_owned(),
                since: Instant::now(),
            }),
            sizes: Mutex::default(),
            replicas: watch::Sender::new(0),
            brokers: watch::Sender::new(0),
            topics: watch::Sender::new(0),
            tried: watch::Sender::new(false),
        });
        let (attending, waking) = (Arc::clone(&session), Arc::clone(&session));
        let stopped = stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled(attending.attend()).await });
        tokio::spawn(async move { stopped.run_until_cancelled(waking.wake(wake)).await });
        session
    }

    /// Brokers 0 to `replicas` - 1 may be asked.
    pub(crate) fn set_replicas(&self, replicas: i32) {
        self.replicas.send_if_modified(|now| std::mem::replace(now, replicas) != replicas);
    }

    /// Looks at the view, if there is one; else why there is none.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&View) -> R) -> Result<R, String> {
        match &*self.knowledge.read().unwrap_or_else(PoisonError::into_inner) {
            Knowledge::Known { view, .. } => Ok(look(view)),
            Knowledge::Unknown { why, .. } => Err(why.clone()),
        }
    }

    pub(super) fn sizes(&self) -> MutexGuard<'_, Sizes> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client of the broker that is attached.
    pub(crate) fn client(&self) -> Result<Client, BrokerError> {
        match &*self.knowledge.read().unwrap_or_else(PoisonError::into_inner) {
            Knowledge::Known { client, .. } => Ok(client.clone()),
            Knowledge::Unknown { why, .. } => Err(BrokerError::Unreachable(why.clone())),
        }
    }

    /// A client for what changes something: only while this operator leads.
    pub(crate) fn writer(&self) -> Result<Client, BrokerError> {
        self.fence.check()?;
        self.client()
    }

    /// Tells of changes of topics, and of the view's coming and going.
    pub(crate) fn topics_changed(&self) -> watch::Receiver<u64> {
        self.topics.subscribe()
    }

    /// Goes from broker to broker for ever.
    async fn attend(&self) {
        let mut replicas = self.replicas.subscribe();
        let (mut next, mut failures) = (0, 0);
        loop {
            let count = *replicas.borrow_and_update();
            if count < 1 {
                if replicas.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let ordinal = next % count;
            next = ordinal + 1;
            let address = self.pattern.of(&self.key, ordinal);
            let mut attached = false;
            let Err(error) = self.follow(&address, &mut attached).await;
            self.lose(error.to_string());
            if attached {
                info!(cluster = %self.key, broker = ordinal, %error, "the session with the brokers has ended");
                failures = 0;
            } else {
                debug!(cluster = %self.key, broker = ordinal, %error, "a broker was asked in vain");
                failures += 1;
            }
            if failures >= count {
                self.tried.send_replace(true);
            }
            // Around once without a pause, so that one dead broker costs no time; then slower and slower.
            if failures >= count {
                tokio::select! {
                    () = sleep(pause(failures / count)) => {}
                    changed = replicas.changed() => if changed.is_err() { return },
                }
            }
        }
    }

    /// Follows one broker until that fails.
    async fn follow(
        &self,
        address: &str,
        attached: &mut bool,
    ) -> Result<std::convert::Infallible, BrokerError> {
        let mut client = dial::connect(address).await?;
        loop {
            let view = describe(&mut client).await?;
            let request = v1::WatchRequest { since_index: Some(view.index) };
            let events = dial::within(DESCRIBE_MAX, client.watch(request)).await?.into_inner();
            info!(cluster = %self.key, address, index = view.index, "attached to the brokers");
            *attached = true;
            self.know(view, client.clone());
            self.listen(events).await?;
        }
    }

    /// Takes events in until the broker says to begin anew.
    async fn listen(&self, mut events: Streaming<v1::WatchEvent>) -> Result<(), BrokerError> {
        loop {
            let event = match timeout(SILENCE_MAX, events.message()).await {
                Ok(event) => event?,
                Err(_) => return Err(BrokerError::Silent(SILENCE_MAX.as_secs())),
            };
            let Some(event) = event else {
                return Err(BrokerError::Unreachable("the broker has ended the watch".to_owned()));
            };
            match self.absorb(event) {
                Heard::Begin => return Ok(()),
                Heard::News(changed) => self.tell(changed),
                Heard::Settled => {}
            }
        }
    }

    fn absorb(&self, event: v1::WatchEvent) -> Heard {
        match &mut *self.knowledge.write().unwrap_or_else(PoisonError::into_inner) {
            Knowledge::Known { view, .. } => view.absorb(event),
            Knowledge::Unknown { .. } => Heard::Begin,
        }
    }

    /// Waits a moment for a session that has just begun, or goes from one broker to the next: that nobody was asked yet is
    /// not worth a status.
    pub(super) async fn first_word(&self) {
        let mut tried = self.tried.subscribe();
        let _ = timeout(FIRST_WORD_MAX, tried.wait_for(|tried| *tried)).await;
    }

    /// How long nothing has been known; none while something is.
    pub(crate) fn unheard_for(&self) -> Option<Duration> {
        match &*self.knowledge.read().unwrap_or_else(PoisonError::into_inner) {
            Knowledge::Known { .. } => None,
            Knowledge::Unknown { since, .. } => Some(since.elapsed()),
        }
    }

    /// Something is known.
    fn know(&self, view: View, client: Client) {
        *self.knowledge.write().unwrap_or_else(PoisonError::into_inner) =
            Knowledge::Known { view: Box::new(view), client };
        self.tried.send_replace(true);
        self.tell(Changed { brokers: true, topics: true });
    }

    /// Nothing is known. That it is so still, for whatever reason, is no news.
    fn lose(&self, why: String) {
        let mut known = self.knowledge.write().unwrap_or_else(PoisonError::into_inner);
        let before = match &*known {
            Knowledge::Known { .. } => None,
            Knowledge::Unknown { since, .. } => Some(*since),
        };
        *known = Knowledge::Unknown { why, since: before.unwrap_or_else(Instant::now) };
        drop(known);
        if before.is_none() {
            self.tried.send_replace(false);
            self.tell(Changed { brokers: true, topics: true });
        }
    }

    fn tell(&self, changed: Changed) {
        if changed.brokers {
            self.brokers.send_modify(|count| *count += 1);
        }
        if changed.topics {
            self.topics.send_modify(|count| *count += 1);
        }
    }

    /// Wakes at the first of several changes, and not more often than the pace.
    async fn wake(&self, wake: mpsc::Sender<ClusterKey>) {
        let mut changes = self.brokers.subscribe();
        while changes.changed().await.is_ok() {
            changes.borrow_and_update();
            if wake.send(self.key.clone()).await.is_err() {
                return;
            }
            sleep(WAKE_PACE).await;
        }
    }
}

async fn describe(client: &mut Client) -> Result<View, BrokerError> {
    let request =
        v1::DescribeClusterRequest { without_measures: true, ..v1::DescribeClusterRequest::default() };
    dial::within(DESCRIBE_MAX, async {
        let mut stream = client.describe_cluster(dial::request(request, DESCRIBE_MAX)).await?.into_inner();
        let mut description = Description::default();
        // Each part is taken in before the next is read: all of them together are several times what is kept.
        while let Some(part) = stream.message().await? {
            description.take(part);
        }
        description.finish().map_err(BrokerError::from)
    })
    .await
}

/// Doubles with every round, up to the longest, and is anywhere in its upper half: sessions do not march in step.
fn pause(rounds: i32) -> Duration {
    let doublings = u32::try_from(rounds.clamp(1, 8)).unwrap_or(1) - 1;
    let full = (PAUSE_MIN * 2_u32.pow(doublings)).min(PAUSE_MAX);
    let [chance, ..] = *Uuid::new_v4().as_bytes();
    full / 2 + full / 2 * u32::from(chance) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        for round in [1, 2, 3, 100] {
            let pause = pause(round);
            assert!(pause >= PAUSE_MIN / 2 && pause <= PAUSE_MAX, "{round}: {pause:?}");
        }
        assert!(pause(100) >= PAUSE_MAX / 2);
    }
}
