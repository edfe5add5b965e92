use proptest::prelude::*;

use super::*;

const MANY: u32 = 1_000;

fn batch(id: i64, epoch: i16, sequence: i32, count: i32) -> BatchFacts {
    BatchFacts {
        producer_id: ProducerId(id),
        producer_epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(sequence),
        ..BatchFacts::plain(count - 1, Millis(100), 64)
    }
}

fn judge(producers: &Producers, batch: &BatchFacts) -> Result<Verdict, ProduceError> {
    producers.judge(batch, [].iter())
}

/// Batches of ten records each, sequences 0, 10, 20, … at the offsets of the same numbers.
fn after(batches: i32) -> Producers {
    let mut producers = Producers::default();
    for n in 0..batches {
        producers.apply(Offset(i64::from(n) * 10), &batch(1, 0, n * 10, 10), MANY);
    }
    producers
}

#[test]
fn sequences_are_judged_as_kafka_does() {
    let out_of_order = |expected, got| {
        let (expected, got) = (Sequence(expected), Sequence(got));
        Err(ProduceError::OutOfOrderSequence { producer: ProducerId(1), expected, got })
    };
    let duplicate = |base: i64| Ok(Some(Offset(base)));
    let fresh = Ok(None);
    // Seven batches were written; the next sequence is 70.
    let cases = [
        ("the next one", batch(1, 0, 70, 5), fresh),
        ("a gap", batch(1, 0, 71, 5), out_of_order(70, 71)),
        ("the last one again", batch(1, 0, 60, 10), duplicate(60)),
        ("the fifth last again", batch(1, 0, 20, 10), duplicate(20)),
        ("the sixth last again", batch(1, 0, 10, 10), out_of_order(70, 10)),
        ("the last one, but shorter", batch(1, 0, 60, 9), out_of_order(70, 60)),
        ("the last one, but longer", batch(1, 0, 60, 11), out_of_order(70, 60)),
        ("the end of the last one", batch(1, 0, 65, 5), out_of_order(70, 65)),
        ("a new epoch from 0", batch(1, 1, 0, 5), fresh),
        ("a new epoch from elsewhere", batch(1, 1, 70, 5), out_of_order(0, 70)),
        ("an unknown producer, anywhere", batch(2, 0, 123, 5), fresh),
    ];
    let producers = after(7);
    for (what, batch, verdict) in cases {
        let judged = judge(&producers, &batch).map(|verdict| match verdict {
            Verdict::Fresh => None,
            Verdict::Duplicate(written) => Some(written.base_offset),
        });
        assert_eq!(judged, verdict, "{what}");
    }
}

#[test]
fn an_older_epoch_is_fenced_even_for_a_duplicate() {
    let mut producers = after(1);
    producers.apply(Offset(10), &batch(1, 3, 0, 10), MANY);
    for sequence in [0, 10] {
        let error = judge(&producers, &batch(1, 0, sequence, 10)).unwrap_err();
        let (current, got) = (ProducerEpoch(3), ProducerEpoch(0));
        assert_eq!(error, ProduceError::StaleProducerEpoch { producer: ProducerId(1), current, got });
    }
}

#[test]
fn sequences_wrap_around() {
    let mut producers = Producers::default();
    producers.apply(Offset(0), &batch(1, 0, i32::MAX - 4, 10), MANY);
    assert_eq!(judge(&producers, &batch(1, 0, 5, 1)), Ok(Verdict::Fresh));
    assert!(matches!(judge(&producers, &batch(1, 0, i32::MAX - 4, 10)), Ok(Verdict::Duplicate(_))));
    producers.apply(Offset(10), &batch(2, 0, i32::MAX - 9, 10), MANY);
    assert_eq!(judge(&producers, &batch(2, 0, 0, 1)), Ok(Verdict::Fresh));
    assert!(judge(&producers, &batch(2, 0, 1, 1)).is_err());
}

#[test]
fn batches_that_are_assigned_but_not_written_count() {
    let producers = after(1);
    let assigned = [(10, batch(1, 0, 10, 10)), (20, batch(9, 0, 0, 1)), (21, batch(1, 0, 20, 10))]
        .map(|(base, batch)| Assigned { base_offset: Offset(base), batch });
    let judge = |batch: &BatchFacts| producers.judge(batch, assigned.iter());
    assert_eq!(judge(&batch(1, 0, 30, 1)), Ok(Verdict::Fresh));
    assert!(judge(&batch(1, 0, 10, 1)).is_err());
    for (sequence, base) in [(0, 0), (10, 10), (20, 21)] {
        match judge(&batch(1, 0, sequence, 10)) {
            Ok(Verdict::Duplicate(written)) => assert_eq!(written.base_offset, Offset(base)),
            other => panic!("{sequence}: {other:?}"),
        }
    }
    let bumped = [Assigned { base_offset: Offset(10), batch: batch(1, 1, 0, 10) }];
    let judge = |batch: &BatchFacts| producers.judge(batch, bumped.iter());
    assert_eq!(judge(&batch(1, 1, 10, 1)), Ok(Verdict::Fresh));
    assert!(matches!(judge(&batch(1, 0, 0, 10)), Err(ProduceError::StaleProducerEpoch { .. })));
    assert!(matches!(judge(&batch(1, 0, 10, 10)), Err(ProduceError::StaleProducerEpoch { .. })));
}

