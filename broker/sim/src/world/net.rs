//! The network between brokers and clients. Each message takes a time of its own, so that they overtake each other;
//! links are cut one way or both, messages are lost, a machine that stands still lets them wait at its gate. A message
//! that is lost has no answer, ever: whoever asks minds the time.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::World;
use super::message::{Reply, Request};
use crate::node::Process;

/// A broker's id, or a client's, which is negative.
pub type Place = i32;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Nobody listens there.
    Refused,
    /// Whoever was asked died over it.
    Broken,
    /// No answer in time.
    Late,
}

/// The links.
#[derive(Debug)]
pub struct Net {
    links: Mutex<Links>,
    /// Who stands still.
    paused: watch::Sender<BTreeSet<Place>>,
}

#[derive(Debug, Default)]
struct Links {
    listening: BTreeMap<Place, Arc<Process>>,
    cut: BTreeSet<(Place, Place)>,
    /// One message in so many is lost; 0 for none.
    loss: u64,
}

impl Default for Net {
    fn default() -> Self {
        Self { links: Mutex::default(), paused: watch::Sender::new(BTreeSet::new()) }
    }
}

impl Net {
    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A broker listens from now on.
    pub fn listen(&self, process: &Arc<Process>) {
        self.links().listening.insert(process.id(), Arc::clone(process));
    }

    /// Nobody listens there any more.
    pub fn close(&self, place: Place) {
        self.links().listening.remove(&place);
    }

    /// Who listens there.
    pub fn at(&self, place: Place) -> Option<Arc<Process>> {
        self.links().listening.get(&place).cloned()
    }

    /// Everybody who listens.
    pub fn everybody(&self) -> Vec<Arc<Process>> {
        self.links().listening.values().cloned().collect()
    }

    /// Messages from the first to the second are lost.
    pub fn cut(&self, from: Place, to: Place) {
        self.links().cut.insert((from, to));
    }

    /// They arrive again.
    pub fn mend(&self, from: Place, to: Place) {
        self.links().cut.remove(&(from, to));
    }

    /// Whether they are lost.
    pub fn is_cut(&self, from: Place, to: Place) -> bool {
        self.links().cut.contains(&(from, to))
    }

    /// One message in `n` is lost.
    pub fn lose_one_in(&self, n: u64) {
        self.links().loss = n;
    }

    /// Every link works, nothing is lost any more.
    pub fn heal(&self) {
        let mut links = self.links();
        links.cut.clear();
        links.loss = 0;
    }

    /// It stands still, or goes on.
    pub fn pause(&self, place: Place, on: bool) {
        self.paused.send_modify(|paused| {
            if on {
                paused.insert(place);
            } else {
                paused.remove(&place);
            }
        });
    }

    /// Whether it stands still.
    pub fn is_paused(&self, place: Place) -> bool {
        self.paused.borrow().contains(&place)
    }

    /// Waits until it does not stand still.
    pub async fn gate(&self, place: Place) {
        if self.is_paused(place) {
            let mut paused = self.paused.subscribe();
            let _ = paused.wait_for(|paused| !paused.contains(&place)).await;
        }
    }

    /// The way of one message. Never ends when it is lost.
    async fn travel(&self, world: &World, from: Place, to: Place) {
        self.gate(from).await;
        let (lost, delay) = {
            let links = self.links();
            let mut chance = world.chance();
            let delay = if chance.one_in(100) { chance.millis(5..80) } else { chance.micros(100..1500) };
            (links.cut.contains(&(from, to)) || chance.one_in(links.loss), delay)
        };
        if lost {
            return pending().await;
        }
        tokio::time::sleep(delay).await;
        self.gate(to).await;
    }

    /// Asks, and waits for the answer, for ever if it is lost.
    pub async fn ask(
        &self,
        world: &Arc<World>,
        from: Place,
        to: Place,
        request: Request,
    ) -> Result<Reply, Lost> {
        self.travel(world, from, to).await;
        let Some(target) = self.at(to) else {
            self.travel(world, to, from).await;
            return Err(Lost::Refused);
        };
        let (answer, answered) = oneshot::channel();
        let serving = Arc::clone(&target);
        target.spawn(async move {
            let _ = answer.send(serving.serve(request).await);
        });
        let reply = answered.await.map_err(|_| Lost::Broken);
        self.travel(world, to, from).await;
        reply
    }

    /// As [`Net::ask`], for no longer than `limit`.
    pub async fn call(
        &self,
        world: &Arc<World>,
        from: Place,
        to: Place,
        request: Request,
        limit: Duration,
    ) -> Result<Reply, Lost> {
        tokio::time::timeout(limit, self.ask(world, from, to, request)).await.unwrap_or(Err(Lost::Late))
    }
}
