//! A partition's owner on a disk that fills up and whose syncs fail; what a restart of its log reads; two owners that
//! follow each other.

mod following;

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use weir_core::partition::{
    Acks, BatchFacts, Isolation, ListOffsets, Policy, ProduceError, Produced, Producers, Reader, Recovered,
    StorageFailure,
};
use weir_log::{Disk, DiskFile, Home, LogConfig, MemoryDisk, MemoryFile, RealDisk, Slice};
use weir_model::config::{Durability, Pairs};
use weir_model::records::{BatchBuilder, NewRecord};
use weir_model::{
    BrokerId, DurationMs, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, ProducerEpoch, ProducerId,
    Sequence, TopicId,
};

use super::*;
use crate::net::outgoing::FileSpan;
use crate::partition::PartitionError;
use crate::partition::command::{Append, Configured, OffsetQuery, Place, Read, ReadReply, Watch};
use crate::partition::handle::PartitionHandle;
use crate::partition::open::rebuild_producers;
use crate::partition::settings::BatchRules;
use crate::settings::StaticSettings;

const PATIENCE: Duration = Duration::from_secs(20);
const ME: BrokerId = BrokerId(1);

impl ServedDisk for MemoryDisk {
    /// Only a file of the machine can be sent: a temporary one with the range's bytes.
    fn span(slice: Slice<MemoryFile>) -> FileSpan {
        let mut bytes = vec![0; slice.len];
        slice.file.read_at(&mut bytes, slice.position).unwrap();
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, &bytes).unwrap();
        FileSpan { file: Arc::new(RealDisk.open(&path).unwrap()), position: 0, len: slice.len }
    }
}

struct Bench {
    disk: MemoryDisk,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    handle: PartitionHandle,
}

fn policy() -> Policy {
    Policy {
        replica_lag_max: DurationMs(10_000),
        durability: Durability::Fsync,
        min_isr: 1,
        max_batch_bytes: 1 << 20,
        segment_bytes: 1 << 20,
        flush_messages: i64::MAX,
        flush_interval: DurationMs(i64::MAX),
        deletable: true,
        producer_expiration: DurationMs(i64::MAX),
        producers_max: 1_000,
    }
}

impl Bench {
    fn new(disk: MemoryDisk) -> Self {
        let reign = Assignment {
            leader: Some(ME),
            leader_epoch: LeaderEpoch(1),
            partition_epoch: PartitionEpoch(1),
            replicas: &[ME],
            isr: &[ME],
            elr: &[],
        };
        Self::of(ME, disk, reign)
    }

    fn of(me: BrokerId, disk: MemoryDisk, reign: Assignment<'_>) -> Self {
        for dir in ["/data", "/data/topics", "/data/topics/u"] {
            let _ = disk.create_dir(dir.as_ref());
        }
        disk.sync_dir("/".as_ref()).unwrap();
        let config = LogConfig { segment_bytes: 4_096, ..LogConfig::default() };
        let home = Home::new(disk.clone(), "/data".as_ref());
        let (log, _) = Log::open(&home, "/data/topics/u/0".as_ref(), config).unwrap();
        let found = Recovered {
            log_start: log.log_start(),
            log_end: log.log_end(),
            durable_end: log.durable_end(),
            high_watermark: log.log_start(),
            producers: Producers::default(),
        };
        let topic = TopicId(uuid::Uuid::nil());
        let mut replica = Replica::new(topic, PartitionIndex(0), me, policy(), found);
        let mut effects = Vec::new();
        replica.assign(reign, Millis(0), &mut effects);
        let (mailbox, commands) = mpsc::channel(16);
        let own = mailbox.downgrade();
        let published = Arc::new(Published::new(BatchRules::LAX, None));
        let handle = PartitionHandle {
            topic,
            partition: PartitionIndex(0),
            mailbox,
            published: Arc::clone(&published),
        };
        let health = Arc::new(Health::default());
        let config = StaticSettings::from_pairs(Pairs::new()).unwrap().config;
        let metrics = Arc::new(Metrics::register().unwrap());
        let view = Arc::new(View::new(me, Arc::default(), config));
        let surroundings = Surroundings {
            fleet: Arc::new(Fleet::new(me, Arc::clone(&view), Arc::clone(&metrics))),
            metrics: Arc::clone(&metrics),
            health: Arc::clone(&health),
            syncs: Arc::new(Syncs::new(None, Arc::clone(&metrics))),
            cleaner: Arc::new(Semaphore::new(1)),
            proposals: Arc::default(),
            fence: Arc::default(),
            view,
            lagging: Arc::default(),
        };
        let begun = (Standing::default(), effects);
        tokio::spawn(Driver::starting(log, replica, (own, commands), published, surroundings, begun).run());
        Self { disk, health, metrics, handle }
    }

