//! Table tests of each decision; random histories are in a file of their own.

mod damaged;
mod following;
mod histories;
mod in_sync;
mod replication;

use weir_model::config::{Durability, TopicConfig, validate_broker_file};
use weir_model::{
    BrokerId, DurationMs, LeaderEpoch, Millis, Offset, PartitionEpoch, PartitionIndex, ProducerEpoch,
    ProducerId, Sequence, TopicId,
};

use super::*;

const ME: BrokerId = BrokerId(0);
const OTHER: BrokerId = BrokerId(1);
const THIRD: BrokerId = BrokerId(2);
const NOW: Millis = Millis(1_000);
const LATER: Millis = Millis(31_000);

fn policy() -> Policy {
    let broker = validate_broker_file(&weir_model::config::Pairs::new()).unwrap();
    Policy::new(&TopicConfig::built_in().unwrap(), &broker)
}

/// Puts nobody out of the ISR while a test waits for something else.
fn patient() -> Policy {
    Policy { replica_lag_max: DurationMs(1_000_000), ..policy() }
}

/// A replica, and what it asked for.
struct Bench {
    replica: Replica,
    effects: Vec<Effect>,
    tokens: u64,
}

impl Bench {
    fn leading(replicas: &[BrokerId], isr: &[BrokerId], policy: Policy) -> Self {
        let replica = Replica::new(TopicId::ZERO, PartitionIndex(0), ME, policy, Recovered::empty());
        let mut bench = Self { replica, effects: Vec::new(), tokens: 0 };
        bench.assign(Some(ME), 0, 0, replicas, isr);
        bench.effects.clear();
        bench
    }

    fn alone() -> Self {
        Self::leading(&[ME], &[ME], policy())
    }

    fn assign(
        &mut self,
        leader: Option<BrokerId>,
        epoch: i32,
        version: i32,
        replicas: &[BrokerId],
        isr: &[BrokerId],
    ) {
        let news = Assignment {
            leader,
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: PartitionEpoch(version),
            replicas,
            isr,
            elr: &[],
        };
        self.replica.assign(news, NOW, &mut self.effects);
    }

    fn produce(&mut self, acks: Acks, batch: BatchFacts) -> Token {
        self.produce_in(None, acks, batch)
    }

    fn produce_in(&mut self, leader_epoch: Option<LeaderEpoch>, acks: Acks, batch: BatchFacts) -> Token {
        self.tokens += 1;
        let token = Token(self.tokens);
        let write = Produce { token, acks, batch, leader_epoch, append_time: Millis::NONE, deadline: LATER };
        self.replica.produce(write, &mut self.effects);
        token
    }

    /// Reports everything that was to be appended as appended.
    fn append_all(&mut self) {
        let end = self.replica.assigned.back().map(|a| a.batch.end_at(a.base_offset));
        self.replica.on_appended(end.unwrap_or(self.replica.log_end()), NOW, &mut self.effects);
    }

    fn sync(&mut self) {
        self.replica.on_durable(self.replica.log_end(), NOW, &mut self.effects);
    }

    /// A follower fetches at `offset`, from a log of this one reign.
    fn fetched(&mut self, broker: BrokerId, offset: i64, now: Millis) -> Result<FollowerRead, ReadError> {
        let fetch = FollowerFetch {
            broker,
            broker_epoch: 7,
            eligible: true,
            leader_epoch: self.replica.leader_epoch(),
            offset: Offset(offset),
            last_fetched_epoch: None,
        };
        self.replica.follower_fetch(fetch, &[], now, &mut self.effects)
    }

    fn outcome(&self, token: Token) -> Option<Result<Produced, ProduceError>> {
        let mut outcomes = self.effects.iter().filter_map(|effect| match effect {
            Effect::Reply { token: t, outcome } if *t == token => Some(*outcome),
            _ => None,
        });
        let first = outcomes.next();
        assert_eq!(outcomes.next(), None, "{token:?} was answered twice");
        first
    }

    fn offset(&self, token: Token) -> Option<i64> {
        self.outcome(token).map(|outcome| outcome.unwrap().base_offset.0)
    }

    fn error(&self, token: Token) -> ProduceError {
        self.outcome(token).unwrap().unwrap_err()
    }

    fn appends(&self) -> Vec<i64> {
        let appends = self.effects.iter().filter_map(|effect| match effect {
            Effect::Append { base_offset, .. } => Some(base_offset.0),
            _ => None,
        });
        appends.collect()
    }
}

