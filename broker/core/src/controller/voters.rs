//! Who votes in the metadata quorum: three brokers where there are as many, one where there are fewer. One change at
//! a time, each safe by itself; the caller makes it and asks again. Brokers that are merely away keep their vote for a
//! while, and the quorum never shrinks because somebody is away.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{BrokerId, DurationMs, Incarnation, Millis};

use super::image::Image;

/// One raft node: a broker with one disk. Another disk is another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The broker.
    pub broker: BrokerId,
    /// Its disk.
    pub incarnation: Incarnation,
}

/// The quorum as its leader sees it.
#[derive(Clone, Debug)]
pub struct Membership<'a> {
    /// The leader itself: it never removes itself.
    pub me: Member,
    /// Those that vote.
    pub voters: &'a BTreeSet<Member>,
    /// Those that only follow.
    pub learners: &'a BTreeSet<Member>,
    /// Those that have (nearly) all of the log.
    pub caught_up: &'a BTreeSet<Member>,
}

/// One change of the quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A registered broker begins to follow.
    AddLearner(Member),
    /// A learner votes from here on.
    Promote(Member),
    /// One joins the voters as another leaves them, in one step. The one that leaves goes on as a learner.
    Replace {
        /// Votes no longer.
        old: Member,
        /// Votes from here on.
        new: Member,
    },
    /// A voter becomes a learner.
    Demote(Member),
    /// A node leaves altogether, as a voter or a learner.
    Remove(Member),
}

/// Since when brokers are fenced, as far as this controller has seen.
#[derive(Clone, Debug, Default)]
pub struct Absences {
    since: BTreeMap<BrokerId, Millis>,
}

impl Absences {
    /// Looks at who is fenced now.
    pub fn observe(&mut self, image: &Image, now: Millis) {
        let fenced = |id: &BrokerId| image.broker(*id).is_some_and(|b| b.registration.fenced);
        self.since.retain(|id, _| fenced(id));
        for broker in image.brokers().filter(|b| b.registration.fenced) {
            self.since.entry(broker.registration.id).or_insert(now);
        }
    }

    fn longer_than(&self, id: BrokerId, span: DurationMs, now: Millis) -> bool {
        self.since.get(&id).is_some_and(|since| now.since(*since) >= span)
    }

    /// When the next voter has been away for `span`.
    #[must_use]
    pub fn next_deadline(&self, membership: &Membership<'_>, span: DurationMs) -> Option<Millis> {
        membership.voters.iter().filter_map(|v| self.since.get(&v.broker)).min().map(|since| *since + span)
    }
}

/// How many vote where there are enough brokers.
const VOTERS: usize = 3;

/// The next change, if any is due.
#[must_use]
pub fn next_change(
    image: &Image,
    membership: &Membership<'_>,
    absences: &Absences,
    replace_after: DurationMs,
    now: Millis,
) -> Option<Change> {
    superseded(image, membership)
        .or_else(|| newcomer(image, membership))
        .or_else(|| replacement(image, membership, absences, replace_after, now))
        .or_else(|| growth(image, membership))
        .or_else(|| shrinkage(image, membership))
}

/// Whether the node is the broker's present disk.
fn is_current(image: &Image, member: Member) -> bool {
    image.broker(member.broker).is_some_and(|b| b.registration.incarnation == member.incarnation)
}

/// One of the first voters, which has not come to register yet: it counts as it was named.
fn is_expected(image: &Image, member: Member) -> bool {
    image.broker(member.broker).is_none() && image.next_broker_epoch(member.broker) == 0
}

fn is_live(image: &Image, member: Member) -> bool {
    is_current(image, member) && image.is_active(member.broker)
}

/// A node whose disk is gone, or whose broker is, can never come back. It weighs against a majority until it goes.
fn superseded(image: &Image, membership: &Membership<'_>) -> Option<Change> {
    let nodes = membership.voters.iter().chain(membership.learners);
    let keeps = |node: Member| node == membership.me || is_current(image, node) || is_expected(image, node);
    let gone = nodes.copied().find(|node| !keeps(*node))?;
    let last_voter = membership.voters.len() == 1 && membership.voters.contains(&gone);
    (!last_voter).then_some(Change::Remove(gone))
}

fn newcomer(image: &Image, membership: &Membership<'_>) -> Option<Change> {
    let registered = image
        .brokers()
        .map(|b| Member { broker: b.registration.id, incarnation: b.registration.incarnation });
    let mut strangers =
        registered.filter(|node| !membership.voters.contains(node) && !membership.learners.contains(node));
    strangers.next().map(Change::AddLearner)
}

/// The live learner of the lowest id that could vote at once.
fn candidate(image: &Image, membership: &Membership<'_>) -> Option<Member> {
    let ready = |node: &&Member| membership.caught_up.contains(node) && is_live(image, **node);
    membership.learners.iter().find(ready).copied()
}

fn replacement(
    image: &Image,
    membership: &Membership<'_>,
    absences: &Absences,
    replace_after: DurationMs,
    now: Millis,
) -> Option<Change> {
    let away =
        |node: &&Member| **node != membership.me && absences.longer_than(node.broker, replace_after, now);
    let old = *membership.voters.iter().find(away)?;
    let new = candidate(image, membership)?;
    Some(Change::Replace { old, new })
}

/// From one to three, through two: only begun when three are there to end it.
fn growth(image: &Image, membership: &Membership<'_>) -> Option<Change> {
    let live = image.brokers().filter(|b| b.is_active()).count();
    if membership.voters.len() >= VOTERS || live < VOTERS {
        return None;
    }
    candidate(image, membership).map(Change::Promote)
}

/// Brokers have been unregistered, or more than three were named as the first voters. Two that vote are worse than
/// one: either one's loss stops them.
fn shrinkage(image: &Image, membership: &Membership<'_>) -> Option<Change> {
    if membership.voters.iter().any(|node| is_expected(image, *node)) {
        return None;
    }
    let target = if image.brokers().count() >= VOTERS { VOTERS } else { 1 };
    if membership.voters.len() <= target {
        return None;
    }
    let others = || membership.voters.iter().rev().filter(|node| **node != membership.me);
    let away = others().find(|node| !is_live(image, **node));
    away.or_else(|| others().next()).copied().map(Change::Demote)
}
