//! A consumer: reads a partition from its beginning, of the leader mostly, sometimes of another replica. Never skips,
//! never goes back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use weir_core::partition::ReadError;
use weir_model::{BrokerId, Offset};

use super::Part;
use super::lookup::{Known, look_up};
use crate::node::values;
use crate::world::message::{Consume, Consumed, Key, Refusal, Reply, Request};
use crate::world::{Promise, World};

const LIMIT: Duration = Duration::from_secs(1);
/// So often it asks as a client that knows no reigns, and goes to whoever says that it leads.
const SIMPLE_EVERY: u64 = 3;

/// Reads until told to stop.
pub async fn consume(world: Arc<World>, part: Part, stop: watch::Receiver<bool>) {
    let mut known: Option<Known> = None;
    let mut asked = 0_u64;
    // By topic id: a broker that is late may still name the one before.
    let mut positions: BTreeMap<Key, i64> = BTreeMap::new();
    while !*stop.borrow() {
        let pause = world.chance().millis(20..200);
        tokio::time::sleep(pause).await;
        let look = known.as_ref().is_none_or(|k| k.leader.is_none()) || world.chance().one_in(10);
        if look {
            known = look_up(&world, &part, known.take()).await;
        }
        let Some(now) = &known else { continue };
        let key = now.key;
        let position = positions.get(&key).copied().unwrap_or(0);
        let Some(from) = whom(&world, now) else { continue };
        asked += 1;
        let leader_epoch = Some(now.leader_epoch).filter(|_| !asked.is_multiple_of(SIMPLE_EVERY));
        let read = Consume { key, leader_epoch, offset: Offset(position) };
        let answer = world.net.call(&world, part.place, from.0, Request::Consume(read), LIMIT).await;
        let next = match answer {
            Ok(Reply::Consumed(Ok(consumed))) => take(&world, part.place, key, position, &consumed),
            Ok(Reply::Consumed(Err(why))) => {
                let next = refused(&world, key, position, why);
                known = look_up(&world, &part, known.take()).await;
                next
            }
            _ => {
                known = look_up(&world, &part, known.take()).await;
                position
            }
        };
        positions.insert(key, next);
        world.checks.seen().reach(key, next);
    }
}

/// The leader, or any replica one time in four.
fn whom(world: &World, known: &Known) -> Option<BrokerId> {
    let mut chance = world.chance();
    if chance.one_in(4) { chance.pick(&known.replicas).copied() } else { known.leader }
}

fn take(world: &World, place: i32, key: Key, position: i64, consumed: &Consumed) -> i64 {
    if !values::are_sound(&consumed.bytes) {
        // As every client does with a checksum that is wrong: it reads none of it.
        world.trace.note(place, "unsound", format_args!("{key:?} from {position}"));
        return position;
    }
    let mut next = position;
    let promise = world.checks.seen().promise(key);
    for (offset, value) in values::read(&consumed.bytes) {
        if offset < position {
            continue;
        }
        if offset != next && promise != Promise::Compacted {
            world.violation(format!("a consumer of {key:?} at {next} is given {offset}"));
        }
        if offset >= consumed.high_watermark.0 {
            let end = consumed.high_watermark;
            world.violation(format!("a consumer of {key:?} is given {offset}, the watermark is {end}"));
        }
        let mut seen = world.checks.seen();
        seen.history.polled(place, key, offset, value);
        let checked = seen.ghost.committed(key, consumed.leader_epoch, offset, value);
        drop(seen);
        if let Err(what) = checked {
            world.violation(format!("a consumer: {what}"));
        }
        next = offset + 1;
    }
    values::end(&consumed.bytes).map_or(next, |end| next.max(end))
}

/// What was read once is never out of range, but for what the topic lets go. Gives where to read on.
fn refused(world: &World, key: Key, position: i64, why: Refusal) -> i64 {
    let Refusal::Read(ReadError::OutOfRange { start, end, .. }) = why else { return position };
    let mut seen = world.checks.seen();
    match seen.promise(key) {
        Promise::Trimmed if position < start.0 => {
            seen.history.gone(key, start.0);
            return start.0;
        }
        Promise::Replicated => return end.0.clamp(start.0, position.max(start.0)),
        Promise::Kept | Promise::Trimmed | Promise::Compacted => {}
    }
    drop(seen);
    world.violation(format!("a consumer of {key:?} at {position} is told {start}..{end}"));
    position
}