/// Three plain records.
fn plain() -> BatchFacts {
    BatchFacts::plain(2, NOW, 100)
}

fn idempotent(id: i64, epoch: i16, sequence: i32, count: i32) -> BatchFacts {
    BatchFacts {
        producer_id: ProducerId(id),
        producer_epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(sequence),
        last_offset_delta: count - 1,
        ..plain()
    }
}

#[test]
fn an_idle_replica_is_small() {
    assert!(size_of::<Replica>() <= 512, "{}", size_of::<Replica>());
}

#[test]
fn batches_of_one_round_get_offsets_one_after_the_other() {
    let mut bench = Bench::alone();
    let tokens = [(); 3].map(|()| bench.produce(Acks::Leader, plain()));
    assert_eq!(bench.appends(), [0, 3, 6]);
    assert_eq!(tokens.map(|t| bench.offset(t)), [None; 3], "nothing is answered before it is appended");
    bench.append_all();
    assert_eq!(tokens.map(|t| bench.offset(t)), [Some(0), Some(3), Some(6)]);
    assert_eq!(bench.replica.log_end(), Offset(9));
}

#[test]
fn acks_all_is_answered_once_it_is_on_disk() {
    let mut bench = Bench::alone();
    let token = bench.produce(Acks::All, plain());
    bench.append_all();
    assert_eq!(bench.offset(token), None);
    assert_eq!(bench.replica.high_watermark(), Offset(0));
    assert!(bench.replica.sync_wanted(NOW));
    bench.replica.on_durable(Offset(2), NOW, &mut bench.effects);
    assert_eq!(bench.offset(token), None, "two of three records are not enough");
    bench.sync();
    assert_eq!(bench.offset(token), Some(0));
    assert!(!bench.replica.sync_wanted(NOW));
}

#[test]
fn replicated_durability_does_not_wait_for_the_disk() {
    let mut bench = Bench::leading(&[ME], &[ME], Policy { durability: Durability::Replicated, ..policy() });
    let token = bench.produce(Acks::All, plain());
    bench.append_all();
    assert_eq!(bench.offset(token), Some(0));
    assert_eq!(bench.replica.high_watermark(), Offset(3));
    assert!(!bench.replica.sync_wanted(NOW));
}

#[test]
fn flush_settings_ask_for_a_sync_whatever_the_durability() {
    let lazy = Policy { durability: Durability::Replicated, ..policy() };
    let mut bench = Bench::leading(&[ME], &[ME], Policy { flush_messages: 3, ..lazy });
    bench.produce(Acks::None, plain());
    bench.append_all();
    assert!(bench.replica.sync_wanted(NOW));

    let mut bench = Bench::leading(&[ME], &[ME], Policy { flush_interval: DurationMs(500), ..lazy });
    bench.produce(Acks::None, plain());
    bench.append_all();
    assert!(!bench.replica.sync_wanted(Millis(1_499)));
    assert_eq!(bench.replica.next_deadline(), Some(Millis(1_500)));
    assert!(bench.replica.sync_wanted(Millis(1_500)));
    bench.replica.tick(Millis(1_500), &mut bench.effects);
    assert_eq!(bench.replica.next_deadline(), None, "the deadline is over while the sync runs");
    assert!(bench.replica.sync_wanted(Millis(1_500)));

    bench.produce(Acks::None, plain());
    bench.append_all();
    bench.replica.on_durable(Offset(3), Millis(1_501), &mut bench.effects);
    assert!(!bench.replica.sync_wanted(Millis(2_000)));
    assert_eq!(bench.replica.next_deadline(), Some(Millis(2_001)), "for what was appended meanwhile");
}

#[test]
fn whoever_wanted_no_answer_is_told_all_the_same_so_that_nothing_waits_for_ever() {
    let mut bench = Bench::alone();
    let good = bench.produce(Acks::None, idempotent(7, 0, 0, 1));
    assert_eq!(bench.outcome(good), None);
    bench.append_all();
    assert_eq!(bench.offset(good), Some(0));
    let duplicate = bench.produce(Acks::None, idempotent(7, 0, 0, 1));
    assert_eq!(bench.offset(duplicate), Some(0));
    let bad = bench.produce(Acks::None, BatchFacts { control: true, ..plain() });
    assert!(matches!(bench.error(bad), ProduceError::InvalidBatch(_)));
    let failed = bench.produce(Acks::None, plain());
    bench.replica.append_failed(StorageFailure::Full, &mut bench.effects);
    assert_eq!(bench.error(failed), ProduceError::Storage(StorageFailure::Full));
}

