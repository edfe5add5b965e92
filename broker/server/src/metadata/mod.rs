//! The cluster's metadata on this broker: one owner that decides, writes, applies, publishes and answers, in that
//! order; a view for readers; a store on disk. A single broker is its own quorum; many brokers will put a replicated
//! log where `store` is, and nothing above it changes.

mod owner;
mod reserve;
mod store;
mod view;

pub(crate) use owner::{Controller, MetadataError, Owner};
pub(crate) use store::Store;
pub(crate) use view::View;
