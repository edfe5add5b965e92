//! An idempotent producer with one batch on its way: the same batch is sent until it is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use weir_core::partition::ProduceError;

use super::Part;
use super::lookup::{Known, look_up};
use crate::node::values;
use crate::world::message::{Key, Produce, Refusal, Reply, Request};
use crate::world::{Promise, World};

const LIMIT: Duration = Duration::from_secs(4);

/// Writes until told to stop, then until the last batch is acknowledged.
pub async fn produce(world: Arc<World>, part: Part, stop: watch::Receiver<bool>) {
    let mut known = None;
    let mut writer: Option<Writer> = None;
    let mut count = 0;
    while !*stop.borrow() {
        // Now and then, and when nothing is known: else it is a refusal that makes it ask.
        let look = known.is_none() || world.chance().one_in(8);
        let found = if look { look_up(&world, &part, known.take()).await } else { known.take() };
        let Some(now) = found else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        if writer.as_ref().is_none_or(|writer| writer.key != now.key) {
            count += 1;
            let id = i64::from(part.place.unsigned_abs()) * 1000 + count;
            writer = Some(Writer { key: now.key, id, sequence: 0, next: 0, refused: false });
        }
        known = Some(now);
        if let Some(writer) = &mut writer {
            known = writer.write(&world, &part, known.take(), &stop).await;
        }
        // A batch that was given up is given up with its producer id: nobody knows whether it was written.
        let over =
            |writer: &Writer| writer.refused || known.as_ref().is_some_and(|now| writer.key != now.key);
        writer = writer.filter(|writer| !over(writer));
        let pause = world.chance().millis(1..120);
        tokio::time::sleep(pause).await;
    }
}

/// One producer id on one partition.
struct Writer {
    key: Key,
    id: i64,
    sequence: i32,
    next: u64,
    /// What it wrote before was lost, and its sequence with it.
    refused: bool,
}

impl Writer {
    async fn write(
        &mut self,
        world: &Arc<World>,
        part: &Part,
        mut known: Option<Known>,
        stop: &watch::Receiver<bool>,
    ) -> Option<Known> {
        let count = world.chance().within(1..5);
        let first = self.id.unsigned_abs() * 1_000_000 + self.next;
        let batch: Vec<u64> = (first..first + count).collect();
        let now = world.wall_clock(part.place);
        let Ok(bytes) = values::batch(&batch, self.id, self.sequence, now) else { return known };
        let (mut tries, mut late) = (0, 0);
        loop {
            tries += 1;
            let Some(at) = known.as_ref().filter(|known| known.key == self.key) else {
                // Another topic of this name: nobody will ever know.
                return known;
            };
            if let Some(leader) = at.leader {
                let write = Produce {
                    key: self.key,
                    leader_epoch: Some(at.leader_epoch).filter(|_| tries % 2 == 1),
                    batch: bytes.clone(),
                    values: batch.clone(),
                };
                let asked = Request::Produce(write);
                let answer = world.net.call(world, part.place, leader.0, asked, LIMIT).await;
                match answer {
                    Ok(Reply::Produced(Ok((produced, _)))) => {
                        world.checks.seen().history.acknowledged(
                            self.id,
                            self.key,
                            produced.base_offset.0,
                            &batch,
                        );
                        self.next += count;
                        self.sequence += i32::try_from(count).unwrap_or(0);
                        return known;
                    }
                    Ok(Reply::Produced(Err(Refusal::Produce(why)))) => {
                        self.judge(world, why);
                        if self.refused {
                            return known;
                        }
                    }
                    _ => {}
                }
            }
            late += u32::from(*stop.borrow());
            // Nobody waits for ever, not even for a topic that may be gone.
            if tries > 2000 || late > 600 {
                world.violation(format!("producer {} can not write {batch:?} to {:?}", self.id, self.key));
                return known;
            }
            let pause = world.chance().millis(10..150);
            tokio::time::sleep(pause).await;
            known = look_up(world, part, known).await;
        }
    }

    /// A writer that keeps to the protocol is never told that it does not.
    fn judge(&mut self, world: &World, why: ProduceError) {
        let false_alarm = matches!(
            why,
            ProduceError::OutOfOrderSequence { .. }
                | ProduceError::StaleProducerEpoch { .. }
                | ProduceError::InvalidBatch(_)
                | ProduceError::NoTransaction
        );
        if false_alarm && world.checks.seen().promise(self.key) == Promise::Replicated {
            self.refused = true;
        } else if false_alarm {
            world.violation(format!("producer {} on {:?} is told: {why}", self.id, self.key));
        }
    }
}
