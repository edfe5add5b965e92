//! The metadata log: consensus on the log crate's storage, the state machine that is the cluster's metadata, and the
//! one loop that decides on it. The consensus algorithm is the library's (openraft). Runtime, clock, disk, chance and
//! network are injected, so that a simulation runs the same code; nothing here reads a clock of its own.
//!
//! # How the calls go together
//! ```text
//! let (quorum, mut commits) = Quorum::start(config, home, peers, work).await?;     // below <home>/quorum
//! let (controller, decider) = controller(&quorum, draw);
//! spawn(decider.run(closing));                                // decides while quorum.state().am_controller()
//! while let Some(round) = commits.next().await { … }          // follow; asking again says "followed"
//! controller.decide(|image, entropy| …).await?                // answered once committed and followed
//! quorum.answer(&question).await?                             // what another node's `Peers` brought here
//! quorum.initialize(voters) | add_learner | change_voters | remove_learner | elect_now | describe | shutdown
//! ```
//! Every node starts empty and waits: one of the first voters calls `initialize`, when all of them are empty; anybody
//! else is added by the leader as a learner, and told everything.
//!
//! # Files
//! | name | what |
//! |---|---|
//! | `quorum/log/` | entries, each a batch of one record; index = offset |
//! | `quorum/vote` | the vote, durable before it is answered |
//! | `quorum/purged` | the last entry that the log no longer holds; the snapshot does |
//! | `quorum/snapshot` | the image as records, the members, and the last round in it |
//! | `quorum/reserve` | room for a full disk |

mod codec;
mod commits;
mod config;
mod controller;
mod machine;
mod network;
mod node;
mod room;
mod store;
#[cfg(test)]
mod tests;
mod types;
mod work;

pub use codec::CodecError;
pub use commits::{Change, Commits, Committed, Latest};
pub use config::{BadTimings, QuorumConfig, Timings};
pub use controller::{Controller, DecideError, Decider, controller};
pub use network::{Answering, Call, PeerError, Peers};
pub use node::{AnswerError, Description, MemberError, Members, Quorum, Reign, Replica, StartError, State};
pub use store::StoreError;
pub use types::{LogIndex, NodeId, Outcome, PeerAddress, Round, Term, TypeConfig};
pub use work::{Done, InLine, Job, OnThreads, Work};
