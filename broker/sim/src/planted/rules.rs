//! Bugs in the rules themselves: what the controller of `core` decides is bent before it is proposed. The rules know nothing
//! of it.

use weir_core::controller::{Decision, Image, Partition, Record};

use super::Bug;

/// The decision, bent as the bug would have it.
pub(crate) fn bend<R>(bug: Option<Bug>, image: &Image, mut decision: Decision<R>) -> Decision<R> {
    match bug {
        Some(Bug::WipedStaysInSync) => keep_the_wiped(image, &mut decision.records),
        Some(Bug::ReignDoesNotGrow) => bend_partitions(image, &mut decision.records, |before, next| {
            next.leader_epoch = before.leader_epoch;
        }),
        Some(Bug::EligibleWithoutProof) => {
            bend_partitions(image, &mut decision.records, |_, next| {
                if !next.elr.is_empty() {
                    let isr = &next.isr;
                    next.elr = next.replicas.iter().copied().filter(|id| !isr.contains(id)).collect();
                }
            });
        }
        _ => {}
    }
    decision
}

fn keep_the_wiped(image: &Image, records: &mut Vec<Record>) {
    let wiped = records.iter().any(|record| match record {
        Record::BrokerRegistered(new) => {
            let known = image.broker(new.id).map(|known| known.registration.incarnation);
            known.is_some_and(|known| known != new.incarnation)
        }
        _ => false,
    });
    if wiped {
        records.retain(|record| !matches!(record, Record::PartitionChanged { .. }));
    }
}

fn bend_partitions(image: &Image, records: &mut [Record], bend: impl Fn(&Partition, &mut Partition)) {
    for record in records {
        if let Record::PartitionChanged { topic, index, state } = record
            && let Some(before) = image.partition(*topic, *index)
        {
            bend(before, state);
        }
    }
}