#[test]
fn silent_producers_are_forgotten_in_time() {
    let mut producers = after(1);
    producers.apply(Offset(10), &BatchFacts { max_timestamp: Millis(150), ..batch(2, 0, 0, 1) }, MANY);
    assert_eq!(producers.expire(Millis(199), DurationMs(100)), 0);
    assert_eq!(producers.expire(Millis(200), DurationMs(100)), 1);
    assert_eq!(producers.active().map(|p| p.id).collect::<Vec<_>>(), [ProducerId(2)]);
    assert_eq!(judge(&producers, &batch(1, 0, 55, 1)), Ok(Verdict::Fresh));
}

#[test]
fn at_most_so_many_producers_are_remembered_and_the_newest_stay() {
    let mut producers = Producers::default();
    for id in 0..1_000 {
        let batch = BatchFacts { max_timestamp: Millis(id), ..batch(id, 0, 0, 1) };
        producers.apply(Offset(id), &batch, 64);
        assert!(producers.len() <= 64);
    }
    let ids: Vec<_> = producers.active().map(|p| p.id.0).collect();
    assert!(ids.iter().all(|id| *id >= 1_000 - 64) && ids.contains(&999));
}

#[test]
fn active_producers_are_described() {
    let mut producers = after(2);
    let control = BatchFacts { control: true, ..batch(5, 2, -1, 1) };
    producers.apply(Offset(20), &control, MANY);
    let described: Vec<_> = producers.active().map(|p| (p.id.0, p.epoch.0, p.last_sequence.0)).collect();
    assert_eq!(described, [(1, 0, 19), (5, 2, -1)]);
}

#[test]
fn snapshots_of_a_newer_version_are_refused() {
    let mut bytes = after(3).encode();
    bytes[0] = 2;
    assert_eq!(Producers::decode(&bytes), Err(SnapshotError::Version(2)));
    assert_eq!(Producers::decode(&[]), Err(SnapshotError::Damaged));
    assert_eq!(Producers::decode(&[1, 255, 255, 255, 255]), Err(SnapshotError::Damaged));
}

proptest! {
    #[test]
    fn snapshots_are_read_back(ids in proptest::collection::vec((0_i64..50, 0_i16..3, 1_i32..9), 0..60)) {
        let mut producers = Producers::default();
        for (at, (id, epoch, count)) in ids.into_iter().enumerate() {
            producers.apply(Offset(at as i64 * 10), &batch(id, epoch, at as i32 * 10, count), MANY);
        }
        prop_assert_eq!(Producers::decode(&producers.encode()).unwrap(), producers);
    }

    #[test]
    fn damaged_snapshots_never_panic_and_nothing_is_read_that_is_not_there(
        cut in 0_usize..400, at in 0_usize..400, bit in 0_u8..8,
    ) {
        let good = after(7).encode();
        let cut = cut % good.len();
        prop_assert!(Producers::decode(&good[..cut]).is_err());
        let mut bad = good.clone();
        let place = at % bad.len();
        bad[place] ^= 1 << bit;
        // A count that lost a bit may fit what is left after the cut: checksums are for the file around it.
        for bad in [&bad[..], &bad[..cut]] {
            if let Ok(read) = Producers::decode(bad) {
                prop_assert_eq!(&read.encode(), bad);
            }
        }
    }
}

#[test]
fn nobody_is_worth_a_snapshot_only_where_much_would_be_read_to_find_that_out() {
    let mut somebody = Producers::default();
    somebody.apply(Offset(0), &batch(1, 0, 0, 1), MANY);
    let table = [(0, false, false), (1, false, true), (1 << 20, false, true), ((1 << 20) + 1, true, true)];
    for (bytes_since, of_nobody, of_somebody) in table {
        assert_eq!(Producers::default().is_worth_keeping(bytes_since), of_nobody, "{bytes_since}");
        assert_eq!(somebody.is_worth_keeping(bytes_since), of_somebody, "{bytes_since}");
    }
}
