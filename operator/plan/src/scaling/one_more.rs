//! Whether one more broker would help: it does where load that spreads is more than the brokers may bear, and does not where
//! one partition is too hot, where load is only uneven, and where there is nothing that it could take.

use std::fmt;

use super::fleet::{Fleet, Resource};
use super::{Because, percent};

/// Whether one more broker would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OneMore {
    /// It would take load off the others, which bear too much of this.
    Helps(Resource),
    /// Nobody bears too much.
    NotNeeded,
    /// Somebody bears too much, and this is why another broker does not change it.
    DoesNotHelp(Because),
    /// There are no more partitions than brokers: it would have nothing to lead.
    NothingToTake,
    /// It is not known what brokers bear, or what they may bear.
    NotKnown,
}

impl OneMore {
    /// What to tell programs; none where it is not known.
    #[must_use]
    pub const fn helps(&self) -> Option<bool> {
        match self {
            Self::Helps(_) => Some(true),
            Self::NotNeeded | Self::DoesNotHelp(_) | Self::NothingToTake => Some(false),
            Self::NotKnown => None,
        }
    }
}

impl fmt::Display for OneMore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Helps(resource) => write!(f, "one more broker would take {resource} off the others"),
            Self::NotNeeded => write!(f, "no broker bears more than its target"),
            Self::DoesNotHelp(why) => write!(f, "one more broker would not help: {why}"),
            Self::NothingToTake => {
                write!(f, "one more broker would lead nothing: there are no more partitions than brokers")
            }
            Self::NotKnown => write!(f, "it is not known what brokers bear"),
        }
    }
}

pub(super) fn of(fleet: &Fleet) -> OneMore {
    if !fleet.unmeasured.is_empty() || fleet.targets().next().is_none() || fleet.bearers.is_empty() {
        return OneMore::NotKnown;
    }
    let over = |(resource, target): &(Resource, u64)| {
        let all = u128::from(*target) * u128::from(fleet.bearing());
        u128::from(fleet.load(*resource)) > all
    };
    let over = fleet.targets().find(over).map(|(resource, _)| resource);
    let spreads = fleet.needs(100).find(|(_, needed)| *needed > fleet.bearing() + fleet.idle);
    match (spreads, over, hot_spot(fleet)) {
        (Some((resource, _)), ..) => OneMore::Helps(resource),
        (None, Some(_), _) if fleet.partitions <= u64::from(fleet.bearing()) => OneMore::NothingToTake,
        (None, _, Some(hot)) => OneMore::DoesNotHelp(hot),
        (None, _, None) => OneMore::NotNeeded,
    }
}

/// The broker that bears more than its target although all together could bear what there is.
pub(super) fn hot_spot(fleet: &Fleet) -> Option<Because> {
    let (broker, resource, part, target) = fleet.hottest()?;
    (part.load > target).then(|| Because::HotSpot {
        broker,
        resource,
        percent: percent(part.load, target),
        one_partition: part.lump > target,
    })
}
