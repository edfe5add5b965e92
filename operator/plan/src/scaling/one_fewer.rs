//! Whether a cluster could do with one broker fewer: the one with the highest id would go. Not knowing is a no. Says the
//! first reason that speaks against it, the hardest first.

use std::collections::BTreeSet;
use std::fmt;

use weir_model::BrokerId;

use super::fleet::{Bearer, Fleet, Resource};
use super::{AFTER_ONE_LEFT_PERCENT, Bounds, QUORUM, percent};

/// Why a broker can not be spared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsafe {
    /// Some broker did not say what it bears, or nobody said what it may bear.
    NotKnown,
    /// The quorum could not lose a broker any more.
    Quorum,
    /// A topic has as many replicas as there are brokers.
    Replicas {
        /// The topic.
        topic: String,
        /// Its replicas.
        factor: u32,
    },
    /// Nobody else stands where it stands, and replicas are spread over as many places as there are.
    Rack {
        /// The broker.
        broker: BrokerId,
        /// Where it stands.
        rack: String,
    },
    /// A person wants no fewer.
    AtLeast(u32),
    /// The others would bear too much.
    Load {
        /// Of what.
        resource: Resource,
        /// In percent of their target.
        percent: u64,
    },
    /// Some replica would have nowhere to go.
    NoRoom(String),
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotKnown => write!(f, "it is not known what brokers bear"),
            Self::Quorum => write!(f, "fewer than {QUORUM} brokers can not lose one and go on"),
            Self::Replicas { topic, factor } => write!(f, "topic {topic} has {factor} replicas"),
            Self::Rack { broker, rack } => write!(f, "broker {broker} is the only one in {rack}"),
            Self::AtLeast(min) => write!(f, "autoscaling.minReplicas is {min}"),
            Self::Load { resource, percent } => write!(
                f,
                "the others would bear {percent} % of their target for {resource}, and {AFTER_ONE_LEFT_PERCENT} % is the \
                 most after somebody has gone"
            ),
            Self::NoRoom(example) => write!(f, "not every replica could go elsewhere: {example}"),
        }
    }
}

pub(super) fn unsafe_because(fleet: &Fleet, bounds: Bounds) -> Option<Unsafe> {
    let left = fleet.brokers.saturating_sub(1);
    let bearing = left.saturating_sub(fleet.idle);
    if !fleet.unmeasured.is_empty() || fleet.bearers.is_empty() || fleet.targets().next().is_none() {
        return Some(Unsafe::NotKnown);
    }
    if left < QUORUM {
        return Some(Unsafe::Quorum);
    }
    if let Some((topic, factor)) = fleet.largest.as_ref().filter(|(_, factor)| *factor > bearing) {
        return Some(Unsafe::Replicas { topic: topic.clone(), factor: *factor });
    }
    if let Some(unsafe_because) = rack(fleet) {
        return Some(unsafe_because);
    }
    if left < bounds.min {
        return Some(Unsafe::AtLeast(bounds.min));
    }
    fleet.targets().find_map(|(resource, target)| {
        let all = target.saturating_mul(u64::from(bearing));
        let percent = percent(fleet.load(resource), all);
        (percent > AFTER_ONE_LEFT_PERCENT).then_some(Unsafe::Load { resource, percent })
    })
}

/// Whether replicas would stand in fewer places once the last broker has gone.
fn rack(fleet: &Fleet) -> Option<Unsafe> {
    let last = fleet.bearers.iter().max_by_key(|bearer| bearer.id)?;
    let own = last.rack.as_ref()?;
    let places = |bearers: &mut dyn Iterator<Item = &Bearer>| {
        let racks: BTreeSet<_> = bearers.filter_map(|bearer| bearer.rack.as_deref()).collect();
        u32::try_from(racks.len()).unwrap_or(u32::MAX)
    };
    let now = places(&mut fleet.bearers.iter());
    let then = places(&mut fleet.bearers.iter().filter(|bearer| bearer.id != last.id));
    let factor = fleet.largest_factor();
    (factor.min(then) < factor.min(now)).then(|| Unsafe::Rack { broker: last.id, rack: own.clone() })
}