#[test]
fn every_request_is_fenced_by_leader_epoch() {
    let mut bench = Bench::alone();
    bench.assign(Some(ME), 5, 1, &[ME], &[ME]);
    let current = LeaderEpoch(5);
    let cases = [
        (4, Some(FenceError::Fenced { asked: LeaderEpoch(4), current })),
        (5, None),
        (6, Some(FenceError::Unknown { asked: LeaderEpoch(6), current })),
    ];
    for (epoch, refused) in cases {
        let epoch = Some(LeaderEpoch(epoch));
        let token = bench.produce_in(epoch, Acks::Leader, plain());
        bench.append_all();
        assert_eq!(bench.outcome(token).unwrap().err(), refused.map(ProduceError::Fence));
        let reader = Reader::Consumer(Isolation::ReadUncommitted);
        assert_eq!(bench.replica.read(reader, Offset(0), epoch).err(), refused.map(ReadError::Fence),);
        assert_eq!(
            bench.replica.list_offsets(ListOffsets::Earliest, reader, epoch).err(),
            refused.map(ReadError::Fence)
        );
        assert_eq!(
            bench.replica.delete_records(Some(Offset(0)), epoch).err(),
            refused.map(DeleteRecordsError::Fence)
        );
        assert_eq!(bench.replica.offset_for_leader_epoch(&[], LeaderEpoch(0), epoch).err(), refused);
    }
    bench.assign(Some(OTHER), 6, 2, &[ME, OTHER], &[OTHER]);
    let token = bench.produce(Acks::Leader, plain());
    assert_eq!(bench.error(token), ProduceError::Fence(FenceError::NotLeader));
    assert_eq!(bench.replica.leader(), Some(OTHER));
}

#[test]
fn a_new_replica_serves_nothing_until_it_is_assigned() {
    let found = Recovered { log_end: Offset(7), durable_end: Offset(7), ..Recovered::empty() };
    let mut replica = Replica::new(TopicId::ZERO, PartitionIndex(0), ME, policy(), found);
    let reader = Reader::Consumer(Isolation::ReadUncommitted);
    assert_eq!(replica.read(reader, Offset(0), None), Err(ReadError::Fence(FenceError::NotLeader)));
    let mut effects = Vec::new();
    let news = Assignment {
        leader: Some(ME),
        leader_epoch: LeaderEpoch(3),
        partition_epoch: PartitionEpoch(4),
        replicas: &[ME],
        isr: &[ME],
        elr: &[],
    };
    replica.assign(news, NOW, &mut effects);
    assert_eq!(
        effects,
        [
            Effect::LeaderEpochStarted { epoch: LeaderEpoch(3), start: Offset(7) },
            Effect::HighWatermark(Offset(7))
        ]
    );
}

#[test]
fn old_news_of_the_controller_is_ignored() {
    let mut bench = Bench::alone();
    bench.assign(Some(ME), 5, 5, &[ME], &[ME]);
    bench.assign(Some(OTHER), 4, 6, &[ME, OTHER], &[OTHER]);
    bench.assign(Some(OTHER), 5, 4, &[ME, OTHER], &[OTHER]);
    assert!(bench.replica.is_leader());
    assert_eq!(bench.replica.leader_epoch(), LeaderEpoch(5));
}

#[test]
fn batches_that_can_not_be_are_refused() {
    let cases = [
        (BatchFacts { last_offset_delta: -1, ..plain() }, "at least one record"),
        (BatchFacts { control: true, ..plain() }, "control"),
        (idempotent(7, -1, 0, 1), "needs an epoch"),
        (idempotent(7, 0, -1, 1), "needs an epoch"),
        (BatchFacts { transactional: true, ..idempotent(7, 0, 0, 1) }, "no transaction"),
        (BatchFacts { size_bytes: 1_048_589, ..plain() }, "at most 1048588"),
    ];
    for (batch, why) in cases {
        let mut bench = Bench::alone();
        let token = bench.produce(Acks::All, batch);
        let error = bench.error(token);
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(bench.appends(), [0; 0]);
    }
    let mut bench = Bench::leading(&[ME], &[ME], Policy { segment_bytes: 99, ..policy() });
    let token = bench.produce(Acks::All, plain());
    assert_eq!(bench.error(token), ProduceError::LargerThanSegment { size: 100, max: 99 });
}

