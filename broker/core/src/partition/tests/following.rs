//! Tables for the follower's side: what it asks, what it takes, where it cuts.

use super::*;

/// A follower with synced records up to 10 in reigns 1 (0..4) and 3 (4..10), of which 6 are known to be committed.
fn following(isr: &[BrokerId], durability: Durability) -> Bench {
    let ten = Offset(10);
    let found = Recovered { log_end: ten, durable_end: ten, high_watermark: Offset(6), ..Recovered::empty() };
    let policy = Policy { durability, ..policy() };
    let replica = Replica::new(TopicId::ZERO, PartitionIndex(0), ME, policy, found);
    let mut bench = Bench { replica, effects: Vec::new(), tokens: 0 };
    bench.assign(Some(OTHER), 5, 5, &[ME, OTHER, THIRD], isr);
    bench
}

fn reigns() -> [EpochStart; 2] {
    [(1, 0), (3, 4)].map(|(epoch, start)| EpochStart { epoch: LeaderEpoch(epoch), start: Offset(start) })
}

fn at(base: i64, epoch: i32) -> FetchedBatch {
    FetchedBatch { base_offset: Offset(base), leader_epoch: LeaderEpoch(epoch), facts: plain() }
}

#[test]
fn a_follower_that_must_sync_fetches_no_further_before_it_has() {
    for (durability, waits) in [(Durability::Fsync, true), (Durability::Replicated, false)] {
        let mut bench = following(&[OTHER], durability);
        let asked = bench.replica.fetch_from().unwrap();
        assert_eq!((asked.leader, asked.offset), (OTHER, Offset(10)));
        bench.replica.on_replicated(&[at(10, 5)], Offset(13), NOW);
        assert_eq!(bench.replica.sync_wanted(NOW), waits);
        assert_eq!(bench.replica.fetch_from().is_none(), waits);
        bench.sync();
        assert_eq!(bench.replica.fetch_from().unwrap().offset, Offset(13));
        assert_eq!(bench.replica.check_fetched(asked), Err(FollowError::Stale), "the log has changed");
    }
}

#[test]
fn a_follower_takes_what_continues_its_log_and_no_later_reign() {
    let hole = |got| Err(FollowError::NotContiguous { expected: Offset(10), got: Offset(got) });
    let took = |batches| Ok(Accepted { batches, restart_log_at: None });
    let bench = following(&[OTHER], Durability::Fsync);
    let asked = bench.replica.fetch_from().unwrap();
    let cases = [
        (vec![], took(0)),
        (vec![at(10, 3), at(13, 5)], took(2)),
        (vec![at(12, 5)], took(1)),
        (vec![at(10, 5), at(13, 6)], took(1)),
        (vec![at(9, 5)], hole(9)),
        (vec![at(3, 5)], hole(3)),
    ];
    for (batches, outcome) in cases {
        assert_eq!(bench.replica.accept_fetched(asked, &batches), outcome, "{batches:?}");
    }
    let older = FetchFrom { leader_epoch: LeaderEpoch(4), ..asked };
    assert_eq!(bench.replica.accept_fetched(older, &[at(10, 3)]), Err(FollowError::Stale));
    let mut bench = bench;
    bench.replica.on_truncated(Offset(20), Offset(20), Offset(20), Producers::default());
    let asked = bench.replica.fetch_from().unwrap();
    let over = Accepted { batches: 1, restart_log_at: Some(Offset(19)) };
    assert_eq!(bench.replica.accept_fetched(asked, &[at(19, 5)]), Ok(over), "the start is within a batch");
}

#[test]
fn a_followers_watermark_is_the_leaders_as_far_as_its_log_goes() {
    let mut bench = following(&[OTHER], Durability::Fsync);
    for (leaders, own) in [(5, 6), (8, 8), (7, 8), (30, 10)] {
        bench
            .replica
            .on_leader_state(LeaderEpoch(5), Offset(leaders), Offset(0), &mut bench.effects)
            .unwrap();
        assert_eq!(bench.replica.high_watermark(), Offset(own), "leader at {leaders}");
    }
    bench.effects.clear();
    bench.replica.on_leader_state(LeaderEpoch(5), Offset(30), Offset(4), &mut bench.effects).unwrap();
    assert_eq!(bench.effects, [Effect::LogStart(Offset(4))]);
    let late = bench.replica.on_leader_state(LeaderEpoch(4), Offset(30), Offset(0), &mut bench.effects);
    assert_eq!(late, Err(FollowError::Stale));
}

