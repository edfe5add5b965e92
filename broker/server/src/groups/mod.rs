//! Group coordination on this broker: one owner for each partition of `__consumer_offsets` that is led here (`shard`),
//! and the way from a group's name to its owner (`coordinators`).

mod coordinators;
mod load;
mod shard;
mod write;

pub(crate) use coordinators::Coordinators;
pub(crate) use shard::ShardHandle;
