//! The cluster's metadata on this broker: the quorum's committed rounds, followed in order (`follower`), and a view for
//! readers. Who decides is the quorum's leader; everybody asks through [`Controller`].

mod follower;
mod view;

pub(crate) use follower::Follower;
pub(crate) use view::View;
pub(crate) use weir_quorum::{Controller, DecideError as MetadataError};
