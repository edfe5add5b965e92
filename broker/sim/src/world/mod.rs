//! What brokers, clients and checkers of one run share. It holds state, and decides nothing.

pub mod message;
pub mod net;
mod options;
pub mod trace;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use weir_log::MemoryDisk;
use weir_model::Millis;

pub use options::{Faults, Options};

use crate::Chance;
use crate::check::Checks;
use crate::planted::Bug;
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
    machines: Mutex<BTreeMap<i32, Machine>>,
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
            machines: Mutex::new(machines),
            begun: Instant::now(),
            options,
        })
    }

    /// The run's chance.
    pub fn chance(&self) -> MutexGuard<'_, Chance> {
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
