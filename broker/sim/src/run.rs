//! One run, from seed to verdict: brokers start, clients work while faults happen, everything heals, and what is there in
//! the end is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, RngSeed};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use weir_core::controller::internal_topic::CONSUMER_OFFSETS;

use crate::check::{Remains, end};
use crate::client::{Part, administrate, consume, create, produce, work_in_group};
use crate::faults;
use crate::node::{Process, address};
use crate::world::message::{Key, NewTopic};
use crate::world::{Options, Promise, World};

/// How long everything may take to be well again.
const HEALING: Duration = Duration::from_secs(120);

/// How long readers may take to see the end, and the group to come to rest.
const READING: Duration = Duration::from_secs(20);

/// The clients that are members of a group; the even one is static.
const MEMBERS: [i32; 3] = [-201, -202, -203];

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub seed: u64,
    /// What must never be, and was.
    pub violations: Vec<String>,
    /// Of everything that happened, and how many events that is.
    pub hash: (u64, u64),
    /// The cluster's time.
    pub elapsed: Duration,
    pub acknowledged: usize,
    pub rounds: usize,
}

/// Runs.
pub fn run(options: Options) -> Result<Report, std::io::Error> {
    let seeded = RngSeed::from_bytes(&options.seed.to_be_bytes());
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).rng_seed(seeded).build()?;
    Ok(runtime.block_on(Box::pin(drive(options))))
}

async fn drive(options: Options) -> Report {
    let begun = Instant::now();
    let world = World::new(options);
    let living = async {
        let mut all = topics(&world);
        all.push(offsets_topic());
        match begin(&world, all).await {
            Err(what) => world.violation(what),
            Ok(()) => work(&world).await,
        }
    };
    bounded(&world, Box::pin(living)).await;
    report(&world, begun).await
}

/// Lets it happen, for as long as any run may take. What goes on for longer has failed.
pub(crate) async fn bounded(world: &World, happening: impl Future<Output = ()>) {
    let Options { lifetime, most_draws, .. } = world.options;
    let ended = tokio::select! {
        biased;
        () = world.exhausted() => Err(format!("chance was asked {most_draws} times")),
        ended = tokio::time::timeout(lifetime, happening) => {
            ended.map_err(|_| format!("{} s of the cluster's time have passed", lifetime.as_secs()))
        }
    };
    if let Err(bound) = ended {
        let left = end::unsettled(world).unwrap_or_else(|| "everything is settled".to_owned());
        world.violation(format!("the run does not end: {bound}, and {left}"));
    }
}

/// Ends everything, and says what came of it.
pub(crate) async fn report(world: &World, begun: Instant) -> Report {
    let ending = async {
        for process in world.running() {
            process.kill().await;
        }
    };
    bounded(world, ending).await;
    let seen = world.checks.seen();
    let (acknowledged, rounds) = (seen.ghost.acknowledged_values(), seen.rounds.count());
    drop(seen);
    Report {
        seed: world.options.seed,
        violations: world.checks.violations(),
        hash: world.trace.hash(),
        elapsed: begun.elapsed(),
        acknowledged,
        rounds,
    }
}

/// Brokers without any cluster become one, with these topics.
pub(crate) async fn begin(world: &Arc<World>, topics: Vec<NewTopic>) -> Result<(), String> {
    let mut first = Vec::new();
    for id in 0..world.options.brokers {
        first.push(Process::start(world, id).await?);
    }
    let voters = first.iter().take(3).map(|process| (process.node, address(process.id()))).collect();
    first[0].quorum.initialize(voters).await.map_err(|e| e.to_string())?;
    for topic in topics {
        world.declare(&topic);
        if !create(world, topic).await {
            return Err("no topic could be created".to_owned());
        }
    }
    Ok(())
}

/// The topic that groups live on.
pub(crate) fn offsets_topic() -> NewTopic {
    Promise::Compacted.made_by(NewTopic::anywhere(CONSUMER_OFFSETS, 1, 2))
}

/// Every run has the same topics; the last one may come and go.
fn topics(world: &World) -> Vec<NewTopic> {
    vec![
        NewTopic::anywhere("orders", 1, 2),
        world.options.promise.made_by(NewTopic::anywhere("others", 1, 2)),
        NewTopic::anywhere("events", 1, world.options.least_in_sync),
    ]
}

async fn work(world: &Arc<World>) {
    let (stop, stopped) = watch::channel(false);
    let mut clients: Vec<JoinHandle<()>> = Vec::new();
    let mut parts = Vec::new();
    for topic in topics(world) {
        for partition in 0..usize::try_from(topic.partitions).unwrap_or(0) {
            parts.push((topic.name.clone(), partition));
        }
    }
    let (halt, halted) = watch::channel(false);
    let mut readers = Vec::new();
    for (at, (topic, partition)) in (0_i32..).zip(parts) {
        let part = |place| Part { place, topic: topic.clone(), partition };
        for n in 0..2 {
            let writer = part(-10 - at * 2 - n);
            clients.push(tokio::spawn(produce(Arc::clone(world), writer, stopped.clone())));
        }
        readers.push(tokio::spawn(consume(Arc::clone(world), part(-100 - at), halted.clone())));
    }
    for place in MEMBERS {
        let member = work_in_group(Arc::clone(world), place, stopped.clone(), halted.clone());
        readers.push(tokio::spawn(member));
    }
    clients.push(tokio::spawn(administrate(Arc::clone(world), topics(world), stopped)));
    faults::happen(world).await;
    if !world.is_decided() {
        let clients = Clients { tasks: clients, end: stop };
        conclude(world, clients, Clients { tasks: readers, end: halt }, MEMBERS.len()).await;
    }
}

/// Those who work until they are told to end.
pub(crate) struct Clients {
    pub(crate) tasks: Vec<JoinHandle<()>>,
    pub(crate) end: watch::Sender<bool>,
}

/// Heals everything, waits until it is well, and looks at what is there: `readers` look until the very end, so many
/// `members` of the group among them.
pub(crate) async fn conclude(world: &Arc<World>, clients: Clients, readers: Clients, members: usize) {
    faults::heal(world).await;
    world.trace.note(-99, "heals", "");
    clients.end.send_replace(true);
    let healed = async {
        for client in clients.tasks {
            let _ = client.await;
        }
        end::settled(world).await;
    };
    if tokio::time::timeout(HEALING, healed).await.is_err() {
        world.violation(format!("stuck: {}", end::unsettled(world).unwrap_or_else(|| "clients".to_owned())));
        end::tell_quorum(world);
    }
    let _ = tokio::time::timeout(READING, end::read(world, members)).await;
    if members > 0 {
        end::group_is_whole(world, members);
    }
    readers.end.send_replace(true);
    for reader in readers.tasks {
        let _ = reader.await;
    }
    if members > 0 {
        // What was on its way arrives, and no session ends.
        tokio::time::sleep(Duration::from_secs(1)).await;
        end::groups_agree(world).await;
    }
    finish(world, &end::replicas_agree(world));
}

fn finish(world: &World, remains: &BTreeMap<Key, Remains>) {
    let wrongs = world.checks.seen().history.wrongs(remains);
    for wrong in wrongs {
        world.violation(format!("history: {wrong}"));
    }
}