#[test]
fn acks_all_needs_min_insync_replicas_and_the_others_do_not() {
    let two = Policy { min_isr: 2, ..policy() };
    let mut bench = Bench::leading(&[ME, OTHER, THIRD], &[ME], two);
    let refused = bench.produce(Acks::All, plain());
    assert_eq!(bench.error(refused), ProduceError::NotEnoughReplicas { isr: 1, min: 2 });
    let taken = bench.produce(Acks::Leader, plain());
    bench.append_all();
    bench.sync();
    assert_eq!(bench.offset(taken), Some(0));
    assert_eq!(bench.replica.high_watermark(), Offset(0), "the watermark stands still below min ISR");

    let mut bench = Bench::leading(&[ME], &[ME], two);
    let token = bench.produce(Acks::All, plain());
    bench.append_all();
    bench.sync();
    assert_eq!(bench.offset(token), Some(0), "a partition of one replica can not need two");
}

#[test]
fn the_watermark_is_the_least_end_over_the_maximal_isr() {
    // (followers' ends) -> watermark; the own synced end is 3.
    let cases = [
        (Some(3), None, 0),
        (Some(3), Some(3), 3),
        (Some(2), Some(3), 2),
        (Some(1), Some(3), 1),
        (None, Some(3), 0),
    ];
    for (second, third, watermark) in cases {
        let all = [ME, OTHER, THIRD];
        let mut bench = Bench::leading(&all, &all, policy());
        let token = bench.produce(Acks::All, plain());
        bench.append_all();
        bench.sync();
        for (broker, end) in [(OTHER, second), (THIRD, third)] {
            if let Some(end) = end {
                bench.fetched(broker, end, NOW).unwrap();
            }
        }
        assert_eq!(bench.replica.high_watermark(), Offset(watermark), "{second:?} {third:?}");
        assert_eq!(bench.offset(token), (watermark == 3).then_some(0));
    }
}

#[test]
fn a_shrunk_isr_releases_what_waited_for_the_lost_follower() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME, OTHER], policy());
    let token = bench.produce(Acks::All, plain());
    bench.append_all();
    bench.sync();
    assert_eq!(bench.offset(token), None);
    bench.assign(Some(ME), 0, 1, &[ME, OTHER], &[ME]);
    assert_eq!(bench.offset(token), Some(0));
}

#[test]
fn the_watermark_does_not_go_back_for_a_member_that_is_behind() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME], policy());
    bench.produce(Acks::All, plain());
    bench.append_all();
    bench.sync();
    bench.fetched(OTHER, 1, NOW).unwrap();
    bench.assign(Some(ME), 0, 1, &[ME, OTHER], &[ME, OTHER]);
    assert_eq!(bench.replica.high_watermark(), Offset(3));
}

#[test]
fn writes_wait_on_when_the_leader_is_elected_again_and_fail_when_it_is_not() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME, OTHER], policy());
    let token = bench.produce(Acks::All, plain());
    bench.append_all();
    bench.assign(Some(ME), 1, 1, &[ME, OTHER], &[ME, OTHER]);
    assert_eq!(bench.outcome(token), None);
    bench.assign(Some(OTHER), 2, 2, &[ME, OTHER], &[ME, OTHER]);
    assert_eq!(bench.error(token), ProduceError::Fence(FenceError::NotLeader));
}

#[test]
fn a_write_that_is_not_confirmed_in_time_times_out_and_stays_in_the_log() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME, OTHER], patient());
    let token = bench.produce(Acks::All, plain());
    bench.append_all();
    bench.sync();
    assert_eq!(bench.replica.next_deadline(), Some(LATER));
    bench.replica.tick(LATER - DurationMs(1), &mut bench.effects);
    assert_eq!(bench.outcome(token), None);
    bench.replica.tick(LATER, &mut bench.effects);
    assert_eq!(bench.error(token), ProduceError::TimedOut);
    assert!(bench.replica.next_deadline() > Some(LATER), "only the follower is waited for still");
    assert_eq!(bench.replica.log_end(), Offset(3));
}

