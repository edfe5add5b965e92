//! A broker is fenced (it can not be reached, or it stops) or unfenced (it has caught up). Fenced brokers neither
//! lead nor are in sync, except for the last one that was.

use weir_model::BrokerId;

use super::elections::{new_reign, partitions_on, record, without};
use super::image::Image;
use super::{ControllerError, Decision, Record};

/// Decides what follows for the partitions. `epoch` is the registration that the request belongs to.
pub fn decide(
    image: &Image,
    id: BrokerId,
    epoch: i64,
    fenced: bool,
) -> Decision<Result<(), ControllerError>> {
    let refuse = |why| Decision { records: Vec::new(), reply: Err(why) };
    let Some(broker) = image.broker(id) else { return refuse(ControllerError::UnknownBroker(id)) };
    let current = broker.registration.epoch;
    if epoch != current {
        return refuse(ControllerError::StaleBrokerEpoch { broker: id, current, asked: epoch });
    }
    if broker.registration.fenced == fenced {
        return Decision { records: Vec::new(), reply: Ok(()) };
    }
    let may_lead = |b: BrokerId| if b == id { !fenced } else { image.is_active(b) };
    let mut records = vec![Record::BrokerFencingChanged { id, fenced }];
    records.extend(partitions_on(image, id).filter_map(|(topic, index, partition)| {
        let next = if fenced {
            without(partition, id, may_lead)
        } else {
            let waits = partition.leader.is_none() && partition.isr.contains(&id);
            waits.then(|| new_reign(partition, may_lead))
        };
        Some(record(topic, index, next?))
    }));
    Decision { records, reply: Ok(()) }
}
