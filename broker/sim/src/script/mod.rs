//! Stories: a calm world from one seed in which nothing goes wrong but what the story says, in its order. A story ends
//! with what it expects and does not find; whoever tells it, everything heals afterwards, and every check of a random run
//! is made of it too. It decides nothing: what a broker does is what it does in every other run.

mod expecting;
mod mischief;
mod watching;
mod writing;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::{Builder, RngSeed};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use weir_core::controller::internal_topic::CONSUMER_OFFSETS;

pub use expecting::{expect, expect_eq};
pub use writing::{Answer, Writer};

use crate::Report;
use crate::client::{Part, consume, produce, work_in_group};
use crate::planted::Bug;
use crate::run::{Clients, begin, bounded, conclude, offsets_topic, report};
use crate::world::message::NewTopic;
use crate::world::{Faults, MOST_DRAWS, Options, Promise, World};

/// A story takes no longer, with all that it waits for.
const LIFETIME: Duration = Duration::from_secs(3600);
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

/// What is different from one telling of a story to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telling {
    /// Of all chance: delays, and who is elected.
    pub seed: u64,
    /// What is wrong with the brokers.
    pub bug: Option<Bug>,
}

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

    /// In this telling.
    #[must_use]
    pub const fn told(mut self, telling: Telling) -> Self {
        (self.seed, self.bug) = (telling.seed, telling.bug);
        self
    }

    fn options(&self) -> Options {
        Options {
            seed: self.seed,
            brokers: self.brokers,
            least_in_sync: 2,
            promise: Promise::Kept,
            busy: Duration::ZERO,
            lifetime: LIFETIME,
            most_draws: MOST_DRAWS,
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
    begun: Instant,
    writers: Cell<i32>,
    load: RefCell<Vec<JoinHandle<()>>>,
    readers: RefCell<Vec<JoinHandle<()>>>,
    /// Topics that are read.
    read: RefCell<BTreeSet<String>>,
    stop: watch::Sender<bool>,
    halt: watch::Sender<bool>,
}

/// Tells the story in the scene, and judges what came of it.
pub fn play(scene: Scene, story: impl AsyncFnOnce(&Script) -> Told) -> Result<Report, std::io::Error> {
    let seeded = RngSeed::from_bytes(&scene.seed.to_be_bytes());
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).rng_seed(seeded).build()?;
    // Only the story itself is compiled anew for each.
    Ok(runtime.block_on(Box::pin(async {
        let script = Script::of(&scene);
        let (world, begun) = (Arc::clone(&script.world), script.begun);
        let telling = Box::pin(async {
            let told = match Box::pin(script.begin(&scene)).await {
                Ok(()) => Box::pin(story(&script)).await,
                Err(why) => Err(why),
            };
            Box::pin(script.end(&scene, told)).await;
        });
        bounded(&world, telling).await;
        report(&world, begun).await
    })))
}

impl Script {
    fn of(scene: &Scene) -> Self {
        Self {
            begun: Instant::now(),
            world: World::new(scene.options()),
            writers: Cell::new(FIRST_WRITER),
            load: RefCell::default(),
            readers: RefCell::default(),
            read: RefCell::default(),
            stop: watch::Sender::new(false),
            halt: watch::Sender::new(false),
        }
    }

    /// Topics are made when everybody is there, so that the first replica of each leads.
    async fn begin(&self, scene: &Scene) -> Told {
        begin(&self.world, Vec::new()).await.map_err(Unexpected)?;
        self.until_settled().await?;
        for topic in scene.topics.iter().cloned().chain(scene.group.then(offsets_topic)) {
            self.create(topic).await?;
        }
        self.until_settled().await?;
        self.work_in_group(scene);
        self.world.trace.note(-99, "story", "begins");
        Ok(())
    }

    async fn end(&self, scene: &Scene, told: Told) {
        let world = &self.world;
        match told {
            Err(Unexpected(what)) => world.violation(format!("unexpected: {what}")),
            Ok(()) if world.is_decided() => {}
            Ok(()) => {
                let members = if scene.group { MEMBERS.len() } else { 0 };
                let clients = Clients { tasks: self.load.take(), end: self.stop.clone() };
                let readers = Clients { tasks: self.readers.take(), end: self.halt.clone() };
                conclude(world, clients, readers, members).await;
            }
        }
    }
}

impl Script {
    /// A consumer reads the topic's first partition to the end of the story, under whichever id.
    fn read_everything(&self, topic: &str) {
        let place = FIRST_READER - i32::try_from(self.read.borrow().len()).unwrap_or(0);
        if topic == CONSUMER_OFFSETS || !self.read.borrow_mut().insert(topic.to_owned()) {
            return;
        }
        let part = Part { place, topic: topic.to_owned(), partition: 0 };
        let reading = consume(Arc::clone(&self.world), part, self.halt.subscribe());
        self.readers.borrow_mut().push(tokio::spawn(reading));
    }

    fn work_in_group(&self, scene: &Scene) {
        for member in MEMBERS.into_iter().filter(|_| scene.group) {
            let (calm, halt) = (self.stop.subscribe(), self.halt.subscribe());
            let working = work_in_group(Arc::clone(&self.world), member, calm, halt);
            self.readers.borrow_mut().push(tokio::spawn(working));
        }
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
