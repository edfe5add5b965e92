//! Stories: a calm world from one seed in which nothing goes wrong but what the story says, in its order. A story ends
//! with what it expects and does not find; whoever tells it, everything heals afterwards, and every check of a random run
//! is made of it too. It decides nothing: what a broker does is what it does in every other run.

mod expecting;
mod mischief;
mod watching;
mod writing;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::{Builder, RngSeed};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use expecting::{expect, expect_eq};
pub use writing::{Answer, Writer};

use crate::Report;
use crate::check::end;
use crate::client::{Part, consume, produce, work_in_group};
use crate::planted::Bug;
use crate::run::{Clients, begin, conclude, offsets_topic, report};
use crate::world::message::NewTopic;
use crate::world::{Faults, Options, World};

/// How long the story waits for anything.
const PATIENCE: Duration = Duration::from_secs(90);
/// Members of the group, where there is one; the even one is static.
const MEMBERS: [i32; 3] = [-201, -202, -203];
/// Places of the story's own clients.
const FIRST_WRITER: i32 = -10;
const FIRST_READER: i32 = -100;

/// Something that the story expected is not so.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Unexpected(pub String);

/// What a story ends with.
pub type Told = Result<(), Unexpected>;

/// Where a story happens.
#[derive(Clone, Debug)]
pub struct Scene {
    seed: u64,
    brokers: i32,
    topics: Vec<NewTopic>,
    group: bool,
    bug: Option<Bug>,
}

impl Scene {
    /// So many brokers, the first three of which vote; as yet without a topic.
    #[must_use]
    pub const fn of(brokers: i32) -> Self {
        Self { seed: 1, brokers, topics: Vec::new(), group: false, bug: None }
    }

    /// With other chances: delays, and who is elected.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With a topic.
    #[must_use]
    pub fn topic(mut self, topic: NewTopic) -> Self {
        self.topics.push(topic);
        self
    }

    /// With a group of three, which commits and reads offsets all the time.
    #[must_use]
    pub const fn group(mut self) -> Self {
        self.group = true;
        self
    }

    /// With a bug, or without.
    #[must_use]
    pub const fn with(mut self, bug: Option<Bug>) -> Self {
        self.bug = bug;
        self
    }

    fn options(&self) -> Options {
        Options {
            seed: self.seed,
            brokers: self.brokers,
            least_in_sync: 2,
            busy: Duration::ZERO,
            faults: Faults::default(),
            bug: self.bug,
            trace: std::env::var_os("WEIR_SIM_TRACE").is_some(),
        }
    }
}

/// Whom the story is told to: it does what the story says, and lets it look.
#[derive(Debug)]
pub struct Script {
    world: Arc<World>,
    writers: Cell<i32>,
    load: RefCell<Vec<JoinHandle<()>>>,
    stop: watch::Sender<bool>,
    halt: watch::Sender<bool>,
}

/// Tells the story in the scene, and judges what came of it.
pub fn play(scene: Scene, story: impl AsyncFnOnce(&Script) -> Told) -> Result<Report, std::io::Error> {
    let seeded = RngSeed::from_bytes(&scene.seed.to_be_bytes());
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).rng_seed(seeded).build()?;
    Ok(runtime.block_on(Box::pin(tell(scene, story))))
}

async fn tell(scene: Scene, story: impl AsyncFnOnce(&Script) -> Told) -> Report {
    let begun = Instant::now();
    let world = World::new(scene.options());
    let mut topics = scene.topics.clone();
    topics.extend(scene.group.then(offsets_topic));
    match begin(&world, topics).await {
        Ok(()) => judge(&world, &scene, story).await,
        Err(what) => world.violation(what),
    }
    report(&world, begun).await
}

async fn judge(world: &Arc<World>, scene: &Scene, story: impl AsyncFnOnce(&Script) -> Told) {
    let script = Script {
        world: Arc::clone(world),
        writers: Cell::new(FIRST_WRITER),
        load: RefCell::default(),
        stop: watch::Sender::new(false),
        halt: watch::Sender::new(false),
    };
    if tokio::time::timeout(PATIENCE, end::settled(world)).await.is_err() {
        return world.violation(format!("never begins: {:?}", end::unsettled(world)));
    }
    let readers = script.read_everything(scene);
    world.trace.note(-99, "story", "begins");
    if let Err(Unexpected(what)) = story(&script).await {
        return world.violation(format!("unexpected: {what}"));
    }
    if !world.is_decided() {
        let members = if scene.group { MEMBERS.len() } else { 0 };
        let clients = Clients { tasks: script.load.take(), end: script.stop };
        conclude(world, clients, Clients { tasks: readers, end: script.halt }, members).await;
    }
}

impl Script {
    /// One consumer for each partition, and the group.
    fn read_everything(&self, scene: &Scene) -> Vec<JoinHandle<()>> {
        let mut readers = Vec::new();
        let mut place = FIRST_READER;
        for topic in &scene.topics {
            for partition in 0..usize::try_from(topic.partitions).unwrap_or(0) {
                let part = Part { place, topic: topic.name.clone(), partition };
                readers.push(tokio::spawn(consume(Arc::clone(&self.world), part, self.halt.subscribe())));
                place -= 1;
            }
        }
        for member in MEMBERS.into_iter().filter(|_| scene.group) {
            let (calm, halt) = (self.stop.subscribe(), self.halt.subscribe());
            readers.push(tokio::spawn(work_in_group(Arc::clone(&self.world), member, calm, halt)));
        }
        readers
    }

    /// Two producers write to a topic from now on, whatever happens, and have everything acknowledged in the end.
    pub fn keep_writing(&self, topic: &str) {
        for _ in 0..2 {
            let part = Part { place: self.next_place(), topic: topic.to_owned(), partition: 0 };
            let writing = produce(Arc::clone(&self.world), part, self.stop.subscribe());
            self.load.borrow_mut().push(tokio::spawn(writing));
        }
    }

    fn next_place(&self) -> i32 {
        self.writers.replace(self.writers.get() - 1)
    }

    /// Lets time pass.
    pub async fn seconds(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Lets a little time pass.
    pub async fn millis(&self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}
