//! How many brokers a cluster should have, from what they bear: which resource binds, whether one more would help, whether
//! one fewer is safe. Pure, and without a memory: [`judge`] looks at one moment, [`steer`] turns judgements into a number
//! that changes seldom, going on from what status says of the last one. Must never recommend fewer brokers than some topic
//! has replicas, nor fewer than the quorum needs, and never anything at all from measures that are not there.

mod fleet;
mod one_fewer;
mod one_more;
mod steer;

#[cfg(test)]
mod tests;

pub use self::fleet::{Bearer, Fleet, Limits, Part, Resource};
pub use self::one_fewer::Unsafe;
pub use self::one_more::OneMore;
pub use self::steer::{Course, Direction, Quiet, Windows, steer};

use std::fmt;

use weir_model::BrokerId;

/// The share of a target, in percent, that brokers may bear after one of them has gone. What lies between this and the
/// target is no reason to change anything.
pub const AFTER_ONE_LEFT_PERCENT: u64 = 80;

/// The brokers that a quorum needs to lose one of them and go on.
const QUORUM: u32 = 3;

/// The fewest and the most brokers that a person allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The fewest.
    pub min: u32,
    /// The most.
    pub max: u32,
}

impl Bounds {
    /// Where nobody said.
    pub const NONE: Self = Self { min: 1, max: 1000 };
}

/// What is thought of a cluster at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// How many brokers it should have.
    pub recommended: u32,
    /// Why this many and not fewer; or what keeps it from being another number.
    pub because: Because,
    /// What is borne of each resource whose target is known.
    pub borne: Vec<Borne>,
    /// Whether one more would help.
    pub one_more: OneMore,
    /// Why one fewer would not be safe; none: it is.
    pub one_fewer: Option<Unsafe>,
}

impl Judgement {
    /// What is borne of one resource, if that is known.
    #[must_use]
    pub fn borne(&self, resource: Resource) -> Option<&Borne> {
        self.borne.iter().find(|borne| borne.resource == resource)
    }

    /// Whether the load asks for more brokers than a person allows.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        matches!(self.because, Because::AtMost { .. })
    }
}

/// What all brokers together bear of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Borne {
    /// Of what.
    pub resource: Resource,
    /// What they bear: thousandths of a core, bytes, or bytes a second.
    pub load: u64,
    /// What they may bear by the target.
    pub target: u64,
}

impl Borne {
    /// The load in percent of the target.
    #[must_use]
    pub fn percent(&self) -> u64 {
        percent(self.load, self.target)
    }
}

/// Why a number is recommended. [`Because::reason`] is stable, `Display` is the sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// Fewer would bear more of this than their target.
    Load {
        /// Of what.
        resource: Resource,
        /// What is borne, in percent of the target of all brokers that there are.
        percent: u64,
    },
    /// More would be needed, and nobody wants so many.
    AtMost {
        /// For what.
        resource: Resource,
        /// How many would be needed.
        needed: u32,
    },
    /// A broker bears too much, and more brokers do not change that.
    HotSpot {
        /// Which one.
        broker: BrokerId,
        /// Of what.
        resource: Resource,
        /// What it bears, in percent of the target.
        percent: u64,
        /// Whether one partition alone is more than the target.
        one_partition: bool,
    },
    /// A topic has this many replicas.
    Replicas {
        /// The topic.
        topic: String,
        /// Its replicas.
        factor: u32,
    },
    /// Fewer are not wanted.
    AtLeast,
    /// Fewer would do, and would not be safe.
    NotSafe(Unsafe),
    /// Nothing speaks for another number.
    WithinTargets,
    /// Some broker did not say what it bears.
    NotMeasured {
        /// Which one.
        broker: BrokerId,
    },
    /// Nobody said what a broker may bear.
    NoTargets,
}