#[test]
fn logs_part_where_the_last_common_reign_ended_first() {
    let quick = [(1, 0), (3, 4), (4, 10)]
        .map(|(epoch, start)| EpochStart { epoch: LeaderEpoch(epoch), start: Offset(start) });
    let cases: [(&[EpochStart], (i32, i64), i64); 8] = [
        (&reigns(), (3, 7), 7),
        (&reigns(), (3, 30), 10),
        (&reigns(), (1, 3), 3),
        (&reigns(), (1, 9), 4),
        // A reign that only the leader knows: the end of the one before it here.
        (&reigns(), (2, 9), 4),
        // A reign without records, that only this log knows: only it has to go.
        (&quick, (3, 30), 10),
        (&[], (3, 7), 7),
        (&reigns(), (-1, -1), 0),
    ];
    for (reigns, (epoch, end), to) in cases {
        let leaders = EpochEnd { epoch: LeaderEpoch(epoch), end: Offset(end) };
        assert_eq!(truncation_point(reigns, leaders, Offset(0), Offset(10)), Offset(to), "{leaders:?}");
    }
}

#[test]
fn what_is_committed_is_cut_only_where_an_unclean_election_may_have_lost_it() {
    let bad = |to| Err(FollowError::LosesCommitted { to: Offset(to), high_watermark: Offset(6) });
    let cut = |to, lost| Ok(Truncation { to: Offset(to), lost });
    let member = following(&[OTHER, ME], Durability::Fsync).replica;
    let outsider = following(&[OTHER], Durability::Fsync).replica;
    for (end, members, outsiders) in
        [(7, cut(7, 0), cut(7, 0)), (6, cut(6, 0), cut(6, 0)), (5, bad(5), cut(5, 1))]
    {
        let leaders = EpochEnd { epoch: LeaderEpoch(3), end: Offset(end) };
        for (replica, outcome) in [(&member, members), (&outsider, outsiders)] {
            let asked = replica.fetch_from().unwrap();
            assert_eq!(replica.truncation(asked, &reigns(), leaders), outcome);
        }
    }
    let asked = member.fetch_from().unwrap();
    assert_eq!(
        member.restart_point(asked, Offset(12), Offset(20)),
        cut(12, 0),
        "the leader's log starts later"
    );
    assert_eq!(member.restart_point(asked, Offset(0), Offset(5)), bad(5));
    assert_eq!(
        member.restart_point(asked, Offset(0), Offset(10)),
        Err(FollowError::Stale),
        "in range by now"
    );
}

#[test]
fn a_cut_that_only_takes_a_reign_without_records_makes_nothing_durable() {
    let mut bench = following(&[OTHER], Durability::Fsync);
    bench.replica.on_replicated(&[at(10, 5)], Offset(13), NOW);
    bench.replica.on_truncated(Offset(0), Offset(13), Offset(10), Producers::default());
    assert!(bench.replica.fetch_from().is_none() && bench.replica.sync_wanted(NOW));
}

#[test]
fn consumers_read_from_a_follower_up_to_its_own_watermark() {
    let mut bench = following(&[OTHER], Durability::Fsync);
    let consumer = Reader::Consumer(Isolation::ReadUncommitted);
    for offset in [0, 6] {
        assert_eq!(bench.replica.read(consumer, Offset(offset), None).unwrap().limit, Offset(6));
    }
    for offset in [7, 10, 99] {
        assert_eq!(bench.replica.read(consumer, Offset(offset), None), Err(ReadError::NotYetKnown));
    }
    bench.replica.on_log_start(Offset(2));
    assert!(matches!(bench.replica.read(consumer, Offset(1), None), Err(ReadError::OutOfRange { .. })));
    let not_leader = Err(ReadError::Fence(FenceError::NotLeader));
    assert_eq!(bench.replica.read(Reader::Follower(THIRD), Offset(6), None), not_leader);
    bench.assign(Some(OTHER), 5, 6, &[OTHER, THIRD], &[OTHER]);
    assert_eq!(bench.replica.read(consumer, Offset(6), None), not_leader, "not a replica any more");
    assert_eq!(bench.replica.fetch_from(), None);
}

#[test]
fn a_new_leaders_unsynced_tail_counts_once_it_is_synced() {
    let mut bench = following(&[OTHER, ME], Durability::Fsync);
    bench.replica.on_replicated(&[at(10, 5)], Offset(13), NOW);
    bench.assign(Some(ME), 6, 6, &[ME, OTHER], &[ME]);
    assert!(bench.effects.contains(&Effect::LeaderEpochStarted { epoch: LeaderEpoch(6), start: Offset(13) }));
    assert_eq!(bench.replica.high_watermark(), Offset(10));
    assert!(bench.replica.sync_wanted(NOW));
    bench.sync();
    assert_eq!(bench.replica.high_watermark(), Offset(13));
}
