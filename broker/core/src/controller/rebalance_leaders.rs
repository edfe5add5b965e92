//! Leadership goes back to the preferred leaders by itself (`auto.leader.rebalance.enable`), a little at a time: each
//! call looks at no more partitions than it is told to, goes on where the last one ended, and passes over brokers
//! that could not lead anyway.

use weir_model::BrokerId;
use weir_model::config::Pairs;

use super::image::Image;
use super::transition::{Brokers, Election, Rules, Transition, record};
use super::{Decision, PartitionKey};

/// Where a sweep over the partitions goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    broker: BrokerId,
    after: Option<PartitionKey>,
}

/// What one call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// How many partitions got their preferred leader.
    pub moved: usize,
    /// Where to go on at once; `None` when the sweep is over.
    pub next: Option<Cursor>,
}

/// Looks at up to `most` partitions that are not led by their preferred leader, from `from` on.
pub fn decide(image: &Image, from: Option<Cursor>, most: usize, defaults: &Pairs) -> Decision<Swept> {
    let (present, mut rules) = (Brokers::now(image), Rules::new(image, defaults));
    let (mut records, mut looked_at) = (Vec::new(), 0);
    let first = from.map(|cursor| cursor.broker);
    let ids = image.brokers().filter(|b| b.is_active()).map(|b| b.registration.id);
    for broker in ids.filter(|id| first.is_none_or(|first| *id >= first)) {
        let mut after = from.filter(|cursor| cursor.broker == broker).and_then(|cursor| cursor.after);
        for (topic, index, partition) in image.unpreferred_of(broker, after) {
            if looked_at == most {
                let next = Some(Cursor { broker, after });
                return Decision { reply: Swept { moved: records.len(), next }, records };
            }
            looked_at += 1;
            after = Some((topic.id, index));
            let wanted = Transition::of(partition, rules.of(topic)).wanting(Election::Preferred);
            let next = wanted.finish(&present).filter(|next| next.leader == Some(broker));
            records.extend(next.map(|next| record(topic.id, index, next)));
        }
    }
    Decision { reply: Swept { moved: records.len(), next: None }, records }
}
