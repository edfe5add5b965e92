//! Readers that fetch a topic from its beginning to its end, count, and check that no offset is missing; on demand every
//! batch against its checksum. A thread for each connection, one fetch under way on each, as a stock consumer has.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use weir_model::records::{BatchHeader, compute_crc};
use weir_wire::messages::fetch::{FetchRequest, PartitionData};

use crate::cluster::{self, check};
use crate::connection::{CLIENT_ID, Connection};
use crate::cost::process_cpu;
use crate::error::LoadError;
use crate::produce::sharing::{Lane, lanes};
use crate::requests::{Appetite, FETCH_VERSION, Position, Topic, fetch};

#[derive(Args, Clone, Debug)]
pub(crate) struct Consume {
    /// Any broker, HOST:PORT
    #[arg(long)]
    bootstrap: String,
    /// The topic
    #[arg(long)]
    topic: String,
    /// Readers, each of which reads all of it
    #[arg(long, default_value_t = 1)]
    readers: usize,
    /// Connections of each reader to each leader, among which partitions are dealt out
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Read until each reader has so many records, waiting for those to come; else to the present end
    #[arg(long)]
    records: Option<u64>,
    /// Check every batch against its checksum
    #[arg(long)]
    verify: bool,
    /// The most of one answer
    #[arg(long, default_value_t = 50 << 20)]
    max_bytes: i32,
    /// The most of one partition in an answer
    #[arg(long, default_value_t = 1 << 20)]
    partition_max_bytes: i32,
    /// Fail when the records have not come by then
    #[arg(long, default_value_t = 300)]
    within_seconds: u64,
}

/// What was read, by all readers together.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Consumed {
    seconds: f64,
    client_cpu_s: f64,
    readers: usize,
    fetches: u64,
    /// Answers without a batch.
    empty_fetches: u64,
    records: u64,
    batches: u64,
    batch_bytes: u64,
    /// The sum of the checksums of all batches.
    crc_sum: u64,
    verified: bool,
}

impl Consume {
    pub(crate) fn run(self) -> Result<Consumed, LoadError> {
        let topic = Topic(self.topic.clone());
        let leaders = cluster::leaders(&self.bootstrap, &topic)?;
        let ends = cluster::ends(&topic, &leaders)?;
        let lanes = lanes(&leaders, self.connections.min(leaders.len()));
        if self.records.is_some() && lanes.len() > 1 {
            return Err(LoadError::Nonsense(
                "--records needs one connection a reader: who would know when all is there?".into(),
            ));
        }
        let mut tails = Vec::new();
        for lane in lanes.iter().cycle().take(lanes.len() * self.readers) {
            let due = |partition: &i32| ends.get(partition).copied().unwrap_or(0).unsigned_abs();
            let wanted = self.records.unwrap_or_else(|| lane.partitions.iter().map(due).sum());
            tails.push(self.tail(&topic, lane, wanted)?);
        }
        let (began, cpu) = (Instant::now(), process_cpu());
        let read = run_all(tails)?;
        let mut consumed = Consumed {
            seconds: began.elapsed().as_secs_f64(),
            client_cpu_s: (process_cpu() - cpu).as_secs_f64(),
            readers: self.readers,
            verified: self.verify,
            ..Consumed::default()
        };
        for tally in read {
            consumed.fetches += tally.fetches;
            consumed.empty_fetches += tally.empty;
            consumed.records += tally.records;
            consumed.batches += tally.batches;
            consumed.batch_bytes += tally.bytes;
            consumed.crc_sum = consumed.crc_sum.wrapping_add(tally.crc_sum);
        }
        Ok(consumed)
    }

    fn tail(&self, topic: &Topic, lane: &Lane, wanted: u64) -> Result<Tail, LoadError> {
        let at_start = |partition: &i32| Position { partition: *partition, offset: 0 };
        Ok(Tail {
            connection: Connection::open(&lane.leader)?,
            topic: topic.clone(),
            positions: lane.partitions.iter().map(at_start).collect(),
            wanted,
            appetite: Appetite {
                max_wait_ms: 500,
                max_bytes: self.max_bytes,
                partition_max_bytes: self.partition_max_bytes,
            },
            verify: self.verify,
            within: Duration::from_secs(self.within_seconds),
        })
    }
}

/// One connection and how far it has read.
struct Tail {
    connection: Connection,
    topic: Topic,
    positions: Vec<Position>,
    wanted: u64,
    appetite: Appetite,
    verify: bool,
    within: Duration,
}

/// What one connection has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    fetches: u64,
    empty: u64,
    pub(crate) records: u64,
    batches: u64,
    bytes: u64,
    crc_sum: u64,
}

fn run_all(tails: Vec<Tail>) -> Result<Vec<Tally>, LoadError> {
    thread::scope(|scope| {
        let running: Vec<_> = tails.into_iter().map(|tail| scope.spawn(|| tail.run())).collect();
        let joined = running.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(LoadError::Nonsense("a reader has panicked".into())))
        });
        joined.collect()
    })
}

