//! Makes the broker follow the committed metadata: its partitions are opened, told their reigns, and deleted.

use std::sync::Arc;

use uuid::Uuid;
use weir_core::controller::lease::MetadataIndex;
use weir_core::controller::{Image, Partition, Record, Topic};
use weir_core::partition::{Policy, others_hold};
use weir_log::LogConfig;
use weir_model::config::TopicConfig;
use weir_model::{BrokerId, TopicId};
use weir_quorum::{Change, Commits, Committed};

use super::partition::Cx;
use super::{Partition as Held, Process, State};
use crate::planted::Bug;
use crate::world::message::Key;

impl Process {
    /// Follows every committed round until the node stops.
    pub(super) async fn follow(self: Arc<Self>, mut commits: Commits) {
        while let Some(committed) = commits.next().await {
            // A round that is late here is late for everything that hangs on it.
            let late = {
                let mut chance = self.world.chance();
                chance.one_in(20).then(|| chance.millis(1..60))
            };
            let late = late.unwrap_or_default() + self.world.machine(self.id()).late;
            if !late.is_zero() {
                tokio::time::sleep(late).await;
            }
            self.world.net.gate(self.id()).await;
            self.check_round(&committed);
            let round = MetadataIndex(committed.index.0);
            {
                let mut state = self.state();
                (state.image, state.round) = (committed.image, round);
            }
            self.look_at_partitions();
            self.state().lease.followed(round);
            self.lease_changed();
        }
    }

    fn check_round(&self, committed: &Committed) {
        let index = committed.index.0;
        let checked = match &committed.change {
            Change::Records(records) => {
                let what = format!("{records:?}");
                self.world.trace.note(self.id(), "follows", format_args!("{index}: {}", brief(records)));
                self.world.checks.seen().rounds.followed(self.who(), index, &what)
            }
            Change::Everything => {
                self.world.trace.note(self.id(), "follows", format_args!("a snapshot to {index}"));
                self.world.checks.seen().rounds.reached(self.who(), index)
            }
        };
        if let Err(what) = checked {
            self.world.violation(what);
        }
    }

    /// Makes the partitions what the image says. Not before it holds this process's own registration: see
    /// `Replica::assign`.
    pub(super) fn look_at_partitions(self: &Arc<Self>) {
        let image = self.image();
        let me = BrokerId(self.id());
        {
            let state = self.state();
            let registered = image.broker(me).map(|broker| &broker.registration);
            let mine = registered.filter(|r| r.incarnation == self.node.incarnation);
            let known = mine.is_some_and(|r| state.epoch.is_some_and(|epoch| r.epoch >= epoch));
            if (!known && !self.world.has(Bug::OpensBeforeRegistration)) || state.dir.is_none() {
                return;
            }
        }
        self.delete_what_is_gone(&image, me);
        self.follow_groups();
        let mut all = true;
        for (topic, index, assigned) in image.partitions_on(me) {
            let key = (topic.id, index);
            if !self.state().partitions.contains_key(&key) {
                all &= self.open(key, topic, &image);
            }
            self.with(key, |partition, cx| partition.assign(assigned, cx));
        }
        let mut state = self.state();
        if all && !state.ready {
            state.ready = true;
            self.stirred.notify_one();
        }
    }

