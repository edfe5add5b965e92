//! A producer: collects records into one batch for each partition, sends each batch with acks=all to the partition's
//! leader, and keeps their order.
//!
//! At most one batch of a partition is on its way, so a retry can not overtake what came after it; idempotent producing
//! (the default) makes sure that a retry is not stored twice. After a failure the producer refuses to go on.

mod murmur2;
mod partitioner;
mod shipping;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;
use weir_model::records::{BatchBuilder, Codec, Header, NewRecord};
use weir_model::{Millis, Offset, PartitionIndex, Sequence};

use crate::client::Client;
use crate::error::ClientError;
use crate::offsets::Place;
use partitioner::Sticky;
pub use partitioner::partition_for_key;
use shipping::{Identity, Shipment};

/// What a record takes in a batch beside its key, value and headers, at most.
const RECORD_OVERHEAD: usize = 32;

/// Choices for a [`Producer`].
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// How batches are compressed. Default: not.
    pub codec: Codec,
    /// A batch is sent when it would grow larger than this. Default 512 KiB.
    pub batch_bytes: usize,
    /// All open batches are sent when they hold more than this together. Default 32 MiB.
    pub buffer_bytes: usize,
    /// Let the broker recognise what it has stored already. Default on.
    pub idempotent: bool,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self { codec: Codec::None, batch_bytes: 512 << 10, buffer_bytes: 32 << 20, idempotent: true }
    }
}

/// A record to be sent.
#[derive(Clone, Debug, Default)]
pub struct ToProduce {
    /// Where to; none: by key, or wherever a batch is open.
    pub partition: Option<PartitionIndex>,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; none is a tombstone.
    pub value: Option<Bytes>,
    /// Its headers.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
    /// Its time.
    pub timestamp: Millis,
}

/// What the broker has acknowledged so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Records.
    pub records: u64,
    /// Bytes of keys, values and headers, and of what frames them, before compression.
    pub bytes: u64,
    /// For each partition, its first and its last offset; none where the broker does not say (a batch that it knew).
    pub offsets: BTreeMap<Place, (Offset, Offset)>,
}

/// Sends records to one topic after another. See the module's words.
#[derive(Debug)]
pub struct Producer {
    client: Client,
    options: ProducerOptions,
    identity: Option<Identity>,
    partition_counts: HashMap<Arc<str>, i32>,
    sticky: Sticky,
    open: BTreeMap<(Arc<str>, PartitionIndex), Open>,
    open_bytes: usize,
    sequences: HashMap<(Arc<str>, PartitionIndex), Sequence>,
    busy: HashSet<(Arc<str>, PartitionIndex)>,
    on_their_way: JoinSet<Shipment>,
    delivered: Delivered,
    failed: bool,
}

#[derive(Debug)]
struct Open {
    builder: BatchBuilder,
}

impl Producer {
    /// A producer; an idempotent one asks the cluster for its identity.
    pub async fn new(client: Client, options: ProducerOptions) -> Result<Self, ClientError> {
        let identity = if options.idempotent { Identity::request(&client).await? } else { None };
        Ok(Self {
            client,
            options,
            identity,
            partition_counts: HashMap::new(),
            sticky: Sticky::default(),
            open: BTreeMap::new(),
            open_bytes: 0,
            sequences: HashMap::new(),
            busy: HashSet::new(),
            on_their_way: JoinSet::new(),
            delivered: Delivered::default(),
            failed: false,
        })
    }

    /// What was acknowledged so far.
    #[must_use]
    pub fn delivered(&self) -> &Delivered {
        &self.delivered
    }

    /// Puts a record into the open batch of its partition; waits when too much is on its way. It is acknowledged only
    /// when [`Self::flush`] has returned.
    pub async fn send(&mut self, topic: &str, record: &ToProduce) -> Result<(), ClientError> {
        if self.failed {
            return Err(ClientError::ProducerFailed);
        }
        let sent = self.send_inner(topic, record).await;
        self.failed |= sent.is_err();
        sent
    }

