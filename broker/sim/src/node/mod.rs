//! One broker's process: a quorum node with its deciding loop, the partitions that it holds, and the tasks that a broker
//! runs. It does what the server does, with the same machines, on a disk in memory and in virtual time.

mod duties;
mod fetching;
mod following;
mod groups;
mod housekeeping;
mod isr;
mod partition;
mod port;
mod scrubbing;
mod serving;
mod session;
mod stopping;
mod syncing;
pub(crate) mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use uuid::Uuid;
use weir_core::controller::Image;
use weir_core::controller::lease::{Lease, MetadataIndex};
use weir_core::partition::IsrChange;
use weir_log::{DataDir, Disk, MemoryDisk};
use weir_model::config::{BrokerConfig, Pairs, validate_broker_file};
use weir_model::{BrokerId, DurationMs, Incarnation, Millis};
use weir_quorum::{Controller, InLine, NodeId, PeerAddress, Quorum, QuorumConfig, controller};

use partition::Cx;
pub(crate) use partition::Partition;

use crate::planted::Bug;
use crate::world::World;
use crate::world::message::Key;
use duties::Reigning;

/// How long a session lasts without a beat.
const SESSION: DurationMs = DurationMs(3000);
/// How often a broker beats.
const BEAT: Duration = Duration::from_millis(250);

/// A running process.
pub struct Process {
    pub(crate) world: Arc<World>,
    pub(crate) node: NodeId,
    boot: u64,
    /// The last process on this disk said that it had stopped in order.
    clean: bool,
    pub(crate) quorum: Quorum,
    controller: Controller,
    pub(crate) file: Arc<Pairs>,
    pub(crate) config: Arc<BrokerConfig>,
    state: Mutex<State>,
    reigning: Mutex<Option<Reigning>>,
    /// The groups that are coordinated here.
    shard: Mutex<Option<groups::Shard>>,
    /// ISR changes wait.
    proposed: Notify,
    /// The lease or the wish to stop has changed.
    stirred: Notify,
    dead: watch::Sender<bool>,
}

/// What a process keeps.
pub(crate) struct State {
    pub(crate) dir: Option<DataDir<MemoryDisk>>,
    pub(crate) image: Arc<Image>,
    /// The last round in it.
    round: MetadataIndex,
    pub(crate) partitions: BTreeMap<Key, Partition>,
    generations: u64,
    lease: Lease,
    /// Of its registration, once it has one.
    epoch: Option<i64>,
    /// Its partitions are open, as of its own registration.
    ready: bool,
    want_shutdown: bool,
    may_stop: bool,
    fenced: bool,
    /// Its lease ended because nobody answered, and nobody has since.
    unanswered: bool,
    proposals: Vec<(Key, IsrChange)>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({}, boot {})", self.node.broker, self.boot)
    }
}

/// Where a broker is reached by others.
pub(crate) fn address(broker: i32) -> PeerAddress {
    PeerAddress { host: format!("broker-{broker}"), port: 9093 }
}

impl Process {
    /// Starts a broker on its machine's disk.
    pub async fn start(world: &Arc<World>, id: i32) -> Result<Arc<Self>, String> {
        world.change_machine(id, |machine| machine.boots += 1);
        let machine = world.machine(id);
        let disk_number = if world.has(Bug::OldIncarnation) { 0 } else { machine.disks };
        let fresh = Uuid::from_u128((u128::from(id.unsigned_abs()) << 64) | u128::from(disk_number + 1));
        let (dir, opened) =
            DataDir::open(machine.disk.clone(), Path::new("/data"), BrokerId(id), Incarnation(fresh))
                .map_err(|e| e.to_string())?;
        spoil(world, &machine.disk);
        let node = NodeId { broker: BrokerId(id), incarnation: dir.incarnation() };
        let (seed, drawn) = {
            let mut chance = world.chance();
            (chance.draw(), chance.draw())
        };
        let mut settings = QuorumConfig::new(node, seed);
        settings.snapshot_entries = 200;
        settings.kept_entries = 20;
        let (dead, dying) = watch::channel(false);
        let port = Arc::new(port::Port::new(id, world, dying));
        let (quorum, commits) =
            Quorum::start(settings, dir.home(), port, Arc::new(InLine)).await.map_err(|e| e.to_string())?;
        let mut chance = crate::Chance::new(drawn);
        let (controller, decider) = controller(&quorum, Box::new(move || chance.draw()));
        let file = file();
        let config = validate_broker_file(&file).map_err(|e| e.to_string())?;
        let state = State {
            dir: Some(dir),
            image: Arc::default(),
            round: MetadataIndex::default(),
            partitions: BTreeMap::new(),
            generations: 0,
            lease: Lease::new(lease(world)),
            epoch: None,
            ready: false,
            want_shutdown: false,
            unanswered: false,
            may_stop: false,
            fenced: true,
            proposals: Vec::new(),
        };
        let this = Arc::new(Self {
            world: Arc::clone(world),
            node,
            boot: machine.boots,
            clean: opened.clean_shutdown,
            quorum,
            controller,
            file: Arc::new(file),
            config: Arc::new(config),
            state: Mutex::new(state),
            reigning: Mutex::new(None),
            shard: Mutex::new(None),
            proposed: Notify::new(),
            stirred: Notify::new(),
            dead,
        });
        world.trace.note(id, "starts", format_args!("boot {} disk {}", machine.boots, machine.disks));
        world.net.listen(&this);
        this.spawn(decider.run(std::future::pending()));
        this.spawn(Arc::clone(&this).follow(commits));
        this.spawn(Arc::clone(&this).attend());
        this.spawn(Arc::clone(&this).mind_lease());
        this.spawn(Arc::clone(&this).carry_proposals());
        this.spawn(Arc::clone(&this).keep());
        this.spawn(Arc::clone(&this).tick());
        this.spawn(Arc::clone(&this).keep_house());
        Ok(this)
    }

