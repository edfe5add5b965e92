//! A broker starts. What it led gets a new reign: a leader that was away may have lost the end of its log, and
//! readers must be able to tell. A disk of another incarnation is empty and no longer in sync with anything.

use weir_model::{BrokerId, Incarnation};

use super::elections::{new_reign, partitions_on, record, without};
use super::image::{Image, Partition};
use super::{BrokerEndpoint, ControllerError, Decision, Record, Registration};

/// The broker's word about itself.
#[derive(Clone, Debug)]
pub struct RegisterBroker {
    /// Its id.
    pub id: BrokerId,
    /// The identity of its disk.
    pub incarnation: Incarnation,
    /// Where it stands.
    pub rack: Option<String>,
    /// Where it is reached.
    pub endpoints: Vec<BrokerEndpoint>,
    /// Whether it has to prove that it has caught up before it may lead. A broker that is its own controller has.
    pub fenced: bool,
    /// Whether it can prove that it stopped cleanly, so that its logs end where they ended.
    pub clean: bool,
}

/// How a broker comes back.
#[derive(Clone, Copy)]
struct Return {
    id: BrokerId,
    fenced: bool,
    clean: bool,
}

/// Decides whether it may join. The reply is its new epoch.
pub fn decide(image: &Image, command: RegisterBroker) -> Decision<Result<i64, ControllerError>> {
    let before = image.broker(command.id).map(|b| &b.registration);
    let other_disk = before.is_some_and(|b| b.incarnation != command.incarnation);
    if other_disk && before.is_some_and(|b| !b.fenced) {
        let reply = Err(ControllerError::DuplicateBroker(command.id));
        return Decision { records: Vec::new(), reply };
    }
    let epoch = before.map_or(0, |b| b.epoch + 1);
    let (id, fenced) = (command.id, command.fenced);
    let back = Return { id, fenced, clean: command.clean };
    let mut records = vec![Record::BrokerRegistered(Registration {
        id,
        incarnation: command.incarnation,
        epoch,
        rack: command.rack,
        endpoints: command.endpoints,
        fenced,
    })];
    let may_lead = |b: BrokerId| if b == id { !fenced } else { image.is_active(b) };
    records.extend(partitions_on(image, id).filter_map(|(topic, index, partition)| {
        let next =
            if other_disk { emptied(partition, id, may_lead) } else { restarted(partition, &back, may_lead) };
        Some(record(topic, index, next?))
    }));
    Decision { records, reply: Ok(epoch) }
}

/// The same disk is back.
fn restarted(
    partition: &Partition,
    command: &Return,
    may_lead: impl Fn(BrokerId) -> bool,
) -> Option<Partition> {
    let Return { id, fenced, clean } = *command;
    let others_in_sync = partition.isr.iter().any(|b| *b != id);
    // Without a clean stop the end of its log may be gone, and somebody else certainly has it.
    if fenced || (!clean && others_in_sync) {
        return without(partition, id, may_lead);
    }
    let led = partition.leader == Some(id);
    let waits_for_it = partition.leader.is_none() && partition.isr.contains(&id);
    (led || waits_for_it).then(|| new_reign(partition, may_lead))
}

/// An empty disk is here instead: it holds nothing, so it is in sync with nothing, even as the last member. Then
/// the partition has no leader and nobody in sync until an operator accepts the loss.
fn emptied(partition: &Partition, id: BrokerId, may_lead: impl Fn(BrokerId) -> bool) -> Option<Partition> {
    if !partition.isr.contains(&id) && !partition.elr.contains(&id) {
        return None;
    }
    let mut next = partition.clone();
    next.isr.retain(|b| *b != id);
    next.elr.retain(|b| *b != id);
    if partition.leader == Some(id) {
        return Some(new_reign(&next, |b| b != id && may_lead(b)));
    }
    next.partition_epoch.0 += 1;
    Some(next)
}