    /// Sends what is open and waits until everything is acknowledged.
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        if self.failed {
            return Err(ClientError::ProducerFailed);
        }
        let flushed = self.flush_inner().await;
        self.failed |= flushed.is_err();
        flushed
    }

    async fn send_inner(&mut self, topic: &str, record: &ToProduce) -> Result<(), ClientError> {
        let (topic, count) = self.partitions_of(topic).await?;
        let partition = match (record.partition, &record.key) {
            (Some(partition), _) if partition.0 < 0 || partition.0 >= count => {
                let count = usize::try_from(count).unwrap_or_default();
                return Err(ClientError::NoSuchPartition { topic: topic.to_string(), partition, count });
            }
            (Some(partition), _) => partition,
            (None, Some(key)) => partition_for_key(key, count),
            (None, None) => self.sticky.choose(&topic, count),
        };
        let place = (topic, partition);
        let size = size_of(record);
        if self.open.get(&place).is_some_and(|open| open.builder.size() + size > self.options.batch_bytes) {
            self.ship(&place).await?;
            self.sticky.move_on();
        }
        self.push(&place, record, size)?;
        if self.open_bytes > self.options.buffer_bytes {
            self.ship_all().await?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        place: &(Arc<str>, PartitionIndex),
        record: &ToProduce,
        size: usize,
    ) -> Result<(), ClientError> {
        let codec = self.options.codec;
        let open = self
            .open
            .entry(place.clone())
            .or_insert_with(|| Open { builder: BatchBuilder::default().codec(codec, None) });
        let headers: Vec<Header<'_>> =
            record.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
        let new = NewRecord {
            timestamp: record.timestamp,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        };
        open.builder.push(new).map_err(|source| records_error(place, source))?;
        self.open_bytes += size;
        Ok(())
    }

    async fn flush_inner(&mut self) -> Result<(), ClientError> {
        self.ship_all().await?;
        while self.land_one().await? {}
        Ok(())
    }

    async fn ship_all(&mut self) -> Result<(), ClientError> {
        while let Some((place, _)) = self.open.first_key_value() {
            let place = place.clone();
            self.ship(&place).await?;
        }
        self.sticky.move_on();
        Ok(())
    }

    /// Sends the open batch of a partition, after the one before it has arrived.
    async fn ship(&mut self, place: &(Arc<str>, PartitionIndex)) -> Result<(), ClientError> {
        while self.busy.contains(place) {
            self.land_one().await?;
        }
        let Some(open) = self.open.remove(place) else { return Ok(()) };
        let plain = open.builder.size();
        // The sum of the parts is estimated record by record: when nothing is open it is zero again.
        self.open_bytes = if self.open.is_empty() { 0 } else { self.open_bytes.saturating_sub(plain) };
        let count = open.builder.count();
        let mut builder = open.builder;
        if let Some(identity) = self.identity {
            let sequence = self.sequences.entry(place.clone()).or_default();
            builder = builder.producer(identity.id, identity.epoch, *sequence);
            *sequence = sequence.plus(count);
        }
        let batch = builder.build().map_err(|source| records_error(place, source))?.freeze();
        let client = self.client.clone();
        self.busy.insert(place.clone());
        let place = place.clone();
        self.on_their_way.spawn(async move {
            let outcome = shipping::ship(&client, &place.0, place.1, &batch).await;
            Shipment { place, records: count, bytes: plain, outcome }
        });
        Ok(())
    }

    /// Waits for one batch to arrive; false when none is on its way.
    async fn land_one(&mut self) -> Result<bool, ClientError> {
        let Some(joined) = self.on_their_way.join_next().await else { return Ok(false) };
        // The task is never aborted while the producer lives.
        let shipment = joined.map_err(|_| ClientError::ShutDown)?;
        self.busy.remove(&shipment.place);
        let base = shipment.outcome?;
        self.delivered.records += u64::from(shipment.records.unsigned_abs());
        self.delivered.bytes += shipment.bytes as u64;
        if let Some(base) = base {
            let last = base.plus(i64::from(shipment.records) - 1);
            let place = (shipment.place.0.to_string(), shipment.place.1);
            self.delivered
                .offsets
                .entry(place)
                .and_modify(|range| *range = (range.0.min(base), range.1.max(last)))
                .or_insert((base, last));
        }
        Ok(true)
    }

    async fn partitions_of(&mut self, topic: &str) -> Result<(Arc<str>, i32), ClientError> {
        if let Some((name, count)) = self.partition_counts.get_key_value(topic) {
            return Ok((name.clone(), *count));
        }
        let info = self.client.topic(topic).await?;
        let count = i32::try_from(info.partitions.len()).unwrap_or(i32::MAX).max(1);
        let name: Arc<str> = topic.into();
        self.partition_counts.insert(name.clone(), count);
        Ok((name, count))
    }
}

fn size_of(record: &ToProduce) -> usize {
    let length = |field: &Option<Bytes>| field.as_ref().map_or(0, Bytes::len);
    let headers: usize = record.headers.iter().map(|(key, value)| key.len() + length(value) + 10).sum();
    RECORD_OVERHEAD + length(&record.key) + length(&record.value) + headers
}

fn records_error(place: &(Arc<str>, PartitionIndex), source: weir_model::records::BatchError) -> ClientError {
    ClientError::Records { topic: place.0.to_string(), partition: place.1, source }
}
