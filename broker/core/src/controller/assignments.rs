//! Whether replicas that a client chose by hand can be.

use weir_model::BrokerId;

use super::image::Image;
use super::{ControllerError, MOST_PARTITIONS_PER_REQUEST};

/// More replicas of one partition than anybody runs.
const MOST_REPLICAS: usize = 1_000;

/// Checks the replicas of a new partition; all partitions must have as many as the `factor` says.
pub(super) fn check(
    image: &Image,
    replicas: &[BrokerId],
    factor: Option<usize>,
) -> Result<(), ControllerError> {
    check_names(image, replicas)?;
    if let Some(expected) = factor.filter(|expected| *expected != replicas.len()) {
        let found = replicas.len();
        return Err(refused(format!(
            "the assignment holds a partition of {found} replicas where the others have {expected}"
        )));
    }
    if let Some(drained) = replicas.iter().find(|b| image.broker(**b).is_some_and(|b| b.registration.drained))
    {
        return Err(refused(format!("the assignment names broker {drained}, which is drained")));
    }
    if !replicas.iter().any(|b| image.is_active(*b)) {
        return Err(refused("every broker of a partition in the assignment is fenced".to_owned()));
    }
    Ok(())
}

/// Checks that the replicas are brokers, each once.
pub(super) fn check_names(image: &Image, replicas: &[BrokerId]) -> Result<(), ControllerError> {
    if replicas.is_empty() {
        return Err(refused("the assignment holds an empty list of replicas".to_owned()));
    }
    if replicas.len() > MOST_REPLICAS {
        return Err(refused(format!("the assignment holds more than {MOST_REPLICAS} replicas")));
    }
    for (at, broker) in replicas.iter().enumerate() {
        if image.broker(*broker).is_none() {
            return Err(refused(format!("the assignment names broker {broker}, which is not registered")));
        }
        if replicas[..at].contains(broker) {
            return Err(refused(format!("the assignment names broker {broker} more than once")));
        }
    }
    Ok(())
}

/// A bound on what one request may create.
pub(super) const fn check_total(asked: usize) -> Result<(), ControllerError> {
    let most = MOST_PARTITIONS_PER_REQUEST;
    if asked > most { Err(ControllerError::TooManyPartitions { asked, most }) } else { Ok(()) }
}

const fn refused(why: String) -> ControllerError {
    ControllerError::InvalidAssignment(why)
}
