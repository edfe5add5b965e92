//! This broker's membership in its cluster, in the order of its life: its disk may come here (`arriving`), the quorum
//! is begun or found (`forming`), the broker registers (`registering`), and then attends to the controller
//! (`attending`) for as long as it lives: it is let in (`gate`), and serves under a lease that ends before the controller
//! may give its partitions to others.

pub(crate) mod arriving;
pub(crate) mod attending;
pub(crate) mod deserted;
pub(crate) mod forming;
mod gate;
mod lease;
pub(crate) mod registering;

pub(crate) use attending::{Attendance, Wishes, Word};
pub(crate) use gate::Gate;
