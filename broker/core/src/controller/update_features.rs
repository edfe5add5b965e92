//! UpdateFeatures: which level of a feature the cluster finalises. A level never goes down: the log may hold records
//! that brokers of the lower level do not understand.

use std::collections::BTreeSet;

use super::image::Image;
use super::{ControllerError, Decision, METADATA_VERSION, Record};

/// The request.
#[derive(Clone, Debug, Default)]
pub struct UpdateFeatures {
    /// What to finalise.
    pub updates: Vec<FeatureUpdate>,
    /// Check, but change nothing.
    pub validate_only: bool,
}

/// One feature's new level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureUpdate {
    /// The feature.
    pub name: String,
    /// Its level.
    pub level: i16,
    /// What the caller means to do.
    pub kind: UpgradeType,
}

/// What the caller means to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeType {
    /// Only up.
    Upgrade,
    /// Down, if nothing is lost by it.
    SafeDowngrade,
    /// Down, whatever is lost by it.
    UnsafeDowngrade,
}

/// One outcome for each update of the request, in its order.
pub type Outcomes = Vec<(String, Result<(), ControllerError>)>;

/// Decides on all updates: they are made together, or none is.
pub fn decide(image: &Image, command: &UpdateFeatures) -> Decision<Outcomes> {
    let (mut records, mut seen) = (Vec::new(), BTreeSet::new());
    let reply = command.updates.iter().map(|update| {
        let outcome = if seen.insert(update.name.as_str()) {
            check(image, update)
        } else {
            Err(ControllerError::Duplicate(update.name.chars().take(256).collect()))
        };
        let outcome = outcome.map(|changes| {
            let record = Record::FeatureLevelChanged { name: update.name.clone(), level: update.level };
            records.extend(changes.then_some(record));
        });
        (update.name.clone(), outcome)
    });
    let reply: Outcomes = reply.collect();
    if command.validate_only || reply.iter().any(|(_, outcome)| outcome.is_err()) {
        records.clear();
    }
    Decision { records, reply }
}

/// Whether the update changes anything, if it may be made.
fn check(image: &Image, update: &FeatureUpdate) -> Result<bool, ControllerError> {
    let refused = |why: String| Err(ControllerError::InvalidUpdateVersion(why));
    if update.name != METADATA_VERSION {
        let name: String = update.name.chars().take(256).collect();
        return refused(format!("the cluster does not know the feature {name:?}"));
    }
    let (level, now) = (update.level, image.metadata_version());
    if level < 1 {
        return refused(format!("{METADATA_VERSION} must be at least 1"));
    }
    for broker in image.brokers() {
        let (id, range) = (broker.registration.id, broker.registration.versions);
        if !range.contains(level) {
            let (min, max) = (range.min, range.max);
            return refused(format!(
                "broker {id} understands {METADATA_VERSION} {min} to {max}, not {level}"
            ));
        }
    }
    if level < now {
        return refused(match update.kind {
            UpgradeType::Upgrade => format!("{METADATA_VERSION} is {now} already: {level} is no upgrade"),
            UpgradeType::SafeDowngrade | UpgradeType::UnsafeDowngrade => format!(
                "{METADATA_VERSION} can not go down from {now} to {level}: the log may hold newer records"
            ),
        });
    }
    Ok(level != now)
}
