//! A broker is fenced (it can not be reached, or it stops) or unfenced (it has caught up). Fenced brokers neither
//! lead nor are in sync, except for the last one that was.

use weir_model::BrokerId;
use weir_model::config::Pairs;

use super::image::Image;
use super::transition::{Brokers, Presence, on_broker};
use super::{ControllerError, Decision, Record, gate};

/// Decides what follows for the partitions. `epoch` is the registration that the request belongs to.
pub fn decide(
    image: &Image,
    id: BrokerId,
    epoch: i64,
    fenced: bool,
    defaults: &Pairs,
) -> Decision<Result<(), ControllerError>> {
    let broker = match gate::current(image, id, epoch) {
        Ok(broker) => broker,
        Err(why) => return Decision { records: Vec::new(), reply: Err(why) },
    };
    if broker.registration.fenced == fenced {
        return Decision { records: Vec::new(), reply: Ok(()) };
    }
    if broker.registration.shutting_down && !fenced {
        return Decision { records: Vec::new(), reply: Err(ControllerError::ShuttingDown(id)) };
    }
    let presence = if fenced { Presence::Fenced } else { Presence::Active };
    let mut records = vec![Record::BrokerFencingChanged { id, fenced }];
    records
        .extend(on_broker(image, id, defaults, &Brokers::with(image, id, presence), |partition| partition));
    Decision { records, reply: Ok(()) }
}
