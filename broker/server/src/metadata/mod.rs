//! The cluster's metadata on this broker: the quorum's committed rounds, followed in order (`follower`), a view for
//! readers, whom clients are still told of (`parting`), and which cluster the disk is of (`belonging`). Who decides is
//! the quorum's leader; everybody asks through [`Controller`].

pub(crate) mod belonging;
mod follower;
mod parting;
mod view;

pub(crate) use follower::Follower;
pub(crate) use view::View;
pub(crate) use weir_quorum::{Controller, DecideError as MetadataError};
