//! The words every broker crate shares: ids, offsets, epochs, time, record batches, settings.
//! Pure: no I/O, no clock, no randomness. It must never know the wire protocol, the disk or tokio.

pub mod config;
pub mod ids;
pub mod numbers;
pub mod records;

pub use ids::{BrokerId, Incarnation, PartitionIndex, ProducerId, TopicId, TopicName, TopicPartition};
pub use numbers::{DurationMs, LeaderEpoch, Millis, Offset, PartitionEpoch, ProducerEpoch, Sequence};
