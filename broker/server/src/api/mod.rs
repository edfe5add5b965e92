//! The Kafka dialect: one file for each API, from wire types to the words of the domain and back. Nothing below this
//! module knows the wire. A `Str` or `Bytes` of a request keeps its whole frame alive: what is stored is copied here.

pub(crate) mod alter_configs;
pub(crate) mod api_versions;
mod asked_partitions;
pub(crate) mod create_partitions;
pub(crate) mod create_topics;
pub(crate) mod delete_groups;
pub(crate) mod delete_records;
pub(crate) mod delete_topics;
pub(crate) mod describe_cluster;
pub(crate) mod describe_configs;
pub(crate) mod describe_groups;
pub(crate) mod describe_log_dirs;
pub(crate) mod describe_producers;
pub(crate) mod describe_topic_partitions;
pub(crate) mod endpoints;
pub(crate) mod errors;
pub(crate) mod fetch;
pub(crate) mod find_coordinator;
mod group_words;
pub(crate) mod heartbeat;
pub(crate) mod incremental_alter_configs;
pub(crate) mod init_producer_id;
pub(crate) mod join_group;
pub(crate) mod leave_group;
pub(crate) mod list_config_resources;
pub(crate) mod list_groups;
pub(crate) mod list_offsets;
pub(crate) mod metadata;
pub(crate) mod offset_commit;
pub(crate) mod offset_delete;
pub(crate) mod offset_fetch;
pub(crate) mod offset_for_leader_epoch;
pub(crate) mod produce;
pub(crate) mod producer_ids;
pub(crate) mod sync_group;