    async fn write(&self, acks: Acks, sequence: i32) -> Result<Produced, PartitionError> {
        outcome(self.submit(acks, sequence).await).await
    }

    /// Of no producer that anybody has to remember.
    async fn write_plain(&self) -> Result<Produced, PartitionError> {
        outcome(self.submit_of(Acks::All, ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE).await).await
    }

    /// Puts a batch of one record into the mailbox; the answer comes later.
    async fn submit(&self, acks: Acks, sequence: i32) -> Answered {
        self.submit_of(acks, ProducerId(9), ProducerEpoch(0), Sequence(sequence)).await
    }

    async fn submit_of(
        &self,
        acks: Acks,
        id: ProducerId,
        epoch: ProducerEpoch,
        sequence: Sequence,
    ) -> Answered {
        let mut batch = BatchBuilder::new(Offset::ZERO).producer(id, epoch, sequence);
        let now = clock::now();
        batch.push(NewRecord { timestamp: now, value: Some(&[7; 500]), ..NewRecord::default() }).unwrap();
        let batch = batch.build().unwrap();
        let (answer, answered) = oneshot::channel();
        let facts = BatchFacts {
            producer_id: id,
            producer_epoch: epoch,
            base_sequence: sequence,
            ..BatchFacts::plain(0, now, u32::try_from(batch.len()).unwrap())
        };
        let append = Append {
            batch,
            facts,
            acks,
            leader_epoch: None,
            append_time: Millis::NONE,
            deadline: clock::steady() + DurationMs(3_600_000),
            answer,
        };
        self.handle.append(append).await.unwrap();
        answered
    }

    async fn read(&self, from: i64) -> Result<ReadReply, PartitionError> {
        self.read_and_watch(from, None).await
    }

    async fn read_and_watch(&self, from: i64, watch: Option<Watch>) -> Result<ReadReply, PartitionError> {
        let read = Read {
            from: Offset(from),
            max_bytes: 1 << 20,
            at_least_one: true,
            reader: Reader::Consumer(Isolation::ReadUncommitted),
            current_leader_epoch: None,
            last_fetched_epoch: None,
            watch,
            place: Place::Anywhere,
        };
        self.handle.read(read).await
    }

    async fn end(&self) -> Offset {
        let reader = Reader::Consumer(Isolation::ReadUncommitted);
        let query = OffsetQuery { what: ListOffsets::Latest, reader, current_leader_epoch: None };
        self.handle.list_offsets(query).await.unwrap().offset
    }

    async fn delete_before(&self, offset: i32) -> Result<Offset, PartitionError> {
        let before = Some(Offset(offset.into()));
        self.handle.ask(|answer| Command::DeleteRecords { before, answer }).await
    }
}

type Answered = oneshot::Receiver<Result<Produced, PartitionError>>;

async fn outcome(answered: Answered) -> Result<Produced, PartitionError> {
    timeout(PATIENCE, answered).await.expect("no answer").unwrap_or(Err(PartitionError::Stopped))
}

fn is_full(error: &PartitionError) -> bool {
    matches!(
        error,
        PartitionError::Storage(StorageFailure::Full)
            | PartitionError::Produce(ProduceError::Storage(StorageFailure::Full))
    )
}

