//! Whether a request may be looked at: is it of the broker's latest registration, does it mean the disk that is
//! there, may the records it needs be written yet.

use weir_model::{BrokerId, Incarnation};

use super::image::{Broker, Image};
use super::{ControllerError, METADATA_VERSION_MANY_BROKERS};

/// The broker, if `epoch` is that of its latest registration.
pub(super) fn current(image: &Image, id: BrokerId, epoch: i64) -> Result<&Broker, ControllerError> {
    let broker = image.broker(id).ok_or(ControllerError::UnknownBroker(id))?;
    let current = broker.registration.epoch;
    if epoch == current {
        Ok(broker)
    } else {
        Err(ControllerError::StaleBrokerEpoch { broker: id, current, asked: epoch })
    }
}

/// The broker, if the disk it has is the one that is meant.
pub(super) fn with_disk(image: &Image, id: BrokerId, asked: Incarnation) -> Result<&Broker, ControllerError> {
    let broker = image.broker(id).ok_or(ControllerError::UnknownBroker(id))?;
    let current = broker.registration.incarnation;
    if asked == current {
        Ok(broker)
    } else {
        Err(ControllerError::WrongIncarnation { broker: id, current, asked })
    }
}

/// Whether every broker understands the records that many brokers need.
pub(super) fn many_brokers(image: &Image) -> Result<(), ControllerError> {
    let (needed, finalised) = (METADATA_VERSION_MANY_BROKERS, image.metadata_version());
    if needed <= finalised { Ok(()) } else { Err(ControllerError::MetadataVersion { needed, finalised }) }
}
