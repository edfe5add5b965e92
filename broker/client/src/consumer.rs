//! A consumer by assignment: it is told which partitions to read and from where, and reads them in order, each from its
//! leader. It belongs to no group and stores no offsets.
//!
//! One fetch is on its way to each leader; what has arrived is handed out before more is asked for, so memory is bounded
//! by one answer of each leader.

mod batches;
mod fetching;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::Instant;
use weir_model::{BrokerId, LeaderEpoch, Millis, Offset, PartitionIndex};

use crate::client::Client;
use crate::error::ClientError;
use crate::offsets::Place;
use crate::retry::{Verdict, backoff, judge};
use crate::route::Route;
use fetching::{Arrived, Wanted};

/// Which records of transactions are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// All of them.
    #[default]
    ReadUncommitted,
    /// Only those of transactions that were committed.
    ReadCommitted,
}

/// Choices for a [`Consumer`].
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// How long a broker may wait for records before it answers with none. Default 500 ms.
    pub max_wait: Duration,
    /// The most bytes of one answer. Default 8 MiB; one larger batch is sent all the same.
    pub max_bytes: i32,
    /// The most bytes of one partition in an answer. Default 1 MiB; one larger batch is sent all the same.
    pub partition_max_bytes: i32,
    /// The most bytes that one batch may decompress to. Default 256 MiB.
    pub max_decoded_bytes: usize,
    /// Default: read uncommitted.
    pub isolation: Isolation,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            max_wait: Duration::from_millis(500),
            max_bytes: 8 << 20,
            partition_max_bytes: 1 << 20,
            max_decoded_bytes: 256 << 20,
            isolation: Isolation::ReadUncommitted,
        }
    }
}

/// A record that was read. Its fields share the memory of the answer that they came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: PartitionIndex,
    /// Its offset.
    pub offset: Offset,
    /// Its time.
    pub timestamp: Millis,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; none is a tombstone.
    pub value: Option<Bytes>,
    /// Its headers, in order.
    pub headers: Vec<RecordHeader>,
}

/// A record's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// Its name.
    pub key: Bytes,
    /// Its value, if it has one.
    pub value: Option<Bytes>,
}

/// How far a partition was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The next offset to be read.
    pub next: Offset,
    /// Where the partition ended at the last answer; none before the first.
    pub end: Option<Offset>,
}

/// Reads partitions. See the module's words.
#[derive(Debug)]
pub struct Consumer {
    client: Client,
    options: Arc<ConsumerOptions>,
    positions: BTreeMap<Place, Tracked>,
    fetches: JoinSet<Arrived>,
    asked: BTreeSet<BrokerId>,
    failures: u32,
    failing_since: Option<Instant>,
}

#[derive(Debug)]
struct Tracked {
    topic: Arc<str>,
    position: Position,
    last_epoch: LeaderEpoch,
    under_way: bool,
}

impl Consumer {
    /// A consumer of these partitions, each from this offset on.
    #[must_use]
    pub fn new(client: Client, start: BTreeMap<Place, Offset>, options: ConsumerOptions) -> Self {
        let track = |(place, next): (Place, Offset)| {
            let topic: Arc<str> = place.0.as_str().into();
            let position = Position { next, end: None };
            (place, Tracked { topic, position, last_epoch: LeaderEpoch::NONE, under_way: false })
        };
        Self {
            client,
            options: Arc::new(options),
            positions: start.into_iter().map(track).collect(),
            fetches: JoinSet::new(),
            asked: BTreeSet::new(),
            failures: 0,
            failing_since: None,
        }
    }

    /// How far each partition was read.
    pub fn positions(&self) -> impl Iterator<Item = (&Place, Position)> {
        self.positions.iter().map(|(place, tracked)| (place, tracked.position))
    }

    /// Reads no more of a partition.
    pub fn stop(&mut self, place: &Place) {
        self.positions.remove(place);
    }

