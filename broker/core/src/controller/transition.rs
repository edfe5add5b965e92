//! The one way in which a partition changes: who is in sync, who is eligible, whether a move has ended, who leads.
//! Whatever the cause, [`Transition::finish`] restores the invariants in the same order. Only members of the ISR are
//! elected, else eligible ones (KIP-966); anybody else only where the topic or an operator accepts the loss.

use weir_model::config::{Durability, Pairs, TopicRules};
use weir_model::{BrokerId, PartitionIndex, TopicId};

use super::Record;
use super::image::{Image, Partition, Topic};

/// Who is there, as it will be after the decision: one broker may be about to change.
#[derive(Clone, Copy)]
pub(super) struct Brokers<'a> {
    image: &'a Image,
    changing: Option<(BrokerId, Presence)>,
}

/// What one broker may do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Lead and be in sync.
    Active,
    /// Lead on where nobody else can: it is shutting down.
    Leaving,
    /// Nothing.
    Fenced,
}

impl<'a> Brokers<'a> {
    pub(super) const fn now(image: &'a Image) -> Self {
        Self { image, changing: None }
    }

    pub(super) const fn with(image: &'a Image, id: BrokerId, presence: Presence) -> Self {
        Self { image, changing: Some((id, presence)) }
    }

    fn presence(&self, id: BrokerId) -> Presence {
        match (self.changing, self.image.broker(id)) {
            (Some((changing, presence)), _) if changing == id => presence,
            (_, Some(broker)) if broker.is_active() => Presence::Active,
            (_, Some(broker)) if !broker.registration.fenced => Presence::Leaving,
            (_, _) => Presence::Fenced,
        }
    }

    pub(super) fn active(&self, id: BrokerId) -> bool {
        self.presence(id) == Presence::Active
    }
}

/// Which leader is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Election {
    /// Whoever leads, as long as it can.
    Keep,
    /// The first replica, if it is in sync.
    Preferred,
    /// Anybody rather than nobody.
    Unclean,
}

/// Replicas, and the move that leads there.
pub(super) struct Assignment {
    /// All of them, in order of preference.
    pub(super) replicas: Vec<BrokerId>,
    /// Those of them that the move adds.
    pub(super) adding: Vec<BrokerId>,
    /// Those of them that the move takes away.
    pub(super) removing: Vec<BrokerId>,
    /// The most bytes a second that it may copy.
    pub(super) throttle: Option<u64>,
}

/// A partition on its way to its next state.
pub(super) struct Transition<'a> {
    before: &'a Partition,
    next: Partition,
    rules: TopicRules,
    election: Election,
    reign_ends: bool,
    /// Whose log is not, or not provably, whole: it is neither in sync nor eligible.
    lost: Option<BrokerId>,
}

impl<'a> Transition<'a> {
    pub(super) fn of(before: &'a Partition, rules: TopicRules) -> Self {
        let next = before.clone();
        Self { before, next, rules, election: Election::Keep, reign_ends: false, lost: None }
    }

    /// These are in sync from here on.
    pub(super) fn in_sync(mut self, isr: Vec<BrokerId>) -> Self {
        self.next.isr = isr;
        self
    }

    /// Which leader is wanted.
    pub(super) const fn wanting(mut self, election: Election) -> Self {
        self.election = election;
        self
    }

    /// A broker has restarted and may go on where it stopped. What it led is a new reign: readers must be able to
    /// tell.
    pub(super) fn restarted(mut self, id: BrokerId) -> Self {
        self.reign_ends = self.before.leader == Some(id);
        self
    }

    /// A broker has restarted without a proof that its log ends where it ended. Others in sync certainly have the
    /// end. Alone, it has everything it acknowledged where that was on its disk, and nobody has more where it is the
    /// only replica. Otherwise an operator has to accept the loss.
    pub(super) fn restarted_without_proof(mut self, id: BrokerId) -> Self {
        let on_disk = self.rules.durability == Durability::Fsync;
        let alone = self.next.isr == [id];
        let whole = on_disk || (alone && self.next.replicas.len() == 1);
        if !whole {
            self.lost = Some(id);
            if alone {
                self.next.last_known = Some(id);
            }
        }
        if !alone {
            self.next.isr.retain(|b| *b != id);
        }
        self.restarted(id)
    }

    /// A broker has come back with an empty disk: it is in sync with nothing, even as the last one.
    pub(super) fn emptied(mut self, id: BrokerId) -> Self {
        self.lost = Some(id);
        self.next.last_known = self.next.last_known.filter(|b| *b != id);
        self.restarted(id)
    }

    /// A replica has lost a part of its log: others have it. The reign ends, so that nothing it did in it counts.
    pub(super) const fn damaged(mut self, id: BrokerId) -> Self {
        self.lost = Some(id);
        self.reign_ends = true;
        self
    }

    /// The partition gets other replicas: those that stay or come, then those that go when the move ends.
    pub(super) fn assigned(mut self, to: Assignment) -> Self {
        let Assignment { replicas, adding, removing, throttle } = to;
        (self.next.replicas, self.next.adding, self.next.removing) = (replicas, adding, removing);
        self.next.throttle = throttle.filter(|_| self.next.is_moving());
        self
    }

