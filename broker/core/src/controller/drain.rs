//! Whether a broker gets new replicas. Those that it has are moved away by whoever empties it, the command line or the
//! operator: they choose where to, and order ordinary moves.

use weir_model::{BrokerId, Incarnation};

use super::image::Image;
use super::{ControllerError, Decision, Record, gate};

/// Marks a broker as drained, or no longer. Saying it twice changes nothing.
pub fn decide(
    image: &Image,
    id: BrokerId,
    incarnation: Incarnation,
    drained: bool,
) -> Decision<Result<(), ControllerError>> {
    let allowed = gate::with_disk(image, id, incarnation);
    match allowed.and_then(|broker| gate::many_brokers(image).map(|()| broker)) {
        Err(why) => Decision { records: Vec::new(), reply: Err(why) },
        Ok(broker) => {
            let changes = broker.registration.drained != drained;
            let record = Record::BrokerDrainChanged { id, drained };
            Decision { records: changes.then_some(record).into_iter().collect(), reply: Ok(()) }
        }
    }
}