#[test]
fn waiting_writes_are_bounded() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME, OTHER], policy());
    for _ in 0..waiting::MOST_WAITING {
        bench.produce(Acks::All, plain());
    }
    bench.append_all();
    let token = bench.produce(Acks::All, plain());
    assert_eq!(bench.error(token), ProduceError::TooManyWaiting);
}

#[test]
fn a_failed_append_gives_the_offsets_back_and_answers_everybody() {
    let mut bench = Bench::alone();
    let kept = bench.produce(Acks::All, idempotent(7, 0, 0, 3));
    bench.append_all();
    let all = bench.produce(Acks::All, idempotent(7, 0, 3, 3));
    let duplicate = bench.produce(Acks::All, idempotent(7, 0, 3, 3));
    let leader = bench.produce(Acks::Leader, plain());
    bench.replica.append_failed(StorageFailure::Full, &mut bench.effects);
    for token in [all, duplicate, leader] {
        assert_eq!(bench.error(token), ProduceError::Storage(StorageFailure::Full));
    }
    bench.effects.clear();
    let retry = bench.produce(Acks::All, idempotent(7, 0, 3, 3));
    assert_eq!(bench.appends(), [3], "the producer's state was not advanced by the failed batch");
    bench.append_all();
    bench.sync();
    assert_eq!((bench.offset(kept), bench.offset(retry)), (Some(0), Some(3)));
}

#[test]
fn a_duplicate_of_a_batch_in_flight_waits_for_the_same_commit() {
    let mut bench = Bench::alone();
    let first = bench.produce(Acks::All, idempotent(7, 0, 0, 3));
    let unappended = bench.produce(Acks::All, idempotent(7, 0, 0, 3));
    bench.append_all();
    let unsynced = bench.produce(Acks::All, idempotent(7, 0, 0, 3));
    let leader = bench.produce(Acks::Leader, idempotent(7, 0, 0, 3));
    assert_eq!([first, unappended, unsynced].map(|t| bench.offset(t)), [None; 3]);
    assert_eq!(bench.offset(leader), Some(0), "appended is enough for acks=1");
    bench.sync();
    assert_eq!([first, unappended, unsynced].map(|t| bench.offset(t)), [Some(0); 3]);
    assert_eq!(bench.appends(), [0]);
    let late = bench.produce(Acks::All, idempotent(7, 0, 0, 3));
    assert_eq!(bench.outcome(late).unwrap().unwrap().append_time, NOW, "with the original's timestamp");
}

#[test]
fn readers_see_what_is_committed_and_followers_see_all() {
    let mut bench = Bench::alone();
    bench.produce(Acks::Leader, plain());
    bench.append_all();
    bench.sync();
    bench.produce(Acks::Leader, plain());
    bench.append_all();
    let consumer = Reader::Consumer(Isolation::ReadUncommitted);
    let committed = Reader::Consumer(Isolation::ReadCommitted);
    for (reader, limit) in [(consumer, 3), (committed, 3), (Reader::Follower(OTHER), 6)] {
        assert_eq!(bench.replica.read(reader, Offset(0), None).unwrap().limit, Offset(limit));
        let listed = bench.replica.list_offsets(ListOffsets::Latest, reader, None).unwrap();
        assert_eq!(listed, Listed::End(Offset(limit), LeaderEpoch(0)));
    }
    assert!(bench.replica.read(consumer, Offset(6), None).is_ok(), "the end is in range");
    bench.replica.on_log_start(Offset(2));
    for outside in [-1, 0, 1, 7] {
        let error = bench.replica.read(consumer, Offset(outside), None).unwrap_err();
        let (start, end) = (Offset(2), Offset(6));
        assert_eq!(error, ReadError::OutOfRange { asked: Offset(outside), start, end });
    }
}

#[test]
fn a_new_leader_does_not_say_what_it_can_not_know_yet() {
    let found = Recovered { log_end: Offset(7), durable_end: Offset(7), ..Recovered::empty() };
    let replica = Replica::new(TopicId::ZERO, PartitionIndex(0), ME, policy(), found);
    let mut bench = Bench { replica, effects: Vec::new(), tokens: 0 };
    bench.assign(Some(ME), 1, 1, &[ME, OTHER], &[ME, OTHER]);
    let consumer = Reader::Consumer(Isolation::ReadUncommitted);
    for asked in [ListOffsets::Latest, ListOffsets::AtOrAfter(NOW)] {
        assert_eq!(bench.replica.list_offsets(asked, consumer, None), Err(ReadError::NotYetKnown));
    }
    let seven = Offset(7);
    bench.fetched(OTHER, 7, NOW).unwrap();
    let listed = bench.replica.list_offsets(ListOffsets::Latest, consumer, None).unwrap();
    assert_eq!(listed, Listed::End(seven, LeaderEpoch(1)));
}

