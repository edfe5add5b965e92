//! Reasons of conditions. Dashboards and alerts are written against them: they are added, and never changed. Beside
//! these, Progressing has the words of [`crate::Waiting::reason`], and Degraded Kubernetes' own words for what is wrong
//! with a pod: `ErrImagePull`, `CrashLoopBackOff`, `OOMKilled`, `Unschedulable` and the like.

/// Available: clients can use every partition.
pub const ALL_PARTITIONS: &str = "AllPartitionsAvailable";
/// Available: no broker is ready.
pub const NO_BROKERS: &str = "NoBrokerReady";
/// Available: nobody leads some partitions.
pub const OFFLINE_PARTITIONS: &str = "OfflinePartitions";
/// Available: some partitions take no writes with acks=all.
pub const BELOW_MIN_ISR: &str = "BelowMinIsr";
/// Available and Balanced: the brokers can not be asked.
pub const BROKERS_UNKNOWN: &str = "BrokersUnknown";
/// Progressing: everything is as declared.
pub const SETTLED: &str = "Settled";
/// Progressing: children are being brought up to date.
pub const APPLYING: &str = "Applying";
/// Progressing: the user wants nothing to be changed.
pub const PAUSED: &str = "Paused";
/// Progressing: the Cluster is being deleted.
pub const DELETING: &str = "Deleting";
/// Progressing and Degraded: the spec can not be carried out.
pub const INVALID_SPEC: &str = "InvalidSpec";
/// Degraded: nothing is wrong.
pub const AS_EXPECTED: &str = "AsExpected";
/// Degraded: a broker was there and is not heard of.
pub const BROKER_LOST: &str = "BrokerLost";
/// Degraded: a volume can not be made, for its StorageClass does not exist.
pub const STORAGE_CLASS_MISSING: &str = "StorageClassMissing";
/// Degraded: a broker's disk does not work.
pub const DISK_FAILED: &str = "DiskFailed";
/// Balanced: replicas are spread over the brokers.
pub const SPREAD: &str = "Spread";
/// Balanced: some brokers hold far more than others.
pub const SKEWED: &str = "Skewed";
/// Balanced: some brokers hold far more than others, and a person is asked whether that shall change.
pub const PROPOSED: &str = "Proposed";
/// Balanced: replicas are being moved.
pub const MOVING: &str = "Moving";
