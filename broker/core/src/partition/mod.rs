//! One partition replica as a pure machine: what may be appended and where, who waits for what, how far readers
//! may see. It holds numbers only: batches stay with the caller, which appends them through the log, syncs, and
//! reports back. It must never do I/O, read a clock or block.
//!
//! The caller (one driver per partition) works in rounds:
//! 1. for each command in its mailbox call [`Replica::produce`]; write every [`Effect::Append`] to the log at the
//!    offset it names, in order; then [`Replica::on_appended`], or [`Replica::append_failed`];
//! 2. while [`Replica::sync_wanted`], sync on another thread and report [`Replica::on_durable`];
//! 3. call [`Replica::tick`] at [`Replica::next_deadline`];
//! 4. carry out every [`Effect`] in the order it came.
//!
//! A follower's driver asks [`Replica::fetch_from`] after each round. An answer with records: [`Replica::accept_fetched`],
//! append, [`Replica::on_replicated`], [`Replica::on_leader_state`]. One that parts: [`Replica::truncation`]; one that
//! says out of range: [`Replica::restart_point`]; cut, then [`Replica::on_truncated`].

mod assignment;
mod batch;
mod damage;
mod delete_records;
mod effect;
mod error;
mod fencing;
mod follower_fetch;
mod following;
mod high_watermark;
mod isr;
mod leader;
mod leader_epochs;
mod list_offsets;
mod policy;
mod produce;
pub mod producers;
mod read;
mod renewal;
mod replica;
mod truncation;
mod waiting;

#[cfg(test)]
mod tests;

pub use assignment::Assignment;
pub use batch::BatchFacts;
pub use effect::{Acks, Effect, Produced, Token};
pub use error::{DeleteRecordsError, FenceError, FollowError, ProduceError, ReadError, StorageFailure};
pub use follower_fetch::{FollowerFetch, FollowerRead};
pub use following::{Accepted, FetchFrom, FetchedBatch};
pub use isr::{IsrAnswer, IsrCause, IsrChange, IsrRefusal};
pub use leader::FollowerState;
pub use leader_epochs::{EpochEnd, EpochStart, diverging_epoch, end_of_epoch};
pub use list_offsets::{ListOffsets, Listed, bounded};
pub use policy::Policy;
pub use produce::Produce;
pub use producers::Producers;
pub use read::{Isolation, ReadBound, Reader};
pub use renewal::others_hold;
pub use replica::{Recovered, Replica};
pub use truncation::{Truncation, truncation_point};
