//! What brokers, clients and checkers of one run share. It holds state, and decides nothing.

pub mod message;
pub mod net;
mod options;
mod promise;
pub mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use weir_log::MemoryDisk;
use weir_model::{Millis, TopicId};

pub(crate) use options::MOST_DRAWS;
pub use options::{Faults, Options};
pub use promise::{Promise, key_of};

use crate::Chance;
use crate::check::Checks;
use crate::planted::Bug;
use message::NewTopic;
use net::Net;
use trace::Trace;

/// The wall clock at the beginning of every run.
const BEGINNING: i64 = 1_700_000_000_000;

/// One run.
#[derive(Debug)]
pub struct World {
    pub options: Options,
    pub net: Net,
    pub trace: Trace,
    pub checks: Checks,
    chance: Mutex<Chance>,
    /// Counts the draws: nothing happens without one.
    drawn: AtomicU64,
    /// Too much has happened.
    exhausted: Notify,
    machines: Mutex<BTreeMap<i32, Machine>>,
    promises: Mutex<BTreeMap<String, Promise>>,
    /// Topics of which an operator has accepted that their end is lost.
    given_up: Mutex<BTreeSet<String>>,
    begun: Instant,
}

/// What outlives a process.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    pub disk: MemoryDisk,
    /// Counts its disks.
    pub disks: u64,
    /// Counts its processes.
    pub boots: u64,
    /// A dead process is not gone from it yet.
    pub haunted: bool,
    /// A process is about to run on it.
    pub starting: bool,
    /// How far its wall clock is off.
    pub clock_off: i64,
    /// What a sync takes longer than it should.
    pub slow_disk: Duration,
    /// How much later than it should the broker hears of what was decided.
    pub late: Duration,
}

impl World {
    /// A world in which nothing runs yet.
    #[must_use]
    pub fn new(options: Options) -> Arc<Self> {
        let machines = (0..options.brokers).map(|id| (id, Machine::default())).collect();
        Arc::new(Self {
            net: Net::default(),
            trace: Trace::new(options.trace),
            checks: Checks::default(),
            chance: Mutex::new(Chance::new(options.seed)),
            drawn: AtomicU64::new(0),
            exhausted: Notify::new(),
            machines: Mutex::new(machines),
            promises: Mutex::default(),
            given_up: Mutex::default(),
            begun: Instant::now(),
            options,
        })
    }

    /// The run's chance.
    pub fn chance(&self) -> MutexGuard<'_, Chance> {
        if (self.drawn.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.options.most_draws) {
            self.exhausted.notify_one();
        }
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A machine, as it is now.
    pub fn machine(&self, id: i32) -> Machine {
        self.machines().get(&id).cloned().unwrap_or_default()
    }

    /// Changes a machine.
    pub fn change_machine(&self, id: i32, change: impl FnOnce(&mut Machine)) {
        change(self.machines().entry(id).or_default());
    }

    /// Whoever gets true may start a process there.
    pub fn begin_start(&self, id: i32) -> bool {
        let mut machines = self.machines();
        let machine = machines.entry(id).or_default();
        !machine.haunted && !std::mem::replace(&mut machine.starting, true)
    }

    /// The last process is gone from it, with its handles.
    pub fn gone(&self, id: i32) {
        self.machine(id).disk.kill();
        self.change_machine(id, |machine| machine.haunted = false);
    }

    /// The start has ended, well or not.
    pub fn end_start(&self, id: i32) {
        self.change_machine(id, |machine| machine.starting = false);
    }

    /// Ends when more has happened than in any run that ends by itself.
    pub(crate) async fn exhausted(&self) {
        self.exhausted.notified().await;
    }

    fn machines(&self) -> MutexGuard<'_, BTreeMap<i32, Machine>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the beginning: what no jump of a clock changes.
    pub fn elapsed(&self) -> Millis {
        Millis(i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// What a machine's wall clock shows.
    pub fn wall_clock(&self, id: i32) -> Millis {
        let off = self.machines().get(&id).map_or(0, |machine| machine.clock_off);
        Millis(BEGINNING + self.elapsed().0 + off)
    }

    /// There will be such a topic: it is held to what its settings promise.
    pub fn declare(&self, topic: &NewTopic) {
        self.declared().insert(topic.name.clone(), Promise::of(topic));
    }

    /// What a topic of that name is held to.
    pub fn promise_of(&self, topic: &str) -> Promise {
        match self.declared().get(topic).copied().unwrap_or_default() {
            // Where no power is lost, not to wait for disks is as good, until nobody dares to lead: a broker that was killed
            // can not tell that the power stayed on.
            Promise::Replicated if self.options.power_lasts() && !self.is_given_up(topic) => Promise::Kept,
            promise => promise,
        }
    }

    /// Whether a topic's records need not be on any disk to be acknowledged.
    pub fn trusts_memory(&self, topic: &str) -> bool {
        self.declared().get(topic) == Some(&Promise::Replicated)
    }

    /// An operator accepts that a topic may have lost its end.
    pub fn give_up(&self, name: &str, id: TopicId) {
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        if given_up.insert(name.to_owned()) {
            self.trace.note(-99, "given up", name);
            self.checks.seen().excuse(id);
        }
    }

    fn is_given_up(&self, topic: &str) -> bool {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).contains(topic)
    }

    fn declared(&self) -> MutexGuard<'_, BTreeMap<String, Promise>> {
        self.promises.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this bug is planted.
    pub fn has(&self, bug: Bug) -> bool {
        self.options.bug == Some(bug)
    }

    /// A planted bug was caught: there is nothing more to learn.
    pub fn is_decided(&self) -> bool {
        self.options.bug.is_some() && !self.checks.violations().is_empty()
    }

    /// Something that must never be.
    pub fn violation(&self, what: String) {
        self.trace.note(-99, "VIOLATION", &what);
        self.checks.violation(what);
    }
}