    /// The next records, in order within each partition: the answer of one leader, perhaps none of them. Safe to drop
    /// while it waits. Errors that may pass are tried again for as long as a call may take.
    pub async fn poll(&mut self) -> Result<Vec<ConsumedRecord>, ClientError> {
        if self.positions.is_empty() {
            return Ok(Vec::new());
        }
        let failed = match self.ask().await {
            Err(error) => error,
            Ok(()) => match self.fetches.join_next().await {
                None => return Ok(Vec::new()),
                Some(Err(_)) => return Err(ClientError::ShutDown),
                Some(Ok(arrived)) => match self.take_in(arrived) {
                    Ok(records) => {
                        self.failures = 0;
                        self.failing_since = None;
                        return Ok(records);
                    }
                    Err(error) => error,
                },
            },
        };
        self.after_failure(failed).await?;
        Ok(Vec::new())
    }

    /// Sends a fetch to each leader that has none on its way.
    async fn ask(&mut self) -> Result<(), ClientError> {
        let deadline = self.client.deadline();
        let mut by_leader: BTreeMap<BrokerId, Vec<Wanted>> = BTreeMap::new();
        for (place, tracked) in self.positions.iter().filter(|(_, tracked)| !tracked.under_way) {
            let leader = self.client.leader(&place.0, place.1, deadline).await?;
            if !self.asked.contains(&leader) {
                let wanted =
                    Wanted { topic: tracked.topic.clone(), partition: place.1, next: tracked.position.next };
                by_leader.entry(leader).or_default().push(wanted);
            }
        }
        for (leader, wanted) in by_leader {
            for one in &wanted {
                if let Some(tracked) = self.positions.get_mut(&(one.topic.to_string(), one.partition)) {
                    tracked.under_way = true;
                }
            }
            self.asked.insert(leader);
            let (client, options) = (self.client.clone(), self.options.clone());
            self.fetches.spawn(async move {
                let outcome = fetching::fetch(&client, leader, &wanted, &options).await;
                Arrived { leader, wanted, outcome }
            });
        }
        Ok(())
    }

    /// Moves the positions on and unpacks the records. Partitions in front of a bad one are not lost: theirs are read
    /// again from where they were.
    fn take_in(&mut self, arrived: Arrived) -> Result<Vec<ConsumedRecord>, ClientError> {
        self.asked.remove(&arrived.leader);
        for one in &arrived.wanted {
            if let Some(tracked) = self.positions.get_mut(&(one.topic.to_string(), one.partition)) {
                tracked.under_way = false;
            }
        }
        let mut records = Vec::new();
        let mut moved = Vec::new();
        for fetched in arrived.outcome? {
            let place = (fetched.topic.to_string(), fetched.partition);
            let Some(tracked) = self.positions.get(&place) else { continue };
            let code = fetched.error;
            ClientError::check(|| format!("partition {}-{}", place.0, place.1), code, None)?;
            let unpacked = batches::unpack(&fetched, tracked.position.next, &self.options)?;
            records.extend(unpacked.records);
            moved.push((place, unpacked.next, unpacked.last_epoch, fetched.end));
        }
        for (place, next, epoch, end) in moved {
            if let Some(tracked) = self.positions.get_mut(&place) {
                tracked.position = Position { next, end: Some(end) };
                tracked.last_epoch = epoch.max(tracked.last_epoch);
            }
        }
        Ok(records)
    }

    async fn after_failure(&mut self, error: ClientError) -> Result<(), ClientError> {
        let options = self.client.options();
        let verdict = judge(&error, options.outlive_restarts);
        let now = Instant::now();
        let since = *self.failing_since.get_or_insert(now);
        if verdict == Verdict::Fail {
            return Err(error);
        }
        if now.duration_since(since) > options.call_timeout {
            return Err(ClientError::GaveUp { given: options.call_timeout, last: Box::new(error) });
        }
        self.failures += 1;
        tracing::debug!(%error, failures = self.failures, "fetching again");
        tokio::time::sleep(backoff(self.failures)).await;
        for (topic, partition) in self.positions.keys() {
            self.client.forget(&Route::Leader { topic: topic.clone(), partition: *partition });
        }
        Ok(())
    }
}
