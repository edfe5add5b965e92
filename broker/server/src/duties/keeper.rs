//! The keeper of sessions. While this broker is the controller it hears beats, looks for brokers whose connection broke,
//! fences who is gone and unfences who is back, and keeps the quorum. Who is alive is `core`'s decision; what is done
//! about it are decisions of the metadata, made apart so that no beat waits for a disk.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use weir_core::controller::sessions::{Beat, Expired, Probe, Sessions, Suspicion, Times};
use weir_core::controller::voters::Absences;
use weir_core::controller::{
    ControllerError, Decision, Entropy, Image, bootstrap, controlled_shutdown, fence_broker,
    rebalance_leaders,
};
use weir_model::config::Endpoint;
use weir_model::{BrokerId, DurationMs, Millis};
use weir_quorum::{NodeId, Reign};
use weir_wire::ErrorCode;

use super::{Echo, Means, Pulse};
use crate::api::refusal::Refusal;
use crate::metadata::MetadataError;
use crate::peers::{self, Dialer};

/// How often the keeper looks around.
const TICK: Duration = Duration::from_millis(50);
/// How often the quorum's members are looked at.
const VOTERS_EVERY: Duration = Duration::from_millis(250);
/// How long a fencing that failed waits.
const AGAIN: DurationMs = DurationMs(200);
/// When a broker whose connection broke is looked for, one pause after the other: a process that is killed may close its
/// connections a moment before its port.
const PROBES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(75),
    Duration::from_millis(150),
];
/// How long one look may take.
const PROBE_MAX: Duration = Duration::from_millis(500);
/// Partitions that one step gives back to their preferred leaders.
const REBALANCED_MAX: usize = 500;

/// What the keeper hears.
pub(super) enum Word {
    Pulse(Pulse, oneshot::Sender<Echo>),
    Left(NodeId, i64),
    Registered(NodeId, i64),
    Probed(Suspicion, Probe),
    /// A majority answered what it was asked then.
    Confirmed(Reign, Option<Millis>),
    /// A decision on a broker is made, or has failed.
    Decided(BrokerId, Option<Fenced>),
    /// Whether a member changed: then another change may be due.
    QuorumChanged(bool),
    Rebalanced,
}

/// A broker is fenced now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fenced(i64);

/// The keeper's state.
pub(super) struct Keeper {
    means: Means,
    words: mpsc::Sender<Word>,
    began: Instant,
    reign: Option<Reigning>,
}

/// What belongs to one reign.
struct Reigning {
    reign: Reign,
    sessions: Sessions,
    absences: Absences,
    /// Decisions under way, one for each broker.
    deciding: BTreeSet<BrokerId>,
    confirming: bool,
    changing_quorum: bool,
    rebalancing: bool,
    voters_due: Instant,
    rebalance_due: Instant,
}

impl Keeper {
    pub(super) fn new(means: Means, words: mpsc::Sender<Word>) -> Self {
        Self { means, words, began: Instant::now(), reign: None }
    }

