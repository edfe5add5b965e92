//! What the controller does besides deciding: hears beats, fences who is silent, unfences who is back, keeps the voters.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use weir_core::controller::sessions::{Beat as Verdict, Expired, Probe, Sessions, Times};
use weir_core::controller::voters::Absences;
use weir_core::controller::{
    Decision, Partition, Record, bootstrap, controlled_shutdown, fence_broker, rebalance_leaders,
};
use weir_model::{BrokerId, DurationMs, Millis};
use weir_quorum::Reign;

use super::{Process, SESSION};
use crate::planted::Bug;
use crate::world::message::{Beat, Echo};

const TICK: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_secs(1);
const AGAIN: DurationMs = DurationMs(200);
/// Less than half an election timeout of 300 ms.
const CONFIRMED: DurationMs = DurationMs(135);
/// How long a voter is away until another takes its place.
const REPLACE_AFTER: DurationMs = DurationMs(8000);

/// What belongs to one reign of this process as controller.
pub(super) struct Reigning {
    reign: Reign,
    sessions: Sessions,
    absences: Absences,
    deciding: BTreeSet<BrokerId>,
    confirming: bool,
    changing: bool,
    ticks: u64,
}

impl Process {
    /// Does the controller's duties, whenever this process is the controller.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut state = self.quorum.state();
        loop {
            // Whoever is not the controller has nothing to do until it is.
            let tick = if state.borrow().reign.is_some() { TICK } else { IDLE };
            if matches!(tokio::time::timeout(tick, state.changed()).await, Ok(Err(_))) {
                // The node has failed: nothing changes any more.
                return;
            }
            self.world.net.gate(self.id()).await;
            self.take_office();
            self.office_hours();
        }
    }

    fn take_office(self: &Arc<Self>) {
        let reign = self.quorum.state().borrow().reign;
        let mut reigning = self.reigning();
        if reigning.as_ref().map(|r| r.reign) == reign {
            return;
        }
        // Not what is followed here, which may be older: whoever registered in between would have no session, and never be
        // fenced.
        let image = Arc::clone(&self.quorum.latest().borrow().image);
        *reigning = reign.map(|reign| Reigning {
            reign,
            sessions: Sessions::on_elected(
                &image,
                Times { session: SESSION, confirmed: CONFIRMED, again: AGAIN },
                self.world.elapsed(),
            ),
            absences: Absences::default(),
            deciding: BTreeSet::new(),
            confirming: false,
            changing: false,
            ticks: 0,
        });
        drop(reigning);
        self.world.trace.note(self.id(), "controller", reign.is_some());
        if reign.is_some() && image.cluster_id().is_none() {
            let this = Arc::clone(self);
            self.spawn(async move {
                let fresh = Uuid::from_u128(1_000);
                let _ = this.controller.decide(move |image, _| bootstrap::decide(image, fresh)).await;
            });
        }
    }

    fn office_hours(self: &Arc<Self>) {
        let now = self.world.elapsed();
        let image = self.image();
        let mut guard = self.reigning();
        let Some(reigning) = &mut *guard else { return };
        reigning.absences.observe(&image, now);
        reigning.ticks += 1;
        let mut fence = Vec::new();
        for Expired { broker, epoch } in reigning.sessions.tick(now) {
            let registration = image.broker(broker).map(|b| &b.registration);
            if registration.is_none_or(|r| r.fenced || r.epoch != epoch) {
                reigning.sessions.fenced(broker, epoch);
            } else {
                fence.push((broker, epoch));
            }
        }
        let confirm = !std::mem::replace(&mut reigning.confirming, true);
        let change = reigning.ticks.is_multiple_of(5) && !std::mem::replace(&mut reigning.changing, true);
        let rebalance = reigning.ticks.is_multiple_of(200);
        let (reign, absences) = (reigning.reign, reigning.absences.clone());
        drop(guard);
        if self.world.has(Bug::UncleanElection) {
            self.elect_anybody();
        }
        for (broker, epoch) in fence {
            self.fence(broker, epoch, true);
        }
        if confirm {
            self.confirm(reign, now);
        }
        if change {
            let this = Arc::clone(self);
            self.spawn(async move {
                let _ = this.quorum.follow_voter_policy(&absences, REPLACE_AFTER, now).await;
                if let Some(reigning) = &mut *this.reigning() {
                    reigning.changing = false;
                }
            });
        }
        if rebalance {
            let (this, file) = (Arc::clone(self), Arc::clone(&self.file));
            self.spawn(async move {
                let decide = this
                    .controller
                    .decide(move |image, _| rebalance_leaders::decide(image, None, 500, &file));
                let _ = decide.await;
            });
        }
    }

    /// What a planted bug does where nobody leads.
    fn elect_anybody(self: &Arc<Self>) {
        let this = Arc::clone(self);
        self.spawn(async move {
            let elect = this.controller.decide(|image, _| {
                let mut records = Vec::new();
                for (topic, index, partition) in image.leaderless() {
                    let mut state = Partition::clone(partition);
                    let Some(first) = state.replicas.iter().copied().find(|id| image.is_active(*id)) else {
                        continue;
                    };
                    (state.leader, state.isr, state.elr) = (Some(first), vec![first], Vec::new());
                    state.leader_epoch.0 += 1;
                    state.partition_epoch.0 += 1;
                    records.push(Record::PartitionChanged { topic: topic.id, index, state });
                }
                Decision { records, reply: () }
            });
            let _ = elect.await;
        });
    }

    /// Asks a majority whether this is still the controller.
    fn confirm(self: &Arc<Self>, reign: Reign, asked_at: Millis) {
        let this = Arc::clone(self);
        self.spawn(async move {
            let nothing = this.controller.decide(|_, _| Decision { records: Vec::new(), reply: () }).await;
            this.world.net.gate(this.id()).await;
            if let Some(reigning) = &mut *this.reigning() {
                if reigning.reign == reign && nothing.is_ok() {
                    reigning.sessions.confirmed(asked_at);
                }
                reigning.confirming = false;
            }
        });
    }

    /// A broker has registered with this controller.
    pub(super) fn registered(&self, broker: BrokerId, epoch: i64) {
        if let Some(reigning) = &mut *self.reigning() {
            reigning.sessions.registered(broker, epoch, self.world.elapsed());
        }
    }

    /// A beat has come.
    pub(super) async fn hear(self: &Process, beat: Beat) -> Echo {
        let now = self.world.elapsed();
        let (image, as_of) = {
            let state = self.state();
            (Arc::clone(&state.image), state.round)
        };
        let broker = beat.node.broker;
        let deaf;
        let (verdict, fenced, leaving) = {
            let mut guard = self.reigning();
            let Some(reigning) = &mut *guard else { return Echo::NotController };
            let known = image.broker(broker).map(|b| &b.registration);
            let known = known.filter(|r| r.incarnation == beat.node.incarnation && r.epoch == beat.epoch);
            let Some(known) = known else { return Echo::Stale };
            let verdict = reigning.sessions.beat(broker, beat.epoch, now);
            deaf = beat.unanswered && reigning.sessions.is_deaf(broker, now);
            (verdict, known.fenced, known.shutting_down)
        };
        if verdict == Verdict::Stale {
            return Echo::Stale;
        }
        if deaf
            && !fenced
            && let Some(this) = self.myself()
        {
            this.fence(broker, beat.epoch, true);
        }
        let back = fenced && beat.ready && !deaf && !beat.want_shutdown && !leaving;
        if verdict != Verdict::Over
            && back
            && let Some(this) = self.myself()
        {
            this.fence(broker, beat.epoch, false);
        }
        if beat.want_shutdown {
            return self.let_stop(broker, beat.epoch, fenced || verdict == Verdict::Over).await;
        }
        match verdict {
            Verdict::Alive => Echo::Heard { fenced, may_stop: false, as_of },
            Verdict::Over => Echo::Heard { fenced: true, may_stop: false, as_of },
            Verdict::Unconfirmed | Verdict::Stale => Echo::Silence,
        }
    }

    async fn let_stop(&self, broker: BrokerId, epoch: i64, fenced: bool) -> Echo {
        let file = Arc::clone(&self.file);
        let decide =
            self.controller.decide(move |image, _| controlled_shutdown::decide(image, broker, epoch, &file));
        match decide.await {
            Ok(Ok(still)) => {
                let as_of = self.state().round;
                Echo::Heard { fenced, may_stop: still.waiting.is_empty(), as_of }
            }
            Ok(Err(_)) => Echo::Stale,
            Err(_) => Echo::Silence,
        }
    }

    pub(super) fn myself(&self) -> Option<Arc<Self>> {
        self.world.net.at(self.id()).filter(|process| process.who() == self.who())
    }

    /// Fences or unfences, unless a decision on that broker is under way.
    fn fence(self: &Arc<Self>, broker: BrokerId, epoch: i64, fenced: bool) {
        let fresh = self.reigning().as_mut().is_some_and(|reigning| reigning.deciding.insert(broker));
        if !fresh {
            return;
        }
        let (this, file) = (Arc::clone(self), Arc::clone(&self.file));
        self.spawn(async move {
            let decide = this.decide(move |image| fence_broker::decide(image, broker, epoch, fenced, &file));
            let done = matches!(decide.await, Ok(Ok(())));
            if let Some(reigning) = &mut *this.reigning() {
                reigning.deciding.remove(&broker);
                if done && fenced {
                    reigning.sessions.fenced(broker, epoch);
                }
            }
        });
    }

    /// The connection to a broker broke: whether anybody listens there is looked at.
    pub(crate) fn suspect(self: &Arc<Self>, broker: i32) {
        let id = BrokerId(broker);
        let Some(epoch) = self.image().broker(id).map(|b| b.registration.epoch) else { return };
        let now = self.world.elapsed();
        let suspicion = self.reigning().as_mut().and_then(|r| r.sessions.suspect(id, epoch, now));
        let Some(suspicion) = suspicion else { return };
        let this = Arc::clone(self);
        self.spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            this.world.net.gate(this.id()).await;
            let cut = this.world.net.is_cut(this.id(), broker) || this.world.net.is_cut(broker, this.id());
            let refused = this.world.net.at(broker).is_none() && !cut;
            let outcome = if refused { Probe::Refused } else { Probe::Unclear };
            let now = this.world.elapsed();
            if let Some(reigning) = &mut *this.reigning() {
                reigning.sessions.probed(suspicion, outcome, now);
            }
            this.office_hours();
        });
    }
}
