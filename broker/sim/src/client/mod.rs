//! Clients: they write unique values, read them back, and create, delete and move topics. What they see is checked as
//! they see it.

mod admin;
mod consumer;
mod lookup;
mod member;
mod producer;

pub(crate) use admin::ask;
pub(crate) use admin::elect_anybody;
pub use admin::{administrate, create};
pub use consumer::consume;
pub use member::work_in_group;
pub(crate) use member::{GROUP, TASKS};
pub use producer::produce;

/// A producer's or consumer's part of the topics.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where the client is on the network: negative.
    pub place: i32,
    pub topic: String,
    pub partition: usize,
}