#[test]
fn list_offsets_reads_the_protocols_special_timestamps() {
    let cases = [
        (-1, Some(ListOffsets::Latest)),
        (-2, Some(ListOffsets::Earliest)),
        (-3, Some(ListOffsets::MaxTimestamp)),
        (-4, Some(ListOffsets::Earliest)),
        (-5, Some(ListOffsets::Tiered)),
        (-6, Some(ListOffsets::Tiered)),
        (-7, None),
        (0, Some(ListOffsets::AtOrAfter(Millis(0)))),
        (9, Some(ListOffsets::AtOrAfter(Millis(9)))),
    ];
    for (timestamp, what) in cases {
        assert_eq!(ListOffsets::from_timestamp(timestamp), what);
    }
    let bench = Bench::alone();
    let consumer = Reader::Consumer(Isolation::ReadUncommitted);
    assert_eq!(bench.replica.list_offsets(ListOffsets::Tiered, consumer, None), Ok(Listed::Nothing));
    assert_eq!(
        bench.replica.list_offsets(ListOffsets::MaxTimestamp, consumer, None),
        Ok(Listed::SearchMaxTimestamp { limit: Offset(0) })
    );
    assert_eq!(bounded(Some((Offset(4), NOW)), Offset(4)), None);
    assert_eq!(bounded(Some((Offset(3), NOW)), Offset(4)), Some((Offset(3), NOW)));
}

#[test]
fn records_are_deleted_up_to_the_watermark_at_most() {
    let mut bench = Bench::alone();
    bench.produce(Acks::All, plain());
    bench.append_all();
    bench.sync();
    bench.produce(Acks::All, plain());
    bench.append_all();
    let out = |asked| Err(DeleteRecordsError::OutOfRange { asked, high_watermark: Offset(3) });
    let cases = [
        (None, Ok(Offset(3))),
        (Some(Offset(0)), Ok(Offset(0))),
        (Some(Offset(2)), Ok(Offset(2))),
        (Some(Offset(3)), Ok(Offset(3))),
        (Some(Offset(4)), out(Offset(4))),
        (Some(Offset(-2)), out(Offset(-2))),
    ];
    for (asked, answer) in cases {
        assert_eq!(bench.replica.delete_records(asked, None), answer);
    }
    bench.replica.on_log_start(Offset(2));
    assert_eq!(
        bench.replica.delete_records(Some(Offset(1)), None),
        Ok(Offset(2)),
        "the start never goes back"
    );
    bench.replica.set_policy(Policy { deletable: false, ..policy() });
    assert_eq!(bench.replica.delete_records(None, None), Err(DeleteRecordsError::NotDeletable));
}

#[test]
fn the_end_of_an_epoch_is_the_start_of_the_next_one() {
    let reigns = [(2, 0), (3, 10), (7, 20)]
        .map(|(epoch, start)| EpochStart { epoch: LeaderEpoch(epoch), start: Offset(start) });
    let cases = [
        (-1, None),
        (0, Some((0, 0))),
        (2, Some((2, 10))),
        (3, Some((3, 20))),
        (5, Some((3, 20))),
        (7, Some((7, 25))),
        (8, None),
    ];
    for (asked, answer) in cases {
        let found = end_of_epoch(&reigns, LeaderEpoch(asked), Offset(25));
        assert_eq!(found.map(|e| (e.epoch.0, e.end.0)), answer, "epoch {asked}");
    }
    assert_eq!(end_of_epoch(&[], LeaderEpoch(0), Offset(25)), None);
    let diverging = [
        (7, 25, None),
        (7, 26, Some((7, 25))),
        (3, 20, None),
        (3, 21, Some((3, 20))),
        (5, 15, Some((3, 20))),
        (8, 25, Some((-1, -1))),
    ];
    for (epoch, offset, answer) in diverging {
        let found = diverging_epoch(&reigns, LeaderEpoch(epoch), Offset(offset), Offset(25));
        assert_eq!(found.map(|e| (e.epoch.0, e.end.0)), answer, "epoch {epoch} at {offset}");
    }
}