impl Tail {
    fn run(mut self) -> Result<Tally, LoadError> {
        let mut tally = Tally::default();
        let began = Instant::now();
        while tally.records < self.wanted {
            if began.elapsed() > self.within {
                return Err(LoadError::TooFew {
                    what: self.topic.0,
                    got: tally.records,
                    wanted: self.wanted,
                    seconds: self.within.as_secs(),
                });
            }
            self.fetch_once(&mut tally)?;
        }
        Ok(tally)
    }

    fn fetch_once(&mut self, tally: &mut Tally) -> Result<(), LoadError> {
        let request = fetch(&self.topic, &self.positions, self.appetite);
        let encoded = weir_wire::frame::encode_request(FETCH_VERSION, 1, Some(CLIENT_ID), &request);
        let frame = encoded.map_err(|source| LoadError::Encode { api: "Fetch", source })?;
        self.connection.send(&[&frame.bytes])?;
        let answer = self.connection.take_large_frame()?;
        let parsed = weir_wire::frame::parse_response::<FetchRequest>(FETCH_VERSION, answer.clone());
        let (_, body) = parsed.map_err(|source| LoadError::Unreadable { api: "Fetch", source })?;
        check(body.error_code, || format!("a fetch of {}", self.topic.0))?;
        let before = tally.batches;
        for partition in body.responses.iter().flat_map(|topic| &topic.partitions) {
            self.take(partition, tally)?;
        }
        tally.fetches += 1;
        tally.empty += u64::from(tally.batches == before);
        drop(body);
        self.connection.give_back(answer);
        Ok(())
    }

    fn take(&mut self, data: &PartitionData, tally: &mut Tally) -> Result<(), LoadError> {
        let what = || format!("{}-{}", self.topic.0, data.partition_index);
        check(data.error_code, || format!("a fetch of {}", what()))?;
        let Some(bytes) = data.records.as_ref().and_then(weir_wire::Records::inline) else { return Ok(()) };
        let Some(position) = self.positions.iter_mut().find(|known| known.partition == data.partition_index)
        else {
            return Err(LoadError::Nonsense(format!("{} was not asked for", what())));
        };
        position.offset = walk(bytes, position.offset, self.verify, &what(), tally)?;
        Ok(())
    }
}

/// Counts the whole batches of an answer; gives the offset after the last one. A broker may cut the last one short.
pub(crate) fn walk(
    mut bytes: &[u8],
    mut due: i64,
    verify: bool,
    what: &str,
    tally: &mut Tally,
) -> Result<i64, LoadError> {
    let broken = |source| LoadError::Batch { what: what.to_owned(), source };
    while bytes.len() >= weir_model::records::BATCH_OVERHEAD {
        let header = BatchHeader::parse(bytes).map_err(broken)?;
        let Some(batch) = bytes.get(..header.size) else { break };
        if header.base_offset.0 != due {
            return Err(LoadError::Gap { what: what.to_owned(), expected: due, found: header.base_offset.0 });
        }
        if verify && compute_crc(batch) != header.crc {
            let computed = compute_crc(batch);
            return Err(broken(weir_model::records::BatchError::Crc { stored: header.crc, computed }));
        }
        tally.records += u64::from(header.count.unsigned_abs());
        tally.batches += 1;
        tally.bytes += header.size as u64;
        tally.crc_sum = tally.crc_sum.wrapping_add(u64::from(header.crc));
        due = header.next_offset().0;
        bytes = &bytes[header.size..];
    }
    Ok(due)
}

#[cfg(test)]
mod tests {
    use weir_model::Millis;
    use weir_model::Offset;
    use weir_model::records::set_base_offset;

    use super::*;
    use crate::batch::{CodecName, Shape};

    fn log_of(batches: usize) -> (Vec<u8>, u64) {
        let shape =
            Shape { record_bytes: 10, batch_bytes: 200, codec: CodecName::None, zeros: false, keys: 0 };
        let encoded = shape.encode(Millis(1)).expect("encodes");
        let (mut log, mut next) = (Vec::new(), 0);
        for batch in encoded.iter().cycle().take(batches) {
            let mut bytes = batch.bytes.to_vec();
            set_base_offset(&mut bytes, Offset(next));
            next += batch.records as i64;
            log.extend_from_slice(&bytes);
        }
        (log, next as u64)
    }

    #[test]
    fn whole_batches_are_counted_and_half_ones_left() {
        let (log, records) = log_of(3);
        let mut tally = Tally::default();
        let next = walk(&log, 0, true, "t-0", &mut tally).expect("good");
        assert_eq!((next as u64, tally.records, tally.batches), (records, records, 3));
        let mut short = Tally::default();
        walk(&log[..log.len() - 1], 0, true, "t-0", &mut short).expect("good");
        assert_eq!(short.batches, 2);
    }

    #[test]
    fn a_missing_offset_is_an_error() {
        let (log, _) = log_of(1);
        let found = walk(&log, 1, false, "t-0", &mut Tally::default());
        assert!(matches!(found, Err(LoadError::Gap { expected: 1, found: 0, .. })));
    }

    #[test]
    fn a_flipped_bit_is_an_error_when_batches_are_verified() {
        let (mut log, _) = log_of(1);
        let last = log.len() - 1;
        log[last] ^= 1;
        assert!(walk(&log, 0, true, "t-0", &mut Tally::default()).is_err());
        assert!(walk(&log, 0, false, "t-0", &mut Tally::default()).is_ok());
    }
}