#[tokio::test]
async fn a_fetch_is_told_of_more_only_where_its_answer_was_too_little() {
    let bench = Bench::new(MemoryDisk::new());
    bench.write(Acks::All, 0).await.unwrap();
    let fetch = Arc::new(Notify::new());
    let watch = |enough| Some(Watch { fetch: Arc::downgrade(&fetch), enough });
    let size = bench.read_and_watch(0, watch(1)).await.unwrap().len();
    assert!(size >= 1);
    assert_eq!(Arc::weak_count(&fetch), 0, "nobody waits");
    for (from, enough) in [(0, size + 1), (1, 1)] {
        bench.read_and_watch(from, watch(enough)).await.unwrap();
        assert_eq!(Arc::weak_count(&fetch), 1, "it waits");
    }
    bench.write(Acks::All, 1).await.unwrap();
    timeout(PATIENCE, fetch.notified()).await.expect("it is told");
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_nothing_else_and_recovers_by_itself() {
    let bench = Bench::new(MemoryDisk::new());
    bench.write(Acks::All, 0).await.unwrap();
    bench.disk.set_capacity(64 << 10);
    let (taken, why) = {
        let mut taken = 1;
        loop {
            match bench.write(Acks::All, taken).await {
                Ok(_) => taken += 1,
                Err(why) => break (taken, why),
            }
        }
    };
    assert!(is_full(&why), "{why}");
    for acks in [Acks::None, Acks::Leader, Acks::All] {
        assert!(is_full(&bench.write(acks, taken).await.unwrap_err()));
    }
    assert_eq!(bench.end().await, Offset(taken.into()));
    assert!(bench.read(0).await.unwrap().len() > 500);
    assert!(bench.health.alive().is_ok(), "room may come back");
    assert_eq!(bench.delete_before(taken - 1).await.unwrap(), Offset((taken - 1).into()));
    let written = bench.write(Acks::All, taken).await.unwrap();
    assert_eq!(written.base_offset, Offset(taken.into()), "the offset of the refused write is used again");
}

#[tokio::test]
async fn a_failed_sync_refuses_everything_and_the_broker_is_no_longer_alive() {
    let bench = Bench::new(MemoryDisk::new());
    bench.write(Acks::All, 0).await.unwrap();
    bench.disk.fail_syncs(true);
    let refused = bench.write(Acks::All, 1).await.unwrap_err();
    assert!(matches!(refused, PartitionError::Storage(StorageFailure::Failed)), "{refused}");
    assert!(bench.health.alive().is_err());
    bench.disk.fail_syncs(false);
    for acks in [Acks::None, Acks::Leader, Acks::All] {
        assert!(bench.write(acks, 2).await.is_err(), "a disk that failed once is not asked again");
    }
}

#[tokio::test]
async fn a_failed_sync_acknowledges_nothing_that_a_crash_could_lose() {
    let bench = Bench::new(MemoryDisk::new());
    bench.write(Acks::All, 0).await.unwrap();
    bench.disk.fail_syncs(true);
    assert!(bench.write(Acks::All, 1).await.is_err());
    bench.disk.fail_syncs(false);
    bench.disk.crash(weir_log::CrashStyle::LoseUnsynced, 1);
    let again = Bench::new(bench.disk.clone());
    assert_eq!(again.end().await, Offset(1));
}

#[tokio::test]
async fn duplicates_are_answered_whatever_acks_they_want() {
    let bench = Bench::new(MemoryDisk::new());
    bench.write(Acks::All, 0).await.unwrap();
    for acks in [Acks::None, Acks::Leader, Acks::All] {
        assert_eq!(bench.write(acks, 0).await.unwrap().base_offset, Offset(0));
    }
}

#[tokio::test]
async fn batches_that_wait_together_are_written_by_one_call() {
    let bench = Bench::new(MemoryDisk::new());
    bench.write(Acks::All, 0).await.unwrap();
    let before = bench.disk.changes();
    let mut answers = Vec::new();
    for sequence in 1..=5 {
        answers.push(bench.submit(Acks::Leader, sequence).await);
    }
    for (answer, offset) in answers.into_iter().zip(1..) {
        let written = timeout(PATIENCE, answer).await.expect("no answer").unwrap().unwrap();
        assert_eq!(written.base_offset, Offset(offset));
    }
    // One write, and whatever there was to sync meanwhile.
    let changes = bench.disk.changes() - before;
    assert!(changes < 5, "{changes} changes of the disk for five batches");
}

#[tokio::test]
async fn a_run_of_batches_for_which_there_is_no_room_is_refused_as_a_whole() {
    let bench = Bench::new(MemoryDisk::new());
    bench.write(Acks::All, 0).await.unwrap();
    bench.disk.set_capacity(2_000);
    let mut answers = Vec::new();
    for sequence in 1..=5 {
        answers.push(bench.submit(Acks::All, sequence).await);
    }
    for answer in answers {
        let refused = timeout(PATIENCE, answer).await.expect("no answer").unwrap().unwrap_err();
        assert!(is_full(&refused), "{refused}");
    }
    bench.disk.set_capacity(64 << 10);
    assert_eq!(bench.write(Acks::All, 1).await.unwrap().base_offset, Offset(1));
}

#[tokio::test]
async fn what_a_kill_left_unsynced_becomes_visible_without_a_request() {
    let first = Bench::new(MemoryDisk::new());
    first.write(Acks::All, 0).await.unwrap();
    let disk = first.disk.clone();
    first.write(Acks::Leader, 1).await.unwrap();
    disk.kill();
    let syncs = disk.syncs();
    let _again = Bench::new(disk.clone());
    timeout(PATIENCE, async {
        while disk.syncs() == syncs {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("nobody synced");
}

#[tokio::test]
async fn a_closed_segment_gets_its_index_though_no_writer_waits_for_a_sync() {
    let bench = Bench::new(MemoryDisk::new());
    let policy = Policy { durability: Durability::Replicated, ..policy() };
    let log = LogConfig { segment_bytes: 4_096, ..LogConfig::default() };
    let configured = Configured { policy, log, rules: BatchRules::LAX, throttled: None };
    bench.handle.send(Command::Configure(Box::new(configured))).await.unwrap();
    bench.write(Acks::All, 0).await.unwrap();
    let index = "/data/topics/u/0/00000000000000000000.index";
    assert!(bench.disk.open(index.as_ref()).is_err());
    timeout(PATIENCE, async {
        for sequence in 1.. {
            bench.write(Acks::All, sequence).await.unwrap();
            if bench.disk.open(index.as_ref()).is_ok() {
                break;
            }
        }
    })
    .await
    .expect("no index was written");
}

/// Opens what a bench left and gathers what is known of producers; how many bytes of the disk that took.
fn bytes_to_recover(disk: &MemoryDisk, config: &LogConfig) -> (usize, u64) {
    let before = disk.bytes_read();
    let home = Home::new(disk.clone(), "/data".as_ref());
    let (mut log, _) = Log::open(&home, "/data/topics/u/0".as_ref(), config.clone()).unwrap();
    let producers = rebuild_producers(&mut log, 10, "u-0").unwrap();
    (producers.len(), disk.bytes_read() - before)
}

#[tokio::test]
async fn a_restart_reads_the_same_of_a_short_log_and_of_a_long_one_whoever_wrote_it() {
    let log = LogConfig { segment_bytes: 64 << 10, recovery_bytes: 8 << 10, ..LogConfig::default() };
    for producers in [0, 1] {
        let bench = Bench::new(MemoryDisk::new());
        let policy = Policy { durability: Durability::Replicated, ..policy() };
        let configured = Configured { policy, log: log.clone(), rules: BatchRules::LAX, throttled: None };
        bench.handle.send(Command::Configure(Box::new(configured))).await.unwrap();
        for sequence in 0..3_000 {
            let written = match producers {
                0 => bench.write_plain().await,
                _ => bench.write(Acks::All, sequence).await,
            };
            written.unwrap();
        }
        bench.end().await;
        let size = bench.handle.bytes();
        let left = bench.disk.clone();
        left.kill();
        let (known, read) = bytes_to_recover(&left, &log);
        assert_eq!(known, producers);
        // What no checkpoint covers yet, once for its checksums and once for its headers; and small files.
        assert!(size > 1 << 20 && read < 160 << 10, "{read} of {size} bytes, {producers} producers");
    }
}

#[tokio::test]
async fn after_a_clean_stop_nothing_of_the_log_is_read_whoever_wrote_it() {
    for producers in [0, 1] {
        let bench = Bench::new(MemoryDisk::new());
        for sequence in 0..2_500 {
            let written = match producers {
                0 => bench.write_plain().await,
                _ => bench.write(Acks::All, sequence).await,
            };
            written.unwrap();
        }
        let (stopped, done) = oneshot::channel();
        bench.handle.send(Command::Stop(stopped)).await.unwrap();
        done.await.unwrap();
        let small_files = small_files(&bench.disk);
        let (known, read) = bytes_to_recover(&bench.disk, &LogConfig::default());
        assert_eq!(known, producers);
        assert!(read <= small_files, "{read} bytes, the small files have {small_files}");
    }
}

/// The bytes of all but the segments.
fn small_files(disk: &MemoryDisk) -> u64 {
    let dir: &std::path::Path = "/data/topics/u/0".as_ref();
    let names = disk.list(dir).unwrap().into_iter().map(|entry| entry.name);
    names.filter(|name| !name.ends_with(".log")).map(|name| disk.file_len(&dir.join(name)).unwrap()).sum()
}

#[tokio::test]
async fn what_is_written_and_not_yet_synced_can_be_deleted() {
    let bench = Bench::new(MemoryDisk::new());
    for number in 0..50 {
        bench.write(Acks::Leader, number).await.unwrap();
        assert_eq!(bench.delete_before(number + 1).await.unwrap(), Offset((number + 1).into()));
    }
    assert!(bench.delete_before(51).await.is_err(), "nothing is there yet");
}

#[tokio::test]
async fn the_bytes_of_all_logs_are_counted_as_they_come_and_go() {
    let bench = Bench::new(MemoryDisk::new());
    bench.write(Acks::All, 0).await.unwrap();
    // Published at the end of a round: the next one finds it.
    bench.end().await;
    let counted = u64::try_from(bench.metrics.log_bytes.get()).unwrap();
    assert!(counted > 500 && counted == bench.handle.bytes(), "{counted}");
    let (stopped, done) = oneshot::channel();
    bench.handle.send(Command::Stop(stopped)).await.unwrap();
    done.await.unwrap();
    assert_eq!(bench.metrics.log_bytes.get(), 0);
}