    pub(super) async fn run(mut self, mut heard: mpsc::Receiver<Word>, closing: CancellationToken) {
        let mut state = self.means.link.quorum().state();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let reign = state.borrow_and_update().reign;
            self.follow(reign);
            tokio::select! {
                word = heard.recv() => match word {
                    Some(word) => self.take(word),
                    None => return,
                },
                changed = state.changed() => if changed.is_err() {
                    return;
                },
                _ = ticks.tick() => self.tick(),
                () = closing.cancelled() => return,
            }
            self.fence_expired();
        }
    }

    fn now(&self) -> Millis {
        Millis(i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    fn follow(&mut self, reign: Option<Reign>) {
        if self.reign.as_ref().map(|current| current.reign) == reign {
            return;
        }
        self.means.metrics.active_controller.set(i64::from(reign.is_some()));
        self.reign = reign.map(|reign| self.begin(reign));
        self.look_for_all();
        self.tick();
    }

    /// A controller that is new looks for everybody: the one before it, and whoever went with it, may be dead.
    fn look_for_all(&mut self) {
        let now = self.now();
        let Some(reigning) = &mut self.reign else { return };
        let image = self.means.image();
        let others = image.brokers().map(|broker| &broker.registration);
        let others =
            others.filter(|registration| !registration.fenced && registration.id != self.means.me.broker);
        let suspicions: Vec<Suspicion> = others
            .filter_map(|registration| reigning.sessions.suspect(registration.id, registration.epoch, now))
            .collect();
        suspicions.into_iter().for_each(|suspicion| self.look_for(suspicion));
    }

    fn begin(&self, reign: Reign) -> Reigning {
        let cluster = &self.means.config.cluster;
        let image = self.means.image();
        if image.cluster_id().is_none() {
            let controller = self.means.controller.clone();
            tokio::spawn(async move {
                let fresh = uuid::Uuid::new_v4();
                let _ = controller.decide(move |image, _| bootstrap::decide(image, fresh)).await;
            });
        }
        let times = Times {
            session: cluster.session_timeout,
            // Voters that heard their controller wait for half an election timeout at least.
            confirmed: DurationMs(cluster.quorum_election_timeout.0 * 9 / 20),
            again: AGAIN,
        };
        let now = Instant::now();
        let rebalance = Duration::from_millis(cluster.leader_rebalance_interval.0.unsigned_abs());
        Reigning {
            reign,
            sessions: Sessions::on_elected(&image, times, self.now()),
            absences: Absences::default(),
            deciding: BTreeSet::new(),
            confirming: false,
            changing_quorum: false,
            rebalancing: false,
            voters_due: now,
            rebalance_due: now + rebalance,
        }
    }

    fn take(&mut self, word: Word) {
        self.go_on_alone();
        let now = self.now();
        if let Word::Pulse(pulse, answer) = word {
            return self.hear(pulse, answer, now);
        }
        let Some(reigning) = &mut self.reign else { return };
        match word {
            Word::Pulse(..) => {}
            Word::Left(node, epoch) => {
                if node != self.means.me
                    && let Some(suspicion) = reigning.sessions.suspect(node.broker, epoch, now)
                {
                    self.look_for(suspicion);
                }
            }
            Word::Registered(node, epoch) => {
                reigning.sessions.registered(node.broker, epoch, now);
                reigning.voters_due = Instant::now();
            }
            Word::Probed(suspicion, outcome) => {
                if outcome == Probe::Refused {
                    info!(broker = %suspicion.broker, "a broker is gone: nobody listens where it was");
                }
                reigning.sessions.probed(suspicion, outcome, now);
            }
            Word::Confirmed(reign, asked_at) => {
                reigning.confirming = false;
                if let Some(asked_at) = asked_at.filter(|_| reign == reigning.reign) {
                    reigning.sessions.confirmed(asked_at);
                }
            }
            Word::Decided(broker, fenced) => {
                reigning.deciding.remove(&broker);
                if let Some(Fenced(epoch)) = fenced {
                    reigning.sessions.fenced(broker, epoch);
                }
            }
            Word::QuorumChanged(changed) => {
                reigning.changing_quorum = false;
                if changed {
                    reigning.voters_due = Instant::now();
                }
            }
            Word::Rebalanced => reigning.rebalancing = false,
        }
    }

    fn hear(&mut self, pulse: Pulse, answer: oneshot::Sender<Echo>, now: Millis) {
        let echo = self.judge(&pulse, now);
        let fenced = match &echo {
            Echo::Heard { fenced, .. } => Some(*fenced),
            Echo::Silence => Some(self.means.is_fenced(pulse.node.broker)),
            Echo::NotController | Echo::Refused(_) => None,
        };
        if pulse.want_shutdown
            && let Some(fenced) = fenced
        {
            return self.let_stop(pulse, fenced, answer);
        }
        // Whoever asked may have gone.
        let _ = answer.send(echo);
    }

    /// What a beat is answered, and what it leads to.
    fn judge(&mut self, pulse: &Pulse, now: Millis) -> Echo {
        let Some(reigning) = &mut self.reign else { return Echo::NotController };
        let (image, as_of) = self.means.latest();
        let registration = match registered(&image, pulse) {
            Ok(registration) => registration,
            Err(refusal) => return Echo::Refused(refusal),
        };
        let (fenced, leaving) = (registration.fenced, registration.shutting_down);
        let beat = reigning.sessions.beat(pulse.node.broker, pulse.epoch, now);
        if matches!(beat, Beat::Alive | Beat::Unconfirmed) {
            // A broker that hears nothing leads nothing, whatever it says: others shall.
            let deaf = pulse.unanswered && reigning.sessions.is_deaf(pulse.node.broker, now);
            if (pulse.want_fenced || deaf) && !fenced {
                self.fence(pulse.node.broker, pulse.epoch, true);
            } else if fenced && pulse.ready && !pulse.want_fenced && !deaf && !pulse.want_shutdown && !leaving
            {
                self.fence(pulse.node.broker, pulse.epoch, false);
            }
        }
        match beat {
            Beat::Alive => Echo::Heard { fenced: fenced || pulse.want_fenced, may_stop: false, as_of },
            Beat::Over => Echo::Heard { fenced: true, may_stop: false, as_of },
            Beat::Unconfirmed => Echo::Silence,
            Beat::Stale => Echo::Refused(stale(pulse)),
        }
    }

    /// Moves away what a broker leads that wants to stop; tells it when nothing is left that others could lead. Wanting to
    /// stop makes nobody unfenced.
    fn let_stop(&self, pulse: Pulse, fenced: bool, answer: oneshot::Sender<Echo>) {
        let means = self.means.clone();
        let Means { controller, file, .. } = means.clone();
        let (id, epoch) = (pulse.node.broker, pulse.epoch);
        tokio::spawn(async move {
            let decide = move |image: &Image, _: &mut Entropy<'_>| {
                controlled_shutdown::decide(image, id, epoch, &file)
            };
            let _ = answer.send(match controller.decide(decide).await {
                Ok(Ok(still)) => {
                    Echo::Heard { fenced, may_stop: still.waiting.is_empty(), as_of: means.latest().1 }
                }
                Ok(Err(why)) => Echo::Refused(why.into()),
                Err(MetadataError::NotController(_)) => Echo::NotController,
                Err(_) => Echo::Silence,
            });
        });
    }

    fn tick(&mut self) {
        let now = self.now();
        let Some(reigning) = &mut self.reign else { return };
        let image = self.means.image();
        reigning.absences.observe(&image, now);
        let instant = Instant::now();
        let (confirm, vote) = (!reigning.confirming, instant >= reigning.voters_due);
        reigning.confirming = true;
        let change = vote && !reigning.changing_quorum;
        let rebalance = instant >= reigning.rebalance_due && !reigning.rebalancing;
        if change {
            reigning.voters_due = instant + VOTERS_EVERY;
        }
        if confirm {
            self.confirm(now);
        }
        if change {
            self.change_quorum(now);
        }
        if rebalance && self.means.config.cluster.auto_leader_rebalance {
            self.rebalance();
        }
    }

    /// Asks a majority whether this is still the controller.
    fn confirm(&self, asked_at: Millis) {
        let Some(reign) = self.reign.as_ref().map(|reigning| reigning.reign) else { return };
        let (controller, words) = (self.means.controller.clone(), self.words.clone());
        tokio::spawn(async move {
            let nothing = |_: &Image, _: &mut Entropy<'_>| Decision { records: Vec::new(), reply: () };
            let confirmed = controller.decide(nothing).await.is_ok();
            let _ = words.send(Word::Confirmed(reign, confirmed.then_some(asked_at))).await;
        });
    }

    /// Makes the next change of the quorum's members that is due.
    fn change_quorum(&mut self, now: Millis) {
        let Some(reigning) = &mut self.reign else { return };
        reigning.changing_quorum = true;
        let (quorum, words) = (self.means.link.quorum().clone(), self.words.clone());
        let (absences, replace) = (reigning.absences.clone(), self.means.config.cluster.voter_replace);
        tokio::spawn(async move {
            let made = quorum.follow_voter_policy(&absences, replace, now).await;
            if let Err(error) = &made {
                debug!(%error, "the quorum's members did not change");
            }
            let _ = words.send(Word::QuorumChanged(matches!(made, Ok(true)))).await;
        });
    }

    fn rebalance(&mut self) {
        let Some(reigning) = &mut self.reign else { return };
        let every = self.means.config.cluster.leader_rebalance_interval.0.unsigned_abs();
        reigning.rebalance_due = Instant::now() + Duration::from_millis(every);
        reigning.rebalancing = true;
        let (means, words) = (self.means.clone(), self.words.clone());
        tokio::spawn(async move {
            let (mut cursor, mut moved) = (None, 0);
            loop {
                let file = Arc::clone(&means.file);
                let decide = move |image: &Image, _: &mut Entropy<'_>| {
                    rebalance_leaders::decide(image, cursor, REBALANCED_MAX, &file)
                };
                let Ok(swept) = means.controller.decide(decide).await else { break };
                moved += swept.moved;
                cursor = swept.next;
                if cursor.is_none() {
                    break;
                }
            }
            if moved > 0 {
                info!(partitions = moved, "given back to their preferred leaders");
            }
            let _ = words.send(Word::Rebalanced).await;
        });
    }

    /// A broker without others has nobody to give way to when it stood still for longer than its session.
    fn go_on_alone(&mut self) {
        let (now, me) = (self.now(), self.means.me.broker);
        let Some(reigning) = &mut self.reign else { return };
        let is_sole_broker = || self.means.image().brokers().all(|broker| broker.registration.id == me);
        if self.means.link.is_without_others() && is_sole_broker() {
            reigning.sessions.go_on_alone(me, now);
        }
    }

    fn fence_expired(&mut self) {
        self.go_on_alone();
        let now = self.now();
        let Some(reigning) = &mut self.reign else { return };
        if reigning.sessions.next_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        let image = self.means.image();
        for Expired { broker, epoch } in reigning.sessions.tick(now) {
            let registration = image.broker(broker).map(|b| &b.registration);
            let fenced = registration.is_none_or(|r| r.fenced || r.epoch != epoch);
            let Some(reigning) = &mut self.reign else { return };
            if fenced {
                reigning.sessions.fenced(broker, epoch);
            } else {
                if reigning.deciding.contains(&broker) {
                    continue;
                }
                warn!(%broker, "fencing a broker that has not been heard for a session, or is gone");
                self.fence(broker, epoch, true);
            }
        }
    }

    /// Fences or unfences, unless a decision on that broker is under way.
    fn fence(&mut self, broker: BrokerId, epoch: i64, fenced: bool) {
        let Some(reigning) = &mut self.reign else { return };
        if !reigning.deciding.insert(broker) {
            return;
        }
        let Means { controller, file, .. } = self.means.clone();
        let words = self.words.clone();
        tokio::spawn(async move {
            let decide = move |image: &Image, _: &mut Entropy<'_>| {
                fence_broker::decide(image, broker, epoch, fenced, &file)
            };
            let decided = controller.decide(decide).await;
            match &decided {
                Ok(Ok(())) if fenced => info!(%broker, "fenced"),
                Ok(Ok(())) => info!(%broker, "unfenced"),
                Ok(Err(error)) => info!(%broker, %error, "not (un)fenced"),
                Err(error) => info!(%broker, %error, "not (un)fenced yet"),
            }
            let over = match decided {
                Ok(Ok(()) | Err(ControllerError::StaleBrokerEpoch { .. })) => fenced,
                Ok(Err(_)) | Err(_) => false,
            };
            let _ = words.send(Word::Decided(broker, over.then_some(Fenced(epoch)))).await;
        });
    }

    fn look_for(&self, suspicion: Suspicion) {
        let image = self.means.image();
        let peer = image.broker(suspicion.broker).and_then(|broker| broker.registration.peer.clone());
        let Some(peer) = peer else { return };
        let at = Endpoint { host: peer.host, port: peer.port };
        let words = self.words.clone();
        tokio::spawn(async move {
            let mut found = Probe::Unclear;
            for pause in PROBES {
                sleep(pause).await;
                if Dialer::probe(&at, PROBE_MAX).await == peers::Probe::Dead {
                    found = Probe::Refused;
                    break;
                }
            }
            let _ = words.send(Word::Probed(suspicion, found)).await;
        });
    }
}

/// The registration that a beat belongs to.
fn registered<'a>(
    image: &'a Image,
    pulse: &Pulse,
) -> Result<&'a weir_core::controller::Registration, Refusal> {
    let broker = image.broker(pulse.node.broker);
    let known = broker.map(|broker| &broker.registration).filter(|registration| {
        registration.incarnation == pulse.node.incarnation && registration.epoch == pulse.epoch
    });
    known.ok_or_else(|| stale(pulse))
}

fn stale(pulse: &Pulse) -> Refusal {
    let message = format!("registration {} of broker {} is not the latest", pulse.epoch, pulse.node.broker);
    Refusal::new(ErrorCode::StaleBrokerEpoch, message)
}
