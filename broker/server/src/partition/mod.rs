//! The replicas on this broker: one owner each (`driver`), a handle for everybody else, and the registry that opens,
//! configures, stops and deletes them as the cluster's metadata says.

mod average;
pub(crate) mod command;
pub(crate) mod driver;
pub(crate) mod error;
pub(crate) mod fence;
pub(crate) mod flows;
pub(crate) mod handle;
pub(crate) mod lagging;
pub(crate) mod open;
pub(crate) mod registry;
pub(crate) mod settings;
pub(crate) mod syncs;
pub(crate) mod touched;
pub(crate) mod traffic;
pub(crate) mod waiters;

pub(crate) use command::{Append, Command, Read, ReadReply};
pub(crate) use error::PartitionError;
pub(crate) use handle::PartitionHandle;
