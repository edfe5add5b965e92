//! The admin service: what an operator or a command line sees of the cluster and does with it. From the service's messages
//! to the controller's commands and back, one file a call; decides nothing that the controller does not.

mod alter_topics;
mod batch;
mod bounds;
mod changes;
mod create_topics;
mod delete_topics;
mod describe_broker;
mod describe_cluster;
mod drain;
mod elect_leaders;
mod fleet;
mod health;
mod may_stop;
mod measured;
mod measures;
mod moves;
mod passing_on;
mod progress;
mod rates;
mod reach;
mod refusal;
mod rows;
mod service;
mod standing;
mod unregister;
mod watch;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use changes::Changes;
pub(crate) use service::AdminService;
