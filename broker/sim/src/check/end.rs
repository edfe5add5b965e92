//! What must be in the end, once everything has healed: everybody leads and follows again, replicas are the same byte for
//! byte, and every acknowledged value is there once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use weir_core::controller::Image;
use weir_core::controller::internal_topic::CONSUMER_OFFSETS;
use weir_core::group::Committed;
use weir_model::{BrokerId, Offset, PartitionIndex};

use super::Remains;
use crate::client::TASKS;
use crate::node::Process;
use crate::world::message::Key;
use crate::world::{Promise, World, key_of};

/// So many looks, a tenth of a second apart, make a rest.
const CALM: u32 = 20;

/// Waits until nothing is left to settle.
pub(crate) async fn settled(world: &Arc<World>) {
    while unsettled(world).is_some() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until consumers have read to the end, and the group of so many members has been at rest for a while.
pub(crate) async fn read(world: &World, members: usize) {
    let mut calm = 0;
    while calm < CALM {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let whole = members == 0 || world.checks.seen().membership.is_whole(members, TASKS).is_ok();
        calm = if whole && all_is_read(world) { calm + 1 } else { 0 };
    }
}

fn all_is_read(world: &World) -> bool {
    let Some(process) = world.running().first().cloned() else { return false };
    let image = process.image();
    let mut topics = image.topics().filter(|topic| topic.name.as_str() != CONSUMER_OFFSETS);
    topics.all(|topic| {
        topic.numbered().all(|(index, partition)| {
            let key = (topic.id, index);
            let leader = partition.leader.and_then(|leader| world.net.at(leader.0));
            let end = leader.and_then(|leader| leader.with(key, |p, _| p.replica.log_end()));
            end.is_some_and(|end| world.checks.seen().reached(key) >= end.0)
        })
    })
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

/// Compares the replicas with each other and with what is known to be committed. Gives what is left of the partitions that
/// are complete.
pub(crate) fn replicas_agree(world: &World) -> BTreeMap<Key, Remains> {
    let mut complete = BTreeMap::new();
    let running = world.running();
    let Some(image) = running.first().map(|process| process.image()) else { return complete };
    for topic in image.topics() {
        for (index, partition) in topic.numbered() {
            let key = (topic.id, index);
            let promise = world.promise_of(topic.name.as_str());
            let replicas: Vec<Arc<Process>> =
                partition.replicas.iter().filter_map(|id| world.net.at(id.0)).collect();
            if let Some(remains) = agree(world, key, promise, &replicas) {
                complete.insert(key, remains);
            }
        }
    }
    complete
}

/// One replica's log.
struct Held {
    id: i32,
    bytes: Vec<u8>,
    values: Vec<(i64, u64)>,
}

fn agree(world: &World, key: Key, promise: Promise, replicas: &[Arc<Process>]) -> Option<Remains> {
    let starts = replicas.iter().filter_map(|process| process.with(key, |p, _| p.replica.log_start()));
    let start = starts.max()?;
    let mut first: Option<(i32, Vec<u8>, BTreeMap<u64, i64>)> = None;
    for process in replicas {
        let Held { id, bytes, values } = held(world, key, start, process)?;
        let latest: BTreeMap<u64, i64> =
            values.iter().map(|(offset, value)| (key_of(*value), *offset)).collect();
        check_values(world, key, id, &Remains { promise, start: start.0, latest: latest.clone() }, &values);
        let Some((other, others, of_others)) = &first else {
            first = Some((id, bytes, latest));
            continue;
        };
        // Each compacts at a time of its own: only the last of each key is everywhere.
        let same = if promise == Promise::Compacted { latest == *of_others } else { bytes == *others };
        if !same {
            world.violation(format!("the logs of {key:?} on {other} and {id} differ"));
            return None;
        }
    }
    first.map(|(_, _, latest)| Remains { promise, start: start.0, latest })
}

fn held(world: &World, key: Key, from: Offset, process: &Process) -> Option<Held> {
    let read = process.with(key, |partition, _| {
        let end = partition.replica.high_watermark();
        partition.content_from(from, end)
    });
    match read? {
        Ok((bytes, values)) => Some(Held { id: process.id(), bytes, values }),
        Err(error) => {
            world.violation(format!("{key:?} can not be read on {}: {error}", process.id()));
            None
        }
    }
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
        let Some(live) = coordinated(world, index).await else {
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

/// What the coordinator of a shard has in mind. While the preferred leader takes over there is none, which passes.
async fn coordinated(world: &World, index: PartitionIndex) -> Option<Committed> {
    for _ in 0..CALM {
        let images = world.running().into_iter().map(|process| process.image());
        let leads = |image: Arc<Image>| image.topic(CONSUMER_OFFSETS)?.partition(index)?.leader;
        if let Some(leader) = images.filter_map(leads).next().and_then(|leader| world.net.at(leader.0))
            && let Some(live) = leader.live_groups().await
        {
            return Some(live);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

fn check_values(world: &World, key: Key, id: i32, remains: &Remains, values: &[(i64, u64)]) {
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
        let gone = |(offset, value): &(i64, u64)| match there.get(offset) {
            Some(other) => other != value,
            None => !remains.excuses(*offset, *value),
        };
        seen.ghost.of(key).filter(gone).collect()
    };
    if let Some((offset, value)) = lost.first() {
        let instead = there.get(offset);
        let count = lost.len();
        world.violation(format!(
            "{count} committed values are not in {key:?} on {id}: {value} at {offset} is {instead:?}"
        ));
    }
}