    /// Its broker's id.
    pub const fn id(&self) -> i32 {
        self.node.broker.0
    }

    /// Which process on which machine.
    pub(crate) const fn who(&self) -> (i32, u64) {
        (self.node.broker.0, self.boot)
    }

    /// Runs a task that dies with the process.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut dying = self.dead.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = dying.wait_for(|dead| *dead) => {}
                () = task => {}
            }
        });
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self) -> MutexGuard<'_, Option<groups::Shard>> {
        self.shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reigning(&self) -> MutexGuard<'_, Option<Reigning>> {
        self.reigning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may acknowledge, for all it knows of itself.
    pub(crate) fn has_lease(&self) -> bool {
        self.state().lease.holds(self.lease_clock())
    }

    /// The wall clock here: for timestamps and ages. It jumps.
    pub(crate) fn wall(&self) -> Millis {
        self.world.wall_clock(self.id())
    }

    /// The clock that never jumps: for deadlines and lags.
    pub(crate) fn steady(&self) -> Millis {
        self.world.elapsed()
    }

    /// The clock that leases go by.
    fn lease_clock(&self) -> Millis {
        if self.world.has(Bug::LeaseByWallClock) { self.wall() } else { self.steady() }
    }

    /// The state of the metadata here.
    pub(crate) fn image(&self) -> Arc<Image> {
        Arc::clone(&self.state().image)
    }

    /// Does something with a partition.
    pub(crate) fn with<R>(&self, key: Key, act: impl FnOnce(&mut Partition, &mut Cx<'_>) -> R) -> Option<R> {
        let mut state = self.state();
        let State { partitions, lease, proposals, .. } = &mut *state;
        let partition = partitions.get_mut(&key)?;
        let now = self.steady();
        let lease = lease.holds(self.lease_clock());
        let mut cx = Cx { world: &self.world, who: self.who(), now, wall: self.wall(), lease, proposals };
        let done = act(partition, &mut cx);
        let (propose, sync) = (!cx.proposals.is_empty(), self.sync_due(partition));
        drop(state);
        if propose {
            self.proposed.notify_one();
        }
        if let Some(sync) = sync {
            self.run_sync(key, sync);
        }
        Some(done)
    }

    /// As [`Process::with`], for each.
    pub(crate) fn with_each(&self, mut act: impl FnMut(&mut Partition, &mut Cx<'_>)) {
        let keys: Vec<Key> = self.state().partitions.keys().copied().collect();
        for key in keys {
            self.with(key, &mut act);
        }
    }

    /// Time goes on for the partitions, and what could not be opened is tried again.
    async fn tick(self: Arc<Self>) {
        let mut count = 0_u64;
        loop {
            tokio::time::sleep(Duration::from_millis(25)).await;
            for key in self.due() {
                self.with(key, |partition, cx| partition.tick(cx));
            }
            count += 1;
            if count.is_multiple_of(20) {
                self.look_at_partitions();
            }
        }
    }

    /// The partitions that have something to do at this time.
    fn due(&self) -> Vec<Key> {
        let now = self.steady();
        let state = self.state();
        let due = state.partitions.iter().filter(|(_, partition)| partition.is_due(now));
        due.map(|(key, _)| *key).collect()
    }
}

/// What planted bugs do to a node's own disk.
fn spoil(world: &World, disk: &MemoryDisk) {
    if world.has(Bug::VoteForgotten) {
        let _ = disk.remove(Path::new("/data/quorum/vote"));
    }
    if world.has(Bug::QuorumNeverSyncs) {
        disk.lie_about_syncs_below(Path::new("/data/quorum"));
    }
}

/// How long an answered beat counts.
fn lease(world: &World) -> DurationMs {
    if world.has(Bug::LeaseOutlivesSession) { DurationMs(60_000) } else { SESSION }
}

/// The settings of every broker: as the defaults, but quicker to put a follower out.
fn file() -> Pairs {
    [("replica.lag.time.max.ms", "3000")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}
