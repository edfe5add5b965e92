//! This broker among the others of its cluster: who they are and whether a call is meant for us (`identity`), the port
//! they come in by (`door`), what they may ask (`service`, one file for each call), and the way to them (`dial`), to the
//! quorum's nodes (`lines`) and to the controller, wherever it is (`link`).

mod alter_partitions;
mod ask;
mod attend;
mod backlogs;
pub(crate) mod dial;
pub(crate) mod door;
mod forward;
mod hello;
pub(crate) mod identity;
pub(crate) mod lines;
pub(crate) mod link;
mod producer_ids;
mod register;
pub(crate) mod service;
mod words;

pub(crate) use backlogs::{POSITIONS_MAX, StandsAt, measure_here};
pub(crate) use dial::{Dialer, Probe};
pub(crate) use lines::Lines;
pub(crate) use link::{Link, LinkError, Place, Way};
pub(crate) use service::PeerService;
