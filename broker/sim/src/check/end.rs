//! What must be in the end, once everything has healed: everybody leads and follows again, replicas are the same byte for
//! byte, and every acknowledged value is there once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use weir_core::controller::internal_topic::CONSUMER_OFFSETS;
use weir_model::BrokerId;

use crate::client::TASKS;
use crate::node::Process;
use crate::world::World;
use crate::world::message::Key;

/// Waits until nothing is left to settle.
pub(crate) async fn settled(world: &Arc<World>) {
    while unsettled(world).is_some() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What is not settled yet.
pub(crate) fn unsettled(world: &World) -> Option<String> {
    let running = world.running();
    if running.len() != usize::try_from(world.options.brokers).unwrap_or(0) {
        return Some(format!("only {} brokers run", running.len()));
    }
    let image = running[0].image();
    for process in &running {
        let id = BrokerId(process.id());
        if *process.image() != *image {
            return Some(format!("brokers {} and {id} do not have the same metadata", running[0].id()));
        }
        let Some(broker) = image.broker(id) else { return Some(format!("broker {id} is not registered")) };
        if !broker.is_active() {
            return Some(format!("broker {id} is fenced"));
        }
    }
    for topic in image.topics() {
        for (index, partition) in topic.numbered() {
            let name = format!("{}-{index}", topic.name);
            let Some(leader) = partition.leader else { return Some(format!("nobody leads {name}")) };
            if partition.isr.len() != partition.replicas.len() || partition.is_moving() {
                return Some(format!("the ISR of {name} is {:?} of {:?}", partition.isr, partition.replicas));
            }
            let ends = |id: BrokerId| {
                let process = world.net.at(id.0)?;
                process.with((topic.id, index), |p, _| (p.replica.log_end(), p.replica.high_watermark()))
            };
            let leaders = ends(leader);
            if leaders.is_none_or(|(end, watermark)| end != watermark) {
                return Some(format!("not all of {name} is committed: {leaders:?}"));
            }
            for replica in &partition.replicas {
                if ends(*replica) != leaders {
                    return Some(format!("{name} on {replica} is at {:?}, not {leaders:?}", ends(*replica)));
                }
            }
        }
    }
    None
}

/// Says in the trace how each node sees the quorum: who looks into a run that is stuck begins here.
pub(crate) fn tell_quorum(world: &World) {
    for process in world.running() {
        world.trace.note(process.id(), "quorum", format_args!("{:?}", process.quorum.state().borrow()));
        world.trace.note(process.id(), "members", format_args!("{:?}", process.quorum.members()));
        world.trace.note(process.id(), "knows", format_args!("{:?}", process.quorum.describe()));
    }
}

/// Compares the replicas with each other and with what is known to be committed. Gives the partitions that are complete.
pub(crate) fn replicas_agree(world: &World) -> BTreeSet<Key> {
    let mut complete = BTreeSet::new();
    let running = world.running();
    let Some(image) = running.first().map(|process| process.image()) else { return complete };
    for topic in image.topics() {
        for (index, partition) in topic.numbered() {
            let key = (topic.id, index);
            let replicas: Vec<Arc<Process>> =
                partition.replicas.iter().filter_map(|id| world.net.at(id.0)).collect();
            if agree(world, key, &replicas) {
                complete.insert(key);
            }
        }
    }
    complete
}

fn agree(world: &World, key: Key, replicas: &[Arc<Process>]) -> bool {
    let mut first: Option<(i32, Vec<u8>)> = None;
    for process in replicas {
        let read = process.with(key, |partition, _| {
            let end = partition.replica.high_watermark();
            partition.content(end)
        });
        let content = match read {
            Some(Ok(content)) => content,
            Some(Err(error)) => {
                world.violation(format!("{key:?} can not be read on {}: {error}", process.id()));
                return false;
            }
            None => return false,
        };
        let (bytes, values) = content;
        check_values(world, key, process.id(), &values);
        match &first {
            None => first = Some((process.id(), bytes)),
            Some((id, others)) if *others != bytes => {
                world.violation(format!("the logs of {key:?} on {id} and {} differ", process.id()));
                return false;
            }
            Some(_) => {}
        }
    }
    first.is_some()
}

/// The members of the group hold everything, each task once.
pub(crate) fn group_is_whole(world: &World, members: usize) {
    let whole = world.checks.seen().membership.is_whole(members, TASKS);
    if let Err(what) = whole {
        world.violation(what);
    }
}

/// The coordinator's state is what the log comes to, on every replica.
pub(crate) async fn groups_agree(world: &World) {
    let running = world.running();
    let Some(image) = running.first().map(|process| process.image()) else { return };
    let Some(topic) = image.topic(CONSUMER_OFFSETS) else { return };
    for (index, partition) in topic.numbered() {
        let live = match partition.leader.and_then(|leader| world.net.at(leader.0)) {
            Some(leader) => leader.live_groups().await,
            None => None,
        };
        let Some(live) = live else {
            world.violation("groups: nobody coordinates".to_owned());
            continue;
        };
        for id in &partition.replicas {
            let replayed = world.net.at(id.0).and_then(|process| process.replayed_groups((topic.id, index)));
            if replayed.as_ref() != Some(&live) {
                world.trace.note(id.0, "replayed", format_args!("{replayed:?}"));
                world.trace.note(id.0, "live", format_args!("{live:?}"));
                world.violation(format!("groups: the log on {id} does not come to the coordinator's state"));
            }
        }
    }
}

fn check_values(world: &World, key: Key, id: i32, values: &[(i64, u64)]) {
    let there: BTreeMap<i64, u64> = values.iter().copied().collect();
    let mut places = BTreeMap::new();
    // What groups write holds no value of a producer.
    for (offset, value) in values.iter().filter(|(_, value)| *value != 0) {
        if let Some(before) = places.insert(*value, *offset) {
            world.violation(format!("{value} is in {key:?} on {id} twice: at {before} and {offset}"));
        }
    }
    let lost: Vec<(i64, u64)> = {
        let seen = world.checks.seen();
        seen.ghost.of(key).filter(|(offset, value)| there.get(offset) != Some(value)).collect()
    };
    if let Some((offset, value)) = lost.first() {
        let instead = there.get(offset);
        let count = lost.len();
        world.violation(format!(
            "{count} committed values are not in {key:?} on {id}: {value} at {offset} is {instead:?}"
        ));
    }
}
