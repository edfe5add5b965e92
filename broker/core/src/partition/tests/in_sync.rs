//! Tables for the leader's side of replication: who is proposed for the ISR, and what an answer changes.

use super::*;

const ALL: [BrokerId; 3] = [ME, OTHER, THIRD];

impl Bench {
    fn proposed(&mut self) -> Option<Vec<(i32, i64)>> {
        let at = self.effects.iter().position(|e| matches!(e, Effect::AlterIsr(_)))?;
        let Effect::AlterIsr(change) = self.effects.remove(at) else { return None };
        Some(change.isr.iter().map(|(b, e)| (b.0, *e)).collect())
    }

    fn answered(&mut self, outcome: Result<i32, IsrRefusal>, now: Millis) {
        let answer = IsrAnswer {
            leader_epoch: self.replica.leader_epoch,
            partition_epoch: self.replica.partition_epoch,
            outcome: outcome.map(PartitionEpoch),
        };
        self.replica.on_isr_answer(answer, now, &mut self.effects);
    }

    fn written(&mut self) -> Token {
        let token = self.produce(Acks::All, plain());
        self.append_all();
        self.sync();
        token
    }
}

#[test]
fn a_follower_that_has_caught_up_holds_the_watermark_before_the_controller_has_agreed() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME], policy());
    bench.fetched(OTHER, 0, NOW).unwrap();
    assert_eq!(bench.proposed(), Some(vec![(0, -1), (1, 7)]));
    let token = bench.written();
    assert_eq!(bench.offset(token), None);
    bench.fetched(OTHER, 3, NOW).unwrap();
    assert_eq!((bench.offset(token), bench.proposed()), (Some(0), None), "one proposal at a time");
}

#[test]
fn nobody_is_proposed_who_may_not_join_or_lacks_something() {
    let fetch = FollowerFetch {
        broker: OTHER,
        broker_epoch: 7,
        eligible: true,
        leader_epoch: LeaderEpoch(0),
        offset: Offset(3),
        last_fetched_epoch: None,
    };
    let cases = [
        (fetch, true),
        (FollowerFetch { eligible: false, ..fetch }, false),
        (FollowerFetch { offset: Offset(2), ..fetch }, false),
    ];
    for (fetch, proposed) in cases {
        let mut bench = Bench::leading(&[ME, OTHER], &[ME], policy());
        bench.written();
        bench.replica.follower_fetch(fetch, &[], NOW, &mut bench.effects).unwrap();
        assert_eq!(bench.proposed().is_some(), proposed, "{fetch:?}");
    }
}

#[test]
fn a_fetch_that_proves_nothing_is_refused_and_does_not_count() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME, OTHER], policy());
    bench.written();
    bench.fetched(OTHER, 1, NOW).unwrap();
    assert_eq!(bench.fetched(THIRD, 3, NOW), Err(FenceError::NotReplica { broker: THIRD }.into()));
    let reigns = [EpochStart { epoch: LeaderEpoch(0), start: Offset(0) }];
    let fetch = FollowerFetch {
        broker: OTHER,
        broker_epoch: 7,
        eligible: true,
        leader_epoch: LeaderEpoch(0),
        offset: Offset(3),
        last_fetched_epoch: Some(LeaderEpoch(0)),
    };
    let ask =
        |bench: &mut Bench, fetch| bench.replica.follower_fetch(fetch, &reigns, NOW, &mut bench.effects);
    let older = FollowerFetch { broker_epoch: 6, ..fetch };
    assert_eq!(ask(&mut bench, older), Err(FenceError::StaleBroker { broker: OTHER }.into()));
    let ahead = FollowerFetch { offset: Offset(4), ..fetch };
    let parts = EpochEnd { epoch: LeaderEpoch(0), end: Offset(3) };
    assert_eq!(ask(&mut bench, ahead), Ok(FollowerRead::Diverging(parts)));
    assert_eq!(bench.replica.high_watermark(), Offset(1));
    ask(&mut bench, fetch).unwrap();
    assert_eq!(bench.replica.high_watermark(), Offset(3));
}

#[test]
fn a_member_leaves_the_isr_only_once_the_controller_says_so() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME, OTHER], policy());
    bench.fetched(OTHER, 0, NOW).unwrap();
    let token = bench.written();
    let due = NOW + policy().replica_lag_max;
    assert_eq!(bench.replica.next_deadline(), Some(due));
    bench.replica.tick(due - DurationMs(1), &mut bench.effects);
    assert_eq!(bench.proposed(), None);
    bench.replica.tick(due, &mut bench.effects);
    assert_eq!(bench.proposed(), Some(vec![(0, -1)]));
    bench.answered(Ok(1), due);
    assert_eq!(bench.offset(token), None, "accepted is not heard of yet");
    bench.assign(Some(ME), 0, 1, &[ME, OTHER], &[ME]);
    assert_eq!(bench.offset(token), Some(0));
}

#[test]
fn a_follower_that_keeps_up_with_a_log_that_keeps_growing_stays() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME, OTHER], policy());
    let mut now = NOW;
    for round in 0..10 {
        bench.produce(Acks::Leader, plain());
        let end = bench.replica.log_end().plus(3);
        bench.replica.on_appended(end, now, &mut bench.effects);
        // Always one round behind, so never at the end.
        bench.fetched(OTHER, round * 3, now).unwrap();
        now = now + DurationMs(4_000);
        bench.replica.tick(now, &mut bench.effects);
        assert_eq!(bench.proposed(), None, "round {round}");
    }
}

