//! UnregisterBroker: a broker that has left for good. It must have stopped and hold nothing: what is not known to be
//! elsewhere is not forgotten. Moves that were about to give it a replica are cancelled.

use weir_model::config::Pairs;
use weir_model::{BrokerId, Incarnation};

use super::image::Image;
use super::transition::Rules;
use super::{ControllerError, Decision, Record, gate, reassign};

/// Decides whether the broker may be forgotten. An incarnation, where given, must be that of its disk.
pub fn decide(
    image: &Image,
    id: BrokerId,
    incarnation: Option<Incarnation>,
    defaults: &Pairs,
) -> Decision<Result<(), ControllerError>> {
    match unregister(image, id, incarnation, defaults) {
        Ok(records) => Decision { records, reply: Ok(()) },
        Err(why) => Decision { records: Vec::new(), reply: Err(why) },
    }
}

fn unregister(
    image: &Image,
    id: BrokerId,
    incarnation: Option<Incarnation>,
    defaults: &Pairs,
) -> Result<Vec<Record>, ControllerError> {
    let broker = image.broker(id).ok_or(ControllerError::UnknownBroker(id))?;
    if let Some(asked) = incarnation {
        gate::with_disk(image, id, asked)?;
    }
    gate::many_brokers(image)?;
    if !broker.registration.fenced {
        return Err(ControllerError::StillRunning(id));
    }
    let replicas = image.partitions_on(id).filter(|(_, _, p)| !p.adding.contains(&id)).count();
    if replicas > 0 {
        return Err(ControllerError::HoldsReplicas { broker: id, replicas });
    }
    let mut rules = Rules::new(image, defaults);
    let mut records = Vec::new();
    for (topic, index, partition) in image.partitions_on(id) {
        let to = reassign::cancelled(partition)?;
        records.extend(reassign::moved(image, topic, index, partition, to, &mut rules)?);
    }
    records.push(Record::BrokerUnregistered { id, epoch: broker.registration.epoch });
    Ok(records)
}