    /// The next state, or `None` when nothing changes.
    pub(super) fn finish(mut self, brokers: &Brokers<'_>) -> Option<Partition> {
        self.drop_those_not_in_sync(brokers);
        self.end_the_move();
        let unclean = self.elect(brokers);
        // Whoever was elected from outside may be all that the target asks for.
        self.end_the_move();
        self.keep_eligible(unclean);
        self.count()
    }

    /// The last one in sync stays, whatever became of its broker, so that it is known who holds the data.
    fn drop_those_not_in_sync(&mut self, brokers: &Brokers<'_>) {
        let (next, lost) = (&mut self.next, self.lost);
        next.isr.retain(|b| Some(*b) != lost && next.replicas.contains(b));
        next.elr.retain(|b| Some(*b) != lost && next.replicas.contains(b));
        next.last_known = next.last_known.filter(|b| next.replicas.contains(b));
        if next.isr.iter().any(|b| brokers.active(*b)) {
            next.isr.retain(|b| brokers.active(*b));
        }
    }

    /// A move has ended when every replica that stays is in sync.
    fn end_the_move(&mut self) {
        let next = &mut self.next;
        let target = next.target();
        if !next.is_moving() || !target.iter().all(|b| next.isr.contains(b)) {
            return;
        }
        next.isr.retain(|b| target.contains(b));
        next.elr.retain(|b| target.contains(b));
        next.replicas = target;
        next.adding.clear();
        next.removing.clear();
        next.throttle = None;
    }

    /// Says who leads; whether anybody was elected who may miss acknowledged records.
    fn elect(&mut self, brokers: &Brokers<'_>) -> bool {
        let next = &mut self.next;
        let led = self.before.leader.filter(|leader| next.isr.contains(leader));
        let active = |b: &BrokerId| brokers.active(*b);
        let first = |among: &[BrokerId]| {
            next.replicas.iter().copied().find(|b| among.contains(b) && brokers.active(*b))
        };
        let preferred = next.replicas.first().copied().filter(|b| next.isr.contains(b)).filter(active);
        let wanted = if self.election == Election::Preferred { preferred } else { led.filter(active) };
        let leaving = led.filter(|b| brokers.presence(*b) == Presence::Leaving);
        let clean = wanted.or_else(|| led.filter(active)).or_else(|| first(&next.isr)).or(leaving);
        if clean.is_some() {
            next.leader = clean;
            return false;
        }
        let eligible = first(&next.elr);
        let accepted = self.rules.unclean || self.election == Election::Unclean;
        let last_known = next.last_known.filter(active);
        let anybody = last_known.or_else(|| first(&next.replicas)).filter(|_| accepted);
        next.leader = eligible.or(anybody);
        if let Some(leader) = next.leader {
            next.isr = vec![leader];
        }
        next.leader.is_some() && eligible.is_none()
    }

    /// Below min ISR nothing more is committed, so whoever leaves the ISR has all that is.
    fn keep_eligible(&mut self, unclean: bool) {
        let (next, before, lost) = (&mut self.next, self.before, self.lost);
        if !next.isr.is_empty() {
            next.last_known = None;
        }
        let enough = next.isr.len() >= self.rules.min_isr.min(next.replicas.len());
        if enough || unclean {
            next.elr.clear();
            return;
        }
        for left in &before.isr {
            if Some(*left) != lost && next.replicas.contains(left) && !next.elr.contains(left) {
                next.elr.push(*left);
            }
        }
        next.elr.retain(|b| !next.isr.contains(b));
    }

    /// A replica that was taken away must not be served any more, so that ends the reign too.
    fn count(mut self) -> Option<Partition> {
        let before = self.before;
        let taken_away = before.replicas.iter().any(|b| !self.next.replicas.contains(b));
        let new_reign = self.reign_ends || taken_away || self.next.leader != before.leader;
        if self.next == *before && !new_reign {
            return None;
        }
        if new_reign {
            self.next.leader_epoch = before.leader_epoch.next();
        }
        self.next.partition_epoch.0 += 1;
        Some(self.next)
    }
}

/// What follows for every partition that has a replica on a broker.
pub(super) fn on_broker(
    image: &Image,
    id: BrokerId,
    defaults: &Pairs,
    brokers: &Brokers<'_>,
    begin: impl Fn(Transition<'_>) -> Transition<'_>,
) -> Vec<Record> {
    let mut rules = Rules::new(image, defaults);
    let changed = image.partitions_on(id).filter_map(|(topic, index, partition)| {
        let next = begin(Transition::of(partition, rules.of(topic))).finish(brokers)?;
        Some(record(topic.id, index, next))
    });
    changed.collect()
}

/// Topics' rules, read once for all partitions of a topic that follow each other.
pub(super) struct Rules<'a> {
    image: &'a Image,
    defaults: &'a Pairs,
    last: Option<(TopicId, TopicRules)>,
}

impl<'a> Rules<'a> {
    pub(super) const fn new(image: &'a Image, defaults: &'a Pairs) -> Self {
        Self { image, defaults, last: None }
    }

    pub(super) fn of(&mut self, topic: &Topic) -> TopicRules {
        match self.last {
            Some((id, rules)) if id == topic.id => rules,
            _ => {
                let rules = self.image.topic_rules(topic, self.defaults);
                self.last = Some((topic.id, rules));
                rules
            }
        }
    }
}

pub(super) fn record(topic: TopicId, index: PartitionIndex, state: Partition) -> Record {
    Record::PartitionChanged { topic, index, state }
}
