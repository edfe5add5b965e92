//! How a process ends: it is killed, it fails because its disk did, or it stops in order.

use std::sync::Arc;
use std::time::Duration;

use super::Process;
use crate::world::World;

impl Process {
    /// Nothing of it does anything any more. False when it was dead before: another process may run in its place.
    pub(crate) fn die(&self) -> bool {
        if self.dead.send_replace(true) {
            return false;
        }
        self.world.net.close(self.id());
        self.world.change_machine(self.id(), |machine| machine.haunted = true);
        self.spread_word();
        true
    }

    /// Whether it is dead.
    pub(crate) fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// Whoever was connected to it notices, unless a cut keeps it from them: the controller looks for it, others may stand
    /// for election at once.
    fn spread_word(&self) {
        let (world, id) = (Arc::clone(&self.world), self.id());
        tokio::spawn(async move {
            for other in world.net.everybody() {
                let (notices, delay) = {
                    let mut chance = world.chance();
                    (!chance.one_in(4), chance.micros(100..3000))
                };
                let cut = world.net.is_cut(id, other.id());
                if !notices || cut || other.is_dead() || other.id() == id {
                    continue;
                }
                tokio::time::sleep(delay).await;
                let led = other.quorum.state().borrow().leader.is_some_and(|leader| leader.broker.0 == id);
                if led && world.net.at(id).is_none() {
                    other.quorum.elect_now().await;
                }
                other.suspect(id);
            }
        });
    }

    /// A disk that failed ends the process.
    pub(super) fn disk_failed(&self) {
        let failed = self.state().dir.as_ref().is_some_and(|dir| dir.home().health().is_failed());
        if failed && !self.is_dead() {
            self.world.trace.note(self.id(), "disk", "failed");
            if self.die() {
                // The machine goes on, and may be given another process once this one is gone.
                let (quorum, world, id) = (self.quorum.clone(), Arc::clone(&self.world), self.id());
                tokio::spawn(async move {
                    quorum.stop().await;
                    world.gone(id);
                });
            }
        }
    }

    /// Kills it. What it wrote stays in the page cache.
    pub async fn kill(self: &Arc<Self>) {
        if self.die() {
            self.bury().await;
        }
    }

    /// What is left to do for one that has just died.
    pub(crate) async fn bury(&self) {
        self.quorum.stop().await;
        self.world.gone(self.id());
    }

    /// Stops it in order. False when it had to be killed after all.
    pub async fn stop(self: &Arc<Self>, patience: Duration) -> bool {
        self.state().want_shutdown = true;
        self.stirred.notify_one();
        let waiting = async {
            while !self.state().may_stop && !self.is_dead() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let told = tokio::time::timeout(patience, waiting).await.is_ok() && !self.is_dead();
        if !told {
            self.kill().await;
            return false;
        }
        if !self.die() {
            return false;
        }
        self.quorum.shutdown().await;
        let clean = self.close().is_ok();
        self.world.gone(self.id());
        clean
    }

    fn close(&self) -> Result<(), weir_log::LogError> {
        let mut state = self.state();
        for (_, partition) in std::mem::take(&mut state.partitions) {
            partition.close()?;
        }
        state.dir.take().map_or(Ok(()), weir_log::DataDir::close)
    }
}

impl World {
    /// Whoever runs on a machine.
    pub fn running(&self) -> Vec<Arc<Process>> {
        self.net.everybody()
    }
}
