//! Nodes, messages in flight, clients; one random step at a time, and what must hold after it.

mod checks;

use std::collections::BTreeMap;

use super::controller::Controller;
use super::disk::{Disk, Entry};
use super::*;

/// What a world is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) durability: Durability,
    pub(super) min_isr: u32,
    /// Clients delete records; then followers may have to start over, and producers are forgotten.
    pub(super) deletes: bool,
    /// Closed parts of logs are found damaged.
    pub(super) rots: bool,
}

struct Node {
    replica: Option<Replica>,
    disk: Disk,
    broker_epoch: i64,
    /// The first of the controller's words that it has not heard yet.
    unheard: usize,
    effects: Vec<Effect>,
}

#[derive(Clone, Debug)]
enum Message {
    Fetch { to: usize, fetch: FollowerFetch, asked: FetchFrom },
    Fetched { to: usize, asked: FetchFrom, answer: Answer },
    AlterIsr { from: usize, broker_epoch: i64, change: IsrChange },
    Altered { to: usize, broker_epoch: i64, answer: IsrAnswer },
}

#[derive(Clone, Debug)]
enum Answer {
    Data { entries: Vec<Entry>, high_watermark: Offset, log_start: Offset },
    Diverging(EpochEnd),
    OutOfRange { start: Offset, end: Offset },
}

/// An idempotent producer: one batch at a time, repeated until it is acknowledged.
#[derive(Clone, Copy)]
struct Client {
    sequence: i32,
    value: u64,
    count: i32,
}

pub(super) struct World {
    random: u64,
    terms: Terms,
    now: Millis,
    nodes: Vec<Node>,
    pub(super) controller: Controller,
    network: Vec<Message>,
    clients: [Client; 2],
    /// Writes under way: the client, and what it wrote.
    sent: BTreeMap<Token, (usize, usize, BatchFacts, u64)>,
    tokens: u64,
    values: u64,
    /// The value at each offset, from the first time that any watermark passed it.
    committed: BTreeMap<Offset, u64>,
    pub(super) acknowledged: BTreeMap<u64, Offset>,
    pub(super) cuts: i32,
    /// Logs that were cut because they were damaged.
    pub(super) mended: i32,
}

