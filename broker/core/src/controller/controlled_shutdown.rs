//! A broker wants to stop. It leads nothing any more that somebody else in sync can lead, and leaves every ISR in
//! which others are; then it may stop. Asked again, it is told what it still leads.

use weir_model::BrokerId;
use weir_model::config::Pairs;

use super::image::Image;
use super::transition::{Brokers, Presence, on_broker};
use super::{ControllerError, Decision, PartitionKey, Record, gate};

/// What the broker still leads. Both empty: it may stop, and no client will notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StillLeads {
    /// Another live replica may yet catch up and take over: worth waiting for.
    pub waiting: Vec<PartitionKey>,
    /// No other replica is on a live broker: waiting does not help.
    pub alone: Vec<PartitionKey>,
}

impl StillLeads {
    /// Whether the broker leads nothing any more.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.alone.is_empty()
    }
}

/// Decides what moves away from the broker; cheap when nothing does.
pub fn decide(
    image: &Image,
    id: BrokerId,
    epoch: i64,
    defaults: &Pairs,
) -> Decision<Result<StillLeads, ControllerError>> {
    let refuse = |why| Decision { records: Vec::new(), reply: Err(why) };
    let broker = match gate::current(image, id, epoch) {
        Ok(broker) => broker,
        Err(why) => return refuse(why),
    };
    if broker.registration.shutting_down {
        return Decision { records: Vec::new(), reply: Ok(still_leads(image, id)) };
    }
    if let Err(why) = gate::many_brokers(image) {
        return refuse(why);
    }
    let presence = if broker.registration.fenced { Presence::Fenced } else { Presence::Leaving };
    let mut records = vec![Record::BrokerShuttingDown { id }];
    records
        .extend(on_broker(image, id, defaults, &Brokers::with(image, id, presence), |partition| partition));
    let mut after = image.clone();
    let applied = records.iter().try_for_each(|record| after.apply(record));
    // The deciding loop applies the same records next, and reports what does not fit.
    let reply = if applied.is_ok() { still_leads(&after, id) } else { StillLeads::default() };
    Decision { records, reply: Ok(reply) }
}

fn still_leads(image: &Image, id: BrokerId) -> StillLeads {
    let mut still = StillLeads::default();
    for (topic, index, partition) in image.led_by(id) {
        let others = partition.replicas.iter().any(|b| *b != id && image.is_active(*b));
        let list = if others { &mut still.waiting } else { &mut still.alone };
        list.push((topic.id, index));
    }
    still
}
