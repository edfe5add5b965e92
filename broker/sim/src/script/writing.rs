//! A producer whose every request the story decides on. Its values are unique and its batches in sequence, so that what it
//! is told is judged with everything else.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{PATIENCE, Script, Told, Unexpected};
use crate::node::values;
use crate::world::message::{Key, Produce, Refusal, Reply, Request};

/// How long one answer is waited for.
const LIMIT: Duration = Duration::from_secs(4);
const PAUSE: Duration = Duration::from_millis(50);

/// What a write was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is there, from this offset on.
    Acknowledged(i64),
    /// It is not, or nobody knows.
    Refused(Refusal),
    /// Nobody answered.
    Silence,
}

#[derive(Clone, Debug)]
struct Batch {
    values: Vec<u64>,
    bytes: Bytes,
}

/// A producer of one topic's first partition, with its idempotent producer id.
#[derive(Debug)]
pub struct Writer<'s> {
    script: &'s Script,
    topic: String,
    key: Key,
    place: i32,
    id: i64,
    sequence: i32,
    next: u64,
    /// Sent, and not known to be there: in their order.
    pending: VecDeque<Batch>,
}

impl Script {
    /// A producer.
    pub fn writer(&self, topic: &str) -> Result<Writer<'_>, Unexpected> {
        let key = self.key(topic).ok_or_else(|| Unexpected(format!("there is no {topic}")))?;
        let place = self.next_place();
        let id = i64::from(place.unsigned_abs()) * 1000;
        let topic = topic.to_owned();
        Ok(Writer { script: self, topic, key, place, id, sequence: 0, next: 0, pending: VecDeque::new() })
    }
}

impl Writer<'_> {
    /// Where it is on the network.
    pub const fn place(&self) -> i32 {
        self.place
    }

    /// The value that the next batch begins with.
    pub const fn next_value(&self) -> u64 {
        self.id.unsigned_abs() * 1_000_000 + self.next
    }

    /// Sends a new batch of so many values to a broker, once.
    pub async fn send(&mut self, to: i32, count: u64) -> Result<Answer, Unexpected> {
        self.compose(count)?;
        Ok(self.try_at(self.pending.len() - 1, to).await)
    }

    fn compose(&mut self, count: u64) -> Told {
        let first = self.next_value();
        let values: Vec<u64> = (first..first + count).collect();
        let now = self.script.world.wall_clock(self.place);
        let bytes = values::batch(&values, self.id, self.sequence, now);
        let bytes = bytes.map_err(|error| Unexpected(error.to_string()))?;
        self.next += count;
        self.sequence += i32::try_from(count).unwrap_or(0);
        self.pending.push_back(Batch { values, bytes });
        Ok(())
    }

    /// Sends the oldest batch that is not known to be there to a broker again, once.
    pub async fn send_again(&mut self, to: i32) -> Answer {
        if self.pending.is_empty() { Answer::Silence } else { self.try_at(0, to).await }
    }

    async fn try_at(&mut self, at: usize, to: i32) -> Answer {
        let Batch { values, bytes } = self.pending[at].clone();
        let write = Produce { key: self.key, leader_epoch: None, batch: bytes, values: values.clone() };
        let world = &self.script.world;
        let answer = world.net.call(world, self.place, to, Request::Produce(write), LIMIT).await;
        match answer {
            Ok(Reply::Produced(Ok((produced, _)))) => {
                let base = produced.base_offset.0;
                world.checks.seen().history.acknowledged(self.id, self.key, base, &values);
                self.pending.remove(at);
                Answer::Acknowledged(base)
            }
            Ok(Reply::Produced(Err(why))) => Answer::Refused(why),
            _ => Answer::Silence,
        }
    }

    /// Sends what is pending and a new batch to whoever leads, until all is acknowledged. Gives the new one's offset.
    pub async fn write(&mut self, count: u64) -> Result<i64, Unexpected> {
        self.compose(count)?;
        self.deliver().await
    }

    /// As [`Writer::write`], this many batches of three.
    pub async fn write_batches(&mut self, batches: usize) -> Told {
        for _ in 0..batches {
            self.write(3).await?;
        }
        Ok(())
    }

    /// Sends everything that is not known to be there, in order, until all of it is acknowledged. Gives the last offset.
    pub async fn deliver(&mut self) -> Result<i64, Unexpected> {
        let (until, mut last) = (Instant::now() + PATIENCE, -1);
        while let Some(batch) = self.pending.front() {
            if Instant::now() > until {
                let values = &batch.values;
                let state = self.script.described();
                return Err(Unexpected(format!("{values:?} can not be written to {}: {state}", self.topic)));
            }
            let answer = match self.script.leader(&self.topic) {
                Some(leader) => self.try_at(0, leader).await,
                None => Answer::Silence,
            };
            match answer {
                Answer::Acknowledged(base) => last = base,
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
        Ok(last)
    }
}