    fn open(self: &Arc<Self>, key: Key, topic: &Topic, image: &Image) -> bool {
        let layers = image.layers(BrokerId(self.id()), &self.file);
        let Ok(config) = TopicConfig::resolve(&topic.config, layers) else { return false };
        let segment_bytes = 4096;
        let policy = Policy { segment_bytes: segment_bytes as u32, ..Policy::new(&config, &self.config) };
        let log = LogConfig {
            segment_bytes,
            index_interval_bytes: 256,
            checkpoint_bytes: 8192,
            recovery_bytes: 16_384,
            ..LogConfig::new(&config, &self.config)
        };
        let mut state = self.state();
        let State { dir, generations, .. } = &mut *state;
        let Some(dir) = dir else { return false };
        *generations += 1;
        let stored = if self.world.has(Bug::DirectoryByName) { by_name(topic) } else { key.0 };
        let bug = self.world.options.bug;
        let mut opened = Held::open(dir, key, stored, bug, (policy, log.clone()), *generations);
        if let Err(why) = &opened
            && why.is_damage()
            && self.may_renew(key, image)
        {
            self.world.trace.note(self.id(), "renews", format_args!("{key:?}: {why}"));
            if dir.delete_partition(key.0, key.1).is_ok() {
                opened = Held::open(dir, key, stored, bug, (policy, log), *generations);
            }
        }
        match opened {
            Ok(mut partition) => {
                let fenced = state_fenced(self, &state.lease);
                let mut nothing = Vec::new();
                let mut cx = Cx {
                    world: &self.world,
                    who: self.who(),
                    now: self.steady(),
                    wall: self.wall(),
                    lease: !fenced,
                    proposals: &mut nothing,
                };
                partition.set_fenced(fenced, &mut cx);
                let generation = partition.generation;
                state.partitions.insert(key, partition);
                drop(state);
                self.spawn(Arc::clone(self).fetch(key, generation));
                true
            }
            Err(error) => {
                drop(state);
                self.world.trace.note(self.id(), "unopened", &error);
                false
            }
        }
    }

    /// Whether a damaged log may be fetched anew.
    fn may_renew(&self, key: Key, image: &Image) -> bool {
        let held = |p: &Partition| others_hold(p.leader, &p.isr, &p.elr, BrokerId(self.id()));
        image.partition(key.0, key.1).is_some_and(|p| held(p)) || self.world.has(Bug::RenewsWhatCounts)
    }

    fn delete_what_is_gone(&self, image: &Image, me: BrokerId) {
        let mut state = self.state();
        let State { dir, partitions, .. } = &mut *state;
        let Some(dir) = dir else { return };
        let mine = |key: &Key| image.partition(key.0, key.1).is_some_and(|p| p.replicas.contains(&me));
        partitions.retain(|key, _| mine(key));
        for key in dir.partitions().unwrap_or_default() {
            if mine(&key) || self.world.has(Bug::DirectoryByName) {
                continue;
            }
            self.world.trace.note(self.id(), "deletes", format_args!("{key:?}"));
            let gone = match image.topic_by_id(key.0) {
                Some(_) => dir.delete_partition(key.0, key.1),
                None => dir.delete_topic(key.0),
            };
            if let Err(error) = gone {
                self.world.trace.note(self.id(), "undeleted", &error);
            }
        }
    }
}

fn state_fenced(process: &Process, lease: &weir_core::controller::lease::Lease) -> bool {
    !lease.holds(process.lease_clock()) && !process.world.has(Bug::NoLease)
}

/// Where a planted bug keeps a topic.
fn by_name(topic: &Topic) -> TopicId {
    let number = topic.name.as_str().bytes().fold(7, |number: u128, byte| number * 31 + u128::from(byte));
    TopicId(Uuid::from_u128(number))
}

/// The records in a few words.
fn brief(records: &[Record]) -> String {
    let mut words = String::new();
    for record in records {
        match record {
            Record::PartitionChanged { topic, index, state } => {
                let Partition { isr, elr, leader, leader_epoch, partition_epoch, .. } = state;
                let ids = |list: &[BrokerId]| list.iter().map(|id| id.0).collect::<Vec<_>>();
                let (isr, elr, leader) = (ids(isr), ids(elr), leader.map(|id| id.0));
                let name = &topic.to_string()[..4];
                words += &format!(
                    "{name}-{index}: {leader:?} in {leader_epoch}/{partition_epoch} isr {isr:?} elr {elr:?}; "
                );
            }
            Record::BrokerRegistered(r) => {
                words += &format!(
                    "broker {} registers in {} ({}); ",
                    r.id,
                    r.epoch,
                    r.incarnation.0.as_u128() as u32
                );
            }
            other => words += &format!("{other:?}; "),
        }
    }
    words
}
