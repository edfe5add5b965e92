//! Everything that the operator decides, without doing any of it: from what was observed of a `Cluster` to the children
//! it shall have, the steps that come next, what is waited for, and the status that says so. The same for topics.
//!
//! ```text
//! validate(&Cluster, &Observed)                  -> ValidCluster, or what the user must change
//! build(&ValidCluster, &Observed)                -> Desired
//! unseen(&Desired, &Observed)                    -> the children to look for by name before they are applied
//! questions(&ValidCluster, &Desired, &Observed)  -> the brokers to ask the controller about: "may it stop?"
//! stranded_volumes(&ValidCluster, &Observed)     -> the volumes to look for: on which node, and is it there?
//! decide(&ValidCluster, &Desired, &Observed)     -> Plan { steps, waiting, operation, requeue }
//! is_irrevocable(&Plan, &Observed)               -> whether all this is done once more, on what is read anew
//! status(&Cluster, &Observed, Outcome)           -> ClusterStatus
//! ```
//!
//! Deciding is idempotent and keeps no state: killed between any two steps, the next pass goes on from what it
//! observes. Not knowing is a reason to wait, never to act. Must never read a clock, a file, a socket or chance.

#![warn(missing_docs)]

mod build;
mod decide;
#[cfg(test)]
mod fixtures;
mod hash;
mod irrevocable;
mod names;
pub mod object;
pub mod observed;
mod plan;
mod quantity;
pub mod rebalance;
pub mod scaling;
mod status;
pub mod sweep;
pub mod topics;
#[cfg(test)]
mod toy_world;
mod valid;
mod validate;
mod wanted;

pub use build::{Address, Desired, Host, build};
pub use decide::{decide, questions, stranded_volumes, unseen};
pub use irrevocable::is_irrevocable;
pub use names::Names;
pub use object::{Kind, Object, ObjectRef};
pub use observed::Observed;
pub use observed::brokers::BrokersView;
pub use plan::{Balance, Event, EventLevel, Left, MoveOrder, Operation, PartitionRef, Plan, Step, Waiting};
pub use quantity::Bytes;
pub use status::{Outcome, events, reason, status};
pub use valid::{
    Before, ValidAutoscaling, ValidCluster, ValidListener, ValidRebalance, ValidStorage, ValidTargets,
};
pub use validate::{Invalid, moves_allowed, validate};
pub use wanted::wanted;
