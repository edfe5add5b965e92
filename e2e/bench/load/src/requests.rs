//! The frames that are sent again and again, encoded once: a produce request around a batch that is put in when it is
//! sent, and a fetch. Pure.

use weir_wire::frame::encode_request;
use weir_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use weir_wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use weir_wire::{Message, Records};

use crate::batch::Encoded;
use crate::connection::CLIENT_ID;
use crate::error::LoadError;

/// The last version that names topics by name, so that a frame does not depend on the broker's ids.
pub(crate) const PRODUCE_VERSION: i16 = 12;
pub(crate) const FETCH_VERSION: i16 = 12;

/// Behind the size, the key and the version.
const CORRELATION_AT: usize = 8;
const PRODUCE_TIMEOUT_MS: i32 = 60_000;

/// A topic as a command line names it.
#[derive(Clone, Debug)]
pub(crate) struct Topic(pub(crate) String);

/// What a producer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acks(pub(crate) i16);

/// A produce request without its batch.
#[derive(Clone, Debug)]
pub(crate) struct ProduceFrame {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl ProduceFrame {
    pub(crate) fn new(topic: &Topic, partition: i32, acks: Acks, batch: &Encoded) -> Result<Self, LoadError> {
        let len = u32::try_from(batch.bytes.len())
            .map_err(|_| LoadError::Nonsense("a batch of more than 4 GiB".into()))?;
        let records = Some(Records::External { len, token: 0 });
        let data = PartitionProduceData { index: partition, records };
        let request = ProduceRequest {
            acks: acks.0,
            timeout_ms: PRODUCE_TIMEOUT_MS,
            topic_data: vec![TopicProduceData {
                name: topic.0.as_str().into(),
                partition_data: vec![data],
                ..TopicProduceData::default()
            }],
            ..ProduceRequest::default()
        };
        let encoded = encode_request(PRODUCE_VERSION, 0, Some(CLIENT_ID), &request);
        let frame = encoded.map_err(|source| LoadError::Encode { api: ProduceRequest::NAME, source })?;
        let at = frame.splices.first().map_or(frame.bytes.len(), |splice| splice.at);
        Ok(Self { head: frame.bytes[..at].to_vec(), tail: frame.bytes[at..].to_vec() })
    }

    /// The pieces to be sent, with the batch between head and tail.
    pub(crate) fn around<'a>(&'a mut self, correlation_id: i32, batch: &'a [u8]) -> [&'a [u8]; 3] {
        self.head[CORRELATION_AT..CORRELATION_AT + 4].copy_from_slice(&correlation_id.to_be_bytes());
        [&self.head, batch, &self.tail]
    }
}

/// How much a consumer asks for, and how long it waits for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appetite {
    pub(crate) max_wait_ms: i32,
    pub(crate) max_bytes: i32,
    pub(crate) partition_max_bytes: i32,
}

/// Where a reader stands in a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// A fetch of the given positions, without a session.
pub(crate) fn fetch(topic: &Topic, positions: &[Position], appetite: Appetite) -> FetchRequest {
    let partitions = positions.iter().map(|position| FetchPartition {
        partition: position.partition,
        fetch_offset: position.offset,
        partition_max_bytes: appetite.partition_max_bytes,
        ..FetchPartition::default()
    });
    FetchRequest {
        max_wait_ms: appetite.max_wait_ms,
        min_bytes: 1,
        max_bytes: appetite.max_bytes,
        topics: vec![FetchTopic {
            topic: topic.0.as_str().into(),
            partitions: partitions.collect(),
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_wire::frame::{decode_body, parse_request};

    use super::*;

    #[test]
    fn a_produce_frame_and_its_batch_are_one_request() {
        let batch = Encoded { bytes: Bytes::from_static(b"0123456789"), records: 1, value_bytes: 1, crc: 0 };
        let mut frame = ProduceFrame::new(&Topic("orders".into()), 3, Acks(-1), &batch).expect("encodes");
        let whole = frame.around(77, &batch.bytes).concat();
        assert_eq!(whole[..4], u32::to_be_bytes(whole.len() as u32 - 4));
        let (header, reader) = parse_request(Bytes::from(whole).slice(4..)).expect("a header");
        assert_eq!((header.correlation_id, header.version), (77, PRODUCE_VERSION));
        let request: ProduceRequest = decode_body(header.version, reader).expect("a body");
        let data = &request.topic_data[0].partition_data[0];
        assert_eq!((request.acks, data.index), (-1, 3));
        assert_eq!(data.records.as_ref().and_then(Records::inline), Some(&batch.bytes));
    }
}
