//! The topic settings. Names, types, limits and defaults are Kafka 4.2's; `weir.` marks ours. Sorted by name.

use super::setting::{BrokerSynonym, Kind, Range, Scope, Setting, Support};

const fn row(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    synonyms: &'static [BrokerSynonym],
    doc: &'static str,
) -> Setting {
    Setting {
        name,
        scope: Scope::Topic,
        kind,
        default: Some(default),
        synonyms,
        support: Support::Honoured,
        doc,
    }
}

const fn accepted(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    synonyms: &'static [BrokerSynonym],
    doc: &'static str,
) -> Setting {
    Setting { support: Support::Accepted, ..row(name, kind, default, synonyms, doc) }
}

const fn from(name: &'static str) -> BrokerSynonym {
    BrokerSynonym { name, factor: 1 }
}

const fn times(name: &'static str, factor: i64) -> BrokerSynonym {
    BrokerSynonym { name, factor }
}

pub(super) const fn at_least(min: i64) -> Range {
    Range { min, max: i64::MAX, or: None }
}

pub(super) const fn between(min: i64, max: i64) -> Range {
    Range { min, max, or: None }
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const FOREVER: &str = "9223372036854775807";

pub(super) const GZIP_LEVELS: Range = Range { min: 1, max: 9, or: Some(-1) };
pub(super) const CODECS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
pub(super) const TIMESTAMP_TYPES: &[&str] = &["CreateTime", "LogAppendTime"];
pub(super) const CLEANUP_POLICIES: &[&str] = &["compact", "delete"];
pub(super) const DURABILITIES: &[&str] = &["fsync", "replicated"];

/// Every topic setting, sorted by name.
pub static TOPIC_SETTINGS: &[Setting] = &[
    row(
        "cleanup.policy",
        Kind::List(CLEANUP_POLICIES),
        "delete",
        &[from("log.cleanup.policy")],
        "What to do with old segments: delete them by age and size, compact them to the last value of each key, or both. Empty keeps everything.",
    ),
    row(
        "compression.gzip.level",
        Kind::Int(GZIP_LEVELS),
        "-1",
        &[from("compression.gzip.level")],
        "Level used when the broker compresses with gzip.",
    ),
    accepted(
        "compression.lz4.level",
        Kind::Int(between(1, 17)),
        "9",
        &[from("compression.lz4.level")],
        "Level for lz4. Weir's encoder has one level.",
    ),
    row(
        "compression.type",
        Kind::OneOf(CODECS),
        "producer",
        &[from("compression.type")],
        "Codec batches are stored with. `producer` stores them as they come; any other makes the broker recompress what differs.",
    ),
    row(
        "compression.zstd.level",
        Kind::Int(between(-131_072, 22)),
        "3",
        &[from("compression.zstd.level")],
        "Level used when the broker compresses with zstd.",
    ),
    row(
        "delete.retention.ms",
        Kind::Long(at_least(0)),
        "86400000",
        &[from("log.cleaner.delete.retention.ms")],
        "How long a tombstone stays in a compacted topic, so that readers can learn of the deletion.",
    ),
    accepted(
        "file.delete.delay.ms",
        Kind::Long(at_least(0)),
        "60000",
        &[from("log.segment.delete.delay.ms")],
        "How long a deleted segment's file stays on disk. Weir keeps a file exactly as long as somebody reads it.",
    ),
    row(
        "flush.messages",
        Kind::Long(at_least(1)),
        FOREVER,
        &[from("log.flush.interval.messages")],
        "Sync to disk after this many records, whatever `weir.durability` says.",
    ),
    row(
        "flush.ms",
        Kind::Long(at_least(0)),
        FOREVER,
        &[from("log.flush.interval.ms"), from("log.flush.scheduler.interval.ms")],
        "Sync to disk after this time, whatever `weir.durability` says.",
    ),
    row(
        "follower.replication.throttled.replicas",
        Kind::ThrottledReplicas,
        "",
        &[],
        "Replicas whose catching up is throttled on the follower's side, to `follower.replication.throttled.rate`.",
    ),
    row(
        "index.interval.bytes",
        Kind::Int(at_least(0)),
        "4096",
        &[from("log.index.interval.bytes")],
        "Bytes of log between two index entries.",
    ),
    row(
        "leader.replication.throttled.replicas",
        Kind::ThrottledReplicas,
        "",
        &[],
        "Replicas whose catching up is throttled on the leader's side, to `leader.replication.throttled.rate`.",
    ),
    row(
        "max.compaction.lag.ms",
        Kind::Long(at_least(1)),
        FOREVER,
        &[from("log.cleaner.max.compaction.lag.ms")],
        "A record is compacted at the latest after this time.",
    ),
    row(
        "max.message.bytes",
        Kind::Int(at_least(0)),
        "1048588",
        &[from("message.max.bytes")],
        "The largest record batch, compressed, that is taken.",
    ),
    row(
        "message.timestamp.after.max.ms",
        Kind::Long(at_least(0)),
        "3600000",
        &[from("log.message.timestamp.after.max.ms")],
        "How far a record's timestamp may lie ahead of the broker's clock. Ignored with LogAppendTime.",
    ),
    row(
        "message.timestamp.before.max.ms",
        Kind::Long(at_least(0)),
        FOREVER,
        &[from("log.message.timestamp.before.max.ms")],
        "How far a record's timestamp may lie behind the broker's clock. Ignored with LogAppendTime.",
    ),
    row(
        "message.timestamp.type",
        Kind::OneOf(TIMESTAMP_TYPES),
        "CreateTime",
        &[from("log.message.timestamp.type")],
        "Whether a record carries the time the client gave it or the time the broker took it.",
    ),
    row(
        "min.cleanable.dirty.ratio",
        Kind::Double { min: 0.0, max: 1.0 },
        "0.5",
        &[from("log.cleaner.min.cleanable.ratio")],
        "The share of a log that must be uncompacted before compaction is worth its work.",
    ),
    row(
        "min.compaction.lag.ms",
        Kind::Long(at_least(0)),
        "0",
        &[from("log.cleaner.min.compaction.lag.ms")],
        "A record is not compacted before this time.",
    ),
    row(
        "min.insync.replicas",
        Kind::Int(at_least(1)),
        "1",
        &[from("min.insync.replicas")],
        "In-sync replicas that must exist for a write with acks=all to be taken.",
    ),
    accepted(
        "preallocate",
        Kind::Bool,
        "false",
        &[from("log.preallocate")],
        "Whether to reserve a segment's disk space when it is made. Weir's segments grow as they are written.",
    ),
    row(
        "retention.bytes",
        Kind::Long(at_least(i64::MIN)),
        "-1",
        &[from("log.retention.bytes")],
        "The size a partition may have before its oldest segments are deleted; negative for no limit.",
    ),
    row(
        "retention.ms",
        Kind::Long(at_least(-1)),
        "604800000",
        &[
            from("log.retention.ms"),
            times("log.retention.minutes", MINUTE_MS),
            times("log.retention.hours", HOUR_MS),
        ],
        "How long records are kept before their segment is deleted; -1 for ever.",
    ),
    row(
        "segment.bytes",
        Kind::Int(at_least(1_048_576)),
        "1073741824",
        &[from("log.segment.bytes")],
        "The size at which a new segment is begun.",
    ),
    accepted(
        "segment.index.bytes",
        Kind::Int(at_least(4)),
        "10485760",
        &[from("log.index.size.max.bytes")],
        "The largest index file. Weir's indexes grow with their segment, which bounds them.",
    ),
    accepted(
        "segment.jitter.ms",
        Kind::Long(at_least(0)),
        "0",
        &[from("log.roll.jitter.ms"), times("log.roll.jitter.hours", HOUR_MS)],
        "The most that is randomly taken off `segment.ms`.",
    ),
    row(
        "segment.ms",
        Kind::Long(at_least(1)),
        "604800000",
        &[from("log.roll.ms"), times("log.roll.hours", HOUR_MS)],
        "The age at which a new segment is begun, so that retention can delete the old one.",
    ),
    row(
        "unclean.leader.election.enable",
        Kind::Bool,
        "false",
        &[from("unclean.leader.election.enable")],
        "Whether a replica that may miss acknowledged records may lead when no other can: what only others had is lost then.",
    ),
    row(
        "weir.durability",
        Kind::OneOf(DURABILITIES),
        "fsync",
        &[from("weir.durability")],
        "When a write with acks=all is acknowledged: once every in-sync replica has it on disk (`fsync`), or once every one has it in memory (`replicated`).",
    ),
];