impl Because {
    /// A stable CamelCase word.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Load { resource: Resource::Cpu, .. } => "Cpu",
            Self::Load { resource: Resource::Disk, .. } => "Disk",
            Self::Load { resource: Resource::Network, .. } => "Network",
            Self::AtMost { .. } => "MaxReplicas",
            Self::HotSpot { one_partition: true, .. } => "HotPartition",
            Self::HotSpot { one_partition: false, .. } => "Uneven",
            Self::Replicas { .. } => "ReplicationFactor",
            Self::AtLeast => "MinReplicas",
            Self::NotSafe(_) => "OneFewerNotSafe",
            Self::WithinTargets => "WithinTargets",
            Self::NotMeasured { .. } => "MeasuresUnknown",
            Self::NoTargets => "NoTargets",
        }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load { resource, percent } => {
                write!(f, "brokers bear {percent} % of their target for {resource}")
            }
            Self::AtMost { resource, needed } => {
                write!(f, "{resource} would need {needed} brokers: raise autoscaling.maxReplicas")
            }
            Self::HotSpot { broker, resource, percent, one_partition: true } => write!(
                f,
                "broker {broker} bears {percent} % of its target for {resource}, most of it by one partition: give its \
                 topic more partitions, or spread its keys; more brokers do not help"
            ),
            Self::HotSpot { broker, resource, percent, one_partition: false } => write!(
                f,
                "broker {broker} bears {percent} % of its target for {resource} while all together are within theirs: \
                 more brokers do not help, an even spread does"
            ),
            Self::Replicas { topic, factor } => write!(f, "topic {topic} has {factor} replicas"),
            Self::AtLeast => write!(f, "autoscaling.minReplicas wants no fewer"),
            Self::NotSafe(why) => write!(f, "fewer would do, and one fewer is not safe: {why}"),
            Self::WithinTargets => write!(f, "brokers are within their targets, and fewer might not be"),
            Self::NotMeasured { broker } => write!(f, "broker {broker} does not say what it bears"),
            Self::NoTargets => write!(
                f,
                "it is not known what a broker may bear: set autoscaling.targets, or resources.requests.cpu"
            ),
        }
    }
}

/// What to think of a cluster that shall have `fleet.brokers` brokers.
#[must_use]
pub fn judge(fleet: &Fleet, bounds: Bounds) -> Judgement {
    let one_fewer = one_fewer::unsafe_because(fleet, bounds);
    let one_more = one_more::of(fleet);
    let (recommended, because) = recommend(fleet, bounds, one_fewer.as_ref());
    Judgement { recommended, because, borne: fleet.borne(), one_more, one_fewer }
}

fn recommend(fleet: &Fleet, bounds: Bounds, one_fewer: Option<&Unsafe>) -> (u32, Because) {
    let now = fleet.brokers;
    if let Some(broker) = fleet.unmeasured.first() {
        return (now, Because::NotMeasured { broker: *broker });
    }
    let needs: Vec<_> = fleet.needs(100).collect();
    if needs.is_empty() {
        return (now, Because::NoTargets);
    }
    let (floor, why) = floor(fleet, bounds);
    let most = needs.iter().copied().max_by_key(|(_, needed)| *needed);
    if let Some((resource, needed)) = most.filter(|(_, needed)| *needed > now) {
        let because = match needed > bounds.max {
            true => Because::AtMost { resource, needed },
            false => Because::Load { resource, percent: fleet.percent(resource) },
        };
        return (needed.max(floor).min(bounds.max).max(now), because);
    }
    if floor > now {
        return (floor.min(bounds.max).max(now), why);
    }
    if let Some(hot) = one_more::hot_spot(fleet) {
        return (now, hot);
    }
    let relaxed = fleet.needs(AFTER_ONE_LEFT_PERCENT).max_by_key(|(_, needed)| *needed);
    let (resource, fewer) = relaxed.unwrap_or((Resource::Disk, 0));
    let wanted = fewer.max(floor);
    match one_fewer {
        _ if fewer >= now => (now, Because::WithinTargets),
        _ if wanted >= now => (now, why),
        Some(unsafe_because) => (now, Because::NotSafe(unsafe_because.clone())),
        None if wanted == floor => (wanted, why),
        None => (wanted, Because::Load { resource, percent: fleet.percent(resource) }),
    }
}

/// The fewest that can be, whatever is borne. A quorum that can lose a broker stays one.
fn floor(fleet: &Fleet, bounds: Bounds) -> (u32, Because) {
    let factor = fleet.largest_factor();
    let holders = factor.saturating_add(fleet.idle);
    let quorum = fleet.brokers.min(QUORUM);
    match &fleet.largest {
        _ if bounds.min >= holders.max(quorum) => (bounds.min, Because::AtLeast),
        Some((topic, _)) if holders >= quorum => {
            (holders, Because::Replicas { topic: topic.clone(), factor })
        }
        _ => (quorum, Because::NotSafe(Unsafe::Quorum)),
    }
}

/// How much of the second the first is, in percent, rounded up; nothing of nothing is nothing.
fn percent(load: u64, target: u64) -> u64 {
    let percent = (u128::from(load) * 100).div_ceil(u128::from(target.max(1)));
    u64::try_from(percent).unwrap_or(u64::MAX)
}