#[test]
fn an_idle_partition_puts_nobody_out() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME, OTHER], policy());
    bench.fetched(OTHER, 0, NOW).unwrap();
    let much_later = Millis(10_000_000);
    bench.replica.tick(much_later, &mut bench.effects);
    assert_eq!((bench.proposed(), bench.replica.next_deadline()), (None, None));
    bench.produce(Acks::Leader, plain());
    bench.replica.on_appended(Offset(3), much_later, &mut bench.effects);
    assert_eq!(bench.replica.isr_deadline(), Some(much_later + policy().replica_lag_max));
}

#[test]
fn a_refusal_lets_go_of_the_joiner_unless_an_earlier_attempt_may_still_succeed() {
    for (first, doubtful) in [(None, false), (Some(IsrRefusal::Unknown), true)] {
        let mut bench = Bench::leading(&ALL, &[ME], Policy { min_isr: 1, ..policy() });
        bench.fetched(OTHER, 0, NOW).unwrap();
        assert!(bench.proposed().is_some());
        let token = bench.written();
        let mut now = NOW;
        if let Some(first) = first {
            bench.answered(Err(first), now);
            assert_eq!((bench.offset(token), bench.proposed()), (None, None), "a pause first");
            bench.fetched(OTHER, 0, now).unwrap();
            assert_eq!(bench.proposed(), None);
            now = bench.replica.isr_deadline().unwrap();
            bench.replica.tick(now, &mut bench.effects);
            assert_eq!(bench.proposed(), Some(vec![(0, -1), (1, 7)]));
        }
        bench.answered(Err(IsrRefusal::Ineligible), now);
        assert_eq!(bench.offset(token), (!doubtful).then_some(0), "doubtful: {doubtful}");
        if doubtful {
            let now = bench.replica.isr_deadline().unwrap();
            bench.replica.tick(now, &mut bench.effects);
            assert_eq!(bench.proposed(), Some(vec![(0, -1)]), "taken back by a version of its own");
            bench.assign(Some(ME), 0, 1, &ALL, &[ME]);
            assert_eq!(bench.offset(token), Some(0));
        }
    }
}

#[test]
fn a_stale_proposal_waits_for_the_news() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME], policy());
    bench.fetched(OTHER, 0, NOW).unwrap();
    assert!(bench.proposed().is_some());
    bench.answered(Err(IsrRefusal::Stale), NOW);
    bench.fetched(OTHER, 0, LATER).unwrap();
    assert_eq!((bench.proposed(), bench.replica.isr_deadline()), (None, None));
    bench.assign(Some(ME), 0, 1, &[ME, OTHER], &[ME]);
    assert_eq!(bench.proposed(), Some(vec![(0, -1), (1, 7)]));
}

#[test]
fn a_broker_that_has_fenced_itself_promises_nothing_until_it_is_sure_again() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME, OTHER], policy());
    let token = bench.written();
    bench.replica.set_fenced(true, &mut bench.effects);
    bench.fetched(OTHER, 3, NOW).unwrap();
    assert_eq!((bench.offset(token), bench.replica.high_watermark()), (None, Offset(0)));
    let refused = bench.produce(Acks::Leader, plain());
    assert_eq!(bench.error(refused), ProduceError::Fence(FenceError::NotLeader));
    bench.replica.tick(NOW + DurationMs(20_000), &mut bench.effects);
    assert_eq!((bench.proposed(), bench.replica.isr_deadline()), (None, None));
    bench.replica.set_fenced(false, &mut bench.effects);
    assert_eq!(bench.offset(token), Some(0));
}

#[test]
fn a_broker_that_has_fenced_itself_sends_nobody_back_to_where_its_own_log_ends() {
    let mut bench = Bench::leading(&[ME, OTHER], &[ME, OTHER], policy());
    bench.written();
    bench.fetched(OTHER, 3, NOW).unwrap();
    let consumer = Reader::Consumer(Isolation::ReadUncommitted);
    let not_leader = || ReadError::Fence(FenceError::NotLeader);
    let asks = |bench: &Bench, what| bench.replica.list_offsets(what, consumer, None).err();
    let beyond = |bench: &Bench| bench.replica.read(consumer, Offset(4), None).err();
    assert!(matches!(beyond(&bench), Some(ReadError::OutOfRange { .. })), "nobody else can have more");
    bench.replica.set_fenced(true, &mut bench.effects);
    assert_eq!(beyond(&bench), Some(not_leader()), "the next leader may have it");
    assert_eq!(asks(&bench, ListOffsets::Latest), Some(not_leader()));
    assert_eq!(asks(&bench, ListOffsets::AtOrAfter(NOW)), Some(not_leader()));
    assert_eq!(asks(&bench, ListOffsets::Earliest), None);
    let ends = bench.replica.offset_for_leader_epoch(&[], LeaderEpoch(0), None);
    assert_eq!(ends, Err(FenceError::NotLeader));
    assert!(bench.replica.read(consumer, Offset(0), None).is_ok(), "what is committed stays so");
    assert!(matches!(bench.replica.read(consumer, Offset(-1), None), Err(ReadError::OutOfRange { .. })));
}

#[test]
fn nothing_is_committed_while_the_controller_counts_on_replicas_that_are_out_of_sync() {
    let mut bench = Bench::leading(&ALL, &[ME], Policy { min_isr: 1, ..policy() });
    let news = |version, elr| Assignment {
        leader: Some(ME),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(version),
        replicas: &ALL,
        isr: &[ME],
        elr,
    };
    bench.replica.assign(news(1, &[OTHER]), NOW, &mut bench.effects);
    let token = bench.written();
    assert_eq!(bench.offset(token), None, "this broker's own min.insync.replicas has no say in it");
    bench.replica.assign(news(2, &[]), NOW, &mut bench.effects);
    assert_eq!(bench.offset(token), Some(0));
}
