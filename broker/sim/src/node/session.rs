//! A broker's session with the controller: it registers, beats, and fences itself when it is not answered.

use std::sync::Arc;
use std::time::Duration;

use weir_core::controller::lease::MetadataIndex;
use weir_core::controller::register_broker::RegisterBroker;
use weir_core::controller::{HostPort, VersionRange};
use weir_model::BrokerId;

use super::{BEAT, Process, address};
use crate::planted::Bug;
use crate::world::message::{Beat, Echo, NotDone, Reply, Request};

/// How long the controller may take.
const LIMIT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(30);

impl Process {
    /// Registers, and attends for as long as the process lives.
    pub(super) async fn attend(self: Arc<Self>) {
        loop {
            let epoch = self.state().epoch;
            match epoch {
                None => self.enrol().await,
                Some(epoch) => self.beat_once(epoch).await,
            }
        }
    }

    /// Who is the controller, as far as is known here. A broker that knows of nobody asks around.
    fn controller_is(&self) -> i32 {
        let known = self.quorum.state().borrow().leader;
        known.map_or_else(
            || {
                let brokers = u64::from(self.world.options.brokers.unsigned_abs());
                i32::try_from(self.world.chance().below(brokers)).unwrap_or(0)
            },
            |node| node.broker.0,
        )
    }

    async fn enrol(&self) {
        let PeerPlace { host, port } = PeerPlace::of(self.id());
        let command = RegisterBroker {
            id: BrokerId(self.id()),
            incarnation: self.node.incarnation,
            rack: None,
            endpoints: Vec::new(),
            peer: Some(HostPort { host, port }),
            admin: None,
            versions: VersionRange::default(),
            fenced: true,
            clean: self.clean,
        };
        let mut to = self.controller_is();
        for _ in 0..3 {
            let asked = Request::Register(Box::new(command.clone()));
            let answer = self.world.net.call(&self.world, self.id(), to, asked, LIMIT).await;
            match answer {
                Ok(Reply::Registered(Ok(epoch))) => {
                    self.world.trace.note(self.id(), "registered", epoch);
                    let mut state = self.state();
                    state.epoch = Some(epoch);
                    state.lease.end();
                    return;
                }
                Ok(Reply::Registered(Err(NotDone::Elsewhere(Some(other))))) => to = other.0,
                _ => break,
            }
        }
        tokio::time::sleep(PAUSE).await;
    }

    async fn beat_once(self: &Arc<Self>, epoch: i64) {
        self.look_at_partitions();
        let (ready, want_shutdown, unanswered) = {
            let state = self.state();
            (state.ready && !state.lease.is_behind(), state.want_shutdown, state.unanswered)
        };
        let sent_at = self.lease_clock();
        let beat = Beat { node: self.node, epoch, ready, want_shutdown, unanswered };
        let to = self.controller_is();
        let answer = self.world.net.call(&self.world, self.id(), to, Request::Beat(beat), LIMIT).await;
        match answer {
            Ok(Reply::Heard(Echo::Heard { fenced, may_stop, as_of })) => {
                // The partitions have to hear of a lease that ended before another begins.
                self.lease_changed();
                let as_of = if self.world.has(Bug::ServesBeforeItFollows) { MetadataIndex(0) } else { as_of };
                let mut state = self.state();
                if fenced {
                    state.lease.refused(as_of);
                } else {
                    state.lease.answered(sent_at, as_of, self.lease_clock());
                }
                state.may_stop |= may_stop;
                state.unanswered &= state.lease.is_behind();
                drop(state);
                self.lease_changed();
            }
            Ok(Reply::Heard(Echo::Stale)) => {
                let mut state = self.state();
                (state.epoch, state.ready) = (None, false);
                state.lease.end();
                drop(state);
                self.lease_changed();
                return;
            }
            _ => {
                tokio::time::sleep(PAUSE).await;
                return;
            }
        }
        let fenced = self.state().fenced;
        let pause = if fenced { PAUSE } else { BEAT };
        let _ = tokio::time::timeout(pause, self.stirred.notified()).await;
    }

    /// Tells the partitions when the lease has ended or begun.
    pub(super) fn lease_changed(&self) {
        let fenced = {
            let mut state = self.state();
            let fenced = !state.lease.holds(self.lease_clock()) && !self.world.has(Bug::NoLease);
            if state.fenced == fenced {
                return;
            }
            state.fenced = fenced;
            fenced
        };
        self.world.trace.note(self.id(), "fenced", fenced);
        self.with_each(|partition, cx| partition.set_fenced(fenced, cx));
    }

    /// Fences the broker when its lease runs out.
    pub(super) async fn mind_lease(self: Arc<Self>) {
        loop {
            let left = self.state().lease.deadline().map_or(0, |at| at.since(self.lease_clock()).0);
            // One that does not hold begins with a beat's answer, which says so itself.
            let wait = if left > 0 { left } else { 50 };
            tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
            let served = !self.state().fenced;
            self.lease_changed();
            let mut state = self.state();
            state.unanswered |= served && state.fenced;
        }
    }
}

struct PeerPlace {
    host: String,
    port: u16,
}

impl PeerPlace {
    fn of(id: i32) -> Self {
        let at = address(id);
        Self { host: at.host, port: at.port }
    }
}