impl World {
    pub(super) fn new(seed: u64, terms: Terms) -> Self {
        let node = |_| Node {
            replica: None,
            disk: Disk::default(),
            broker_epoch: 0,
            unheard: 0,
            effects: Vec::new(),
        };
        let mut world = Self {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            terms,
            now: Millis(1),
            nodes: (0..3).map(node).collect(),
            controller: Controller::new(),
            network: Vec::new(),
            clients: [Client { sequence: 0, value: 0, count: 1 }; 2],
            sent: BTreeMap::new(),
            tokens: 0,
            values: 2,
            committed: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            cuts: 0,
            mended: 0,
        };
        world.clients[1].value = 1;
        for at in 0..3 {
            world.start(at);
            world.hear(at);
        }
        world
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn policy(&self) -> Policy {
        let Terms { durability, min_isr, .. } = self.terms;
        Policy { durability, min_isr, replica_lag_max: DurationMs(60), ..policy() }
    }

    pub(super) fn step(&mut self) {
        self.now = self.now + DurationMs(self.below(4) as i64);
        let at = self.below(3) as usize;
        match self.below(1_000) {
            0..120 => self.produce(at),
            120..300 => self.fetch(at),
            300..440 => self.sync(at),
            440..820 => self.deliver(),
            820..930 => self.hear(at),
            930..960 => self.tick(at),
            960..963 => self.crash(at),
            963..975 => self.recover(at),
            975..977 => self.controller.elect(at),
            977..979 => self.suspect(at),
            979..982 => self.fence_itself(at),
            982..985 => self.delete(at),
            985..986 if self.terms.rots => self.rot(at),
            _ => self.unfence(at),
        }
        self.pump(at);
    }

    /// Most clients know who leads.
    fn produce(&mut self, at: usize) {
        let at = self.controller.now().leader.filter(|_| at > 0).unwrap_or(at);
        let who = self.below(3) as usize;
        let (mut facts, value, acks) = match self.clients.get(who) {
            Some(client) => {
                let facts = idempotent(who as i64, 0, client.sequence, client.count);
                (facts, client.value, Acks::All)
            }
            None => {
                self.values += 1;
                (plain(), self.values, Acks::Leader)
            }
        };
        facts.max_timestamp = Millis(value as i64);
        let Node { replica: Some(replica), effects, .. } = &mut self.nodes[at] else { return };
        self.tokens += 1;
        let token = Token(self.tokens);
        self.sent.insert(token, (at, who, facts, value));
        let deadline = self.now + DurationMs(200);
        let write =
            Produce { token, acks, batch: facts, leader_epoch: None, append_time: Millis::NONE, deadline };
        replica.produce(write, effects);
        self.pump(at);
    }

    fn fetch(&mut self, at: usize) {
        let node = &self.nodes[at];
        let Some(asked) = node.replica.as_ref().and_then(Replica::fetch_from) else { return };
        let heard = &self.controller.said[node.unheard - 1];
        let fetch = FollowerFetch {
            broker: BrokerId(at as i32),
            broker_epoch: node.broker_epoch,
            eligible: !heard.fenced[at],
            leader_epoch: asked.leader_epoch,
            offset: asked.offset,
            last_fetched_epoch: node.disk.last_epoch(),
        };
        self.network.push(Message::Fetch { to: asked.leader.0 as usize, fetch, asked });
    }

    fn sync(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if let Some(replica) = &mut node.replica
            && replica.sync_wanted(self.now)
        {
            node.disk.durable = node.disk.end;
            replica.on_durable(node.disk.durable, self.now, &mut node.effects);
        }
    }

    /// One of the messages under way arrives; it may get lost, and it may arrive once more.
    fn deliver(&mut self) {
        if self.network.is_empty() {
            return;
        }
        let which = self.below(self.network.len() as u64) as usize;
        let fate = self.below(20);
        let message = match fate {
            0 => self.network[which].clone(),
            _ => self.network.swap_remove(which),
        };
        if fate == 1 {
            match message {
                Message::AlterIsr { from, broker_epoch, change } => {
                    self.answer_unknown(from, broker_epoch, &change);
                }
                Message::Altered { to, broker_epoch, answer } => {
                    let answer = IsrAnswer { outcome: Err(IsrRefusal::Unknown), ..answer };
                    self.altered(to, broker_epoch, answer);
                }
                Message::Fetch { .. } | Message::Fetched { .. } => {}
            }
            return;
        }
        self.arrive(message);
    }

    fn arrive(&mut self, message: Message) {
        match message {
            Message::Fetch { to, fetch, asked } => self.answer_fetch(to, fetch, asked),
            Message::Fetched { to, asked, answer } => {
                self.fetched(to, asked, answer);
                self.pump(to);
            }
            Message::AlterIsr { from, broker_epoch, change } => {
                // The answer may be too late: the attempt counts as one of unknown outcome, and succeeds all the same.
                if self.below(4) == 0 {
                    self.answer_unknown(from, broker_epoch, &change);
                    self.network.push(Message::AlterIsr { from, broker_epoch, change });
                    return;
                }
                let outcome = self.controller.alter_isr(from, broker_epoch, &change);
                let IsrChange { leader_epoch, partition_epoch, .. } = change;
                let answer = IsrAnswer { leader_epoch, partition_epoch, outcome };
                self.network.push(Message::Altered { to: from, broker_epoch, answer });
            }
            Message::Altered { to, broker_epoch, answer } => self.altered(to, broker_epoch, answer),
        }
    }

    fn answer_unknown(&mut self, to: usize, broker_epoch: i64, change: &IsrChange) {
        let &IsrChange { leader_epoch, partition_epoch, .. } = change;
        let answer = IsrAnswer { leader_epoch, partition_epoch, outcome: Err(IsrRefusal::Unknown) };
        self.altered(to, broker_epoch, answer);
    }

    fn altered(&mut self, to: usize, broker_epoch: i64, answer: IsrAnswer) {
        let node = &mut self.nodes[to];
        if let Some(replica) = node.replica.as_mut().filter(|_| node.broker_epoch == broker_epoch) {
            replica.on_isr_answer(answer, self.now, &mut node.effects);
        }
        self.pump(to);
    }

    fn answer_fetch(&mut self, at: usize, fetch: FollowerFetch, asked: FetchFrom) {
        let most = self.below(4) as usize;
        let node = &mut self.nodes[at];
        let Some(replica) = &mut node.replica else { return };
        let answer = match replica.follower_fetch(fetch, &node.disk.reigns, self.now, &mut node.effects) {
            Ok(FollowerRead::Diverging(parts)) => Answer::Diverging(parts),
            Ok(FollowerRead::From(bound)) => Answer::Data {
                entries: node.disk.read(fetch.offset, bound.limit, most),
                high_watermark: bound.high_watermark,
                log_start: bound.log_start,
            },
            Err(ReadError::OutOfRange { start, end, .. }) => Answer::OutOfRange { start, end },
            Err(_) => return self.pump(at),
        };
        self.network.push(Message::Fetched { to: fetch.broker.0 as usize, asked, answer });
        self.pump(at);
    }

    fn fetched(&mut self, at: usize, asked: FetchFrom, answer: Answer) {
        let Node { replica: Some(replica), disk, effects, .. } = &mut self.nodes[at] else { return };
        let cut = match answer {
            Answer::Data { entries, high_watermark, log_start } => {
                let batches: Vec<_> = entries.iter().map(|e| e.batch).collect();
                let accepted = match replica.accept_fetched(asked, &batches) {
                    Err(FollowError::Stale) => return,
                    other => other.unwrap(),
                };
                let start = disk.start;
                if let Some(restart) = accepted.restart_log_at {
                    disk.empty_at(restart);
                }
                entries[..accepted.batches].iter().for_each(|e| disk.append(*e));
                disk.delete_before(start);
                replica.on_replicated(&batches[..accepted.batches], disk.end.max(start), self.now);
                replica.on_leader_state(asked.leader_epoch, high_watermark, log_start, effects).unwrap();
                return;
            }
            Answer::Diverging(parts) => replica.truncation(asked, &disk.reigns, parts),
            Answer::OutOfRange { start, end } => replica.restart_point(asked, start, end),
        };
        let Truncation { to, lost } = match cut {
            Err(FollowError::Stale) => return,
            other => other.unwrap(),
        };
        assert_eq!(lost, 0, "there was no unclean election");
        match answer {
            Answer::OutOfRange { .. } => disk.empty_at(to),
            _ => disk.cut(to),
        }
        self.cuts += 1;
        replica.on_truncated(disk.start, disk.end, disk.durable, disk.producers());
    }

    /// Hears the controller's next words.
    fn hear(&mut self, at: usize) {
        let some = 1 + self.below(3) as usize;
        self.hear_words(at, some);
    }

    fn hear_words(&mut self, at: usize, most: usize) {
        let from = self.nodes[at].unheard;
        let words = self.controller.said[from.min(self.controller.said.len())..].to_vec();
        for word in words.iter().take(most) {
            let node = &mut self.nodes[at];
            let Some(replica) = &mut node.replica else { return };
            node.unheard += 1;
            let isr: Vec<_> = word.isr.iter().map(|b| BrokerId(*b as i32)).collect();
            let news = Assignment {
                leader: word.leader.map(|b| BrokerId(b as i32)),
                leader_epoch: LeaderEpoch(word.leader_epoch),
                partition_epoch: PartitionEpoch(word.version),
                replicas: &[ME, OTHER, THIRD],
                isr: &isr,
                elr: &[],
            };
            replica.assign(news, self.now, &mut node.effects);
            Self::reigns_noted(node);
            self.mend(at);
        }
        self.pump(at);
    }

    /// A check finds a part of the log damaged that was durable.
    fn rot(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if let Some(replica) = node.replica.as_mut().filter(|_| node.disk.durable > node.disk.start) {
            node.disk.damaged = true;
            replica.on_damage(self.now, &mut node.effects);
        }
    }

    /// Before another word is heard, and before anything is fetched; the disk may refuse.
    fn mend(&mut self, at: usize) {
        let (fails, lost) = (self.below(8) == 0, self.below(80) as i64);
        let Node { replica: Some(replica), disk, effects, .. } = &mut self.nodes[at] else { return };
        let asked = effects.len();
        effects.retain(|effect| !matches!(effect, Effect::CutDamage));
        if asked == effects.len() {
            return;
        }
        if fails {
            return replica.on_cut_failed(self.now);
        }
        // Those that began were noted, and may lie in what is cut now.
        effects.retain(|effect| !matches!(effect, Effect::LeaderEpochStarted { .. }));
        disk.cut(disk.start.max(disk.end.plus(-lost)));
        disk.damaged = false;
        replica.on_truncated(disk.start, disk.end, disk.durable, disk.producers());
        replica.on_repaired();
        self.mended += 1;
    }

    /// In order, and before another word is heard.
    fn reigns_noted(node: &mut Node) {
        for effect in &node.effects {
            if let Effect::LeaderEpochStarted { epoch, start } = effect {
                assert!(*start == node.disk.end || node.disk.last_epoch() >= Some(*epoch));
                node.disk.begin_reign(*epoch, *start);
            }
        }
    }

    fn tick(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if let Some(replica) = &mut node.replica {
            replica.tick(self.now, &mut node.effects);
            self.mend(at);
        }
    }

    fn crash(&mut self, at: usize) {
        let tail = self.nodes[at].disk.end - self.nodes[at].disk.durable;
        let kept = self.below(tail as u64 + 1) as i64;
        let node = &mut self.nodes[at];
        if node.replica.take().is_some() && self.terms.durability == Durability::Fsync {
            node.disk.lose_from(node.disk.durable.plus(kept));
        }
        node.effects.clear();
    }

    /// Starts again, as a new registration: what it led is over before it hears of anything.
    fn recover(&mut self, at: usize) {
        if self.nodes[at].replica.is_none() {
            self.controller.register(at);
            self.start(at);
        }
    }

    fn start(&mut self, at: usize) {
        let policy = self.policy();
        let word = self.controller.now();
        let node = &mut self.nodes[at];
        node.broker_epoch = word.broker_epochs[at];
        node.unheard = self.controller.said.len() - 1;
        let disk = &node.disk;
        let found = Recovered {
            log_start: disk.start,
            log_end: disk.end,
            durable_end: disk.durable,
            high_watermark: disk.start,
            producers: disk.producers(),
        };
        let me = BrokerId(at as i32);
        let mut replica = Replica::new(TopicId::ZERO, PartitionIndex(0), me, policy, found);
        if disk.damaged {
            replica.on_damage(self.now, &mut node.effects);
        }
        node.replica = Some(replica);
        self.hear_words(at, 1);
    }

    /// The controller has not heard of it for too long, for a reason or not.
    fn suspect(&mut self, at: usize) {
        if !self.controller.now().fenced[at] {
            self.controller.fence(at);
        }
    }

    fn unfence(&mut self, at: usize) {
        if self.controller.now().fenced[at] && self.nodes[at].replica.is_some() {
            self.controller.unfence(at);
        }
    }

    fn fence_itself(&mut self, at: usize) {
        let fenced = self.below(3) == 0;
        let node = &mut self.nodes[at];
        if let Some(replica) = &mut node.replica {
            replica.set_fenced(fenced, &mut node.effects);
        }
    }

    fn delete(&mut self, at: usize) {
        let back = self.below(4) as i64;
        let node = &mut self.nodes[at];
        let Some(replica) = node.replica.as_mut().filter(|_| self.terms.deletes) else { return };
        let before = Offset((replica.high_watermark() - Offset(back)).max(0));
        if let Ok(start) = replica.delete_records(Some(before), None) {
            node.disk.delete_before(start);
            replica.on_log_start(node.disk.start);
        }
    }

    /// Carries out what the machine asks for.
    fn pump(&mut self, at: usize) {
        while !self.nodes[at].effects.is_empty() && self.nodes[at].replica.is_some() {
            let node = &mut self.nodes[at];
            Self::reigns_noted(node);
            let mut appended = false;
            for effect in std::mem::take(&mut node.effects) {
                match effect {
                    Effect::Append { token, base_offset, leader_epoch } => {
                        let (_, _, facts, value) = self.sent[&token];
                        let batch = FetchedBatch { base_offset, leader_epoch, facts };
                        node.disk.append(Entry { batch, value });
                        appended = true;
                    }
                    Effect::Reply { token, outcome } => {
                        let replica = node.replica.as_ref().unwrap();
                        let written = self.sent.remove(&token).expect("answered once");
                        let Ok(produced) = outcome else { continue };
                        let (_, who, facts, value) = written;
                        if who < 2 {
                            let end = facts.end_at(produced.base_offset);
                            assert!(end <= replica.high_watermark(), "acknowledged before it was committed");
                            let before = self.acknowledged.insert(value, produced.base_offset);
                            assert!(
                                before.is_none_or(|b| b == produced.base_offset),
                                "two places of one value"
                            );
                            Self::next_batch(&mut self.clients[who], value, &mut self.values);
                        }
                    }
                    Effect::LogStart(start) => {
                        node.disk.delete_before(start);
                        node.replica.as_mut().unwrap().on_log_start(node.disk.start);
                    }
                    Effect::AlterIsr(change) => {
                        let broker_epoch = node.broker_epoch;
                        self.network.push(Message::AlterIsr { from: at, broker_epoch, change });
                    }
                    Effect::CutDamage => unreachable!("it is cut before anything else happens"),
                    Effect::LeaderEpochStarted { .. } | Effect::HighWatermark(_) => {}
                }
            }
            if appended {
                let end = node.disk.end;
                node.replica.as_mut().unwrap().on_appended(end, self.now, &mut node.effects);
            }
        }
    }

    fn next_batch(client: &mut Client, acknowledged: u64, values: &mut u64) {
        if client.value == acknowledged {
            *values += 1;
            let count = 1 + (*values % 3) as i32;
            *client = Client { sequence: client.sequence + client.count, value: *values, count };
        }
    }
}
