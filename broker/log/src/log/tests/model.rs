//! Random calls against a model that is a list of batches.

use proptest::prelude::*;

use super::*;
use weir_model::records::BatchHeader;

#[derive(Clone, Debug)]
enum Call {
    Append { records: usize, size: u64, time: i64 },
    Read { from: u8, up_to: u8, max: usize, one: bool },
    Time(i64),
    Truncate(u8),
    DeleteBefore(u8),
    Sync,
    Release,
    Reopen { clean: bool },
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        6 => (1usize..6, 0u64..97, 0i64..1000).prop_map(|(records, size, time)| Call::Append { records, size, time }),
        6 => (any::<u8>(), any::<u8>(), 0usize..3000, any::<bool>())
            .prop_map(|(from, up_to, max, one)| Call::Read { from, up_to, max, one }),
        2 => (-10i64..1100).prop_map(Call::Time),
        1 => any::<u8>().prop_map(Call::Truncate),
        1 => any::<u8>().prop_map(Call::DeleteBefore),
        2 => Just(Call::Sync),
        1 => Just(Call::Release),
        1 => any::<bool>().prop_map(|clean| Call::Reopen { clean }),
    ]
}

struct Model {
    batches: Vec<(BatchHeader, Vec<u8>, i64)>,
    start: i64,
    end: i64,
}

impl Model {
    fn at(&self, part: u8) -> Offset {
        Offset(self.start + (self.end - self.start) * i64::from(part) / 255)
    }

    fn read(&self, from: Offset, up_to: Offset, max: usize, one: bool) -> Option<Vec<u8>> {
        let mut out: Vec<u8> = Vec::new();
        for (header, bytes, _) in self.batches.iter().filter(|(h, ..)| h.last_offset() >= from) {
            let first = out.is_empty();
            let fits = out.len() + bytes.len() <= max || (first && one);
            if header.next_offset() > up_to || !fits {
                break;
            }
            out.extend_from_slice(bytes);
        }
        (!out.is_empty()).then_some(out)
    }

    fn first_at(&self, time: i64) -> Option<i64> {
        let records = self
            .batches
            .iter()
            .flat_map(|(h, _, t)| (0..i64::from(h.count)).map(move |i| (h.base_offset.0 + i, t + i)));
        records.filter(|(o, t)| *o >= self.start && *t >= time).map(|(o, _)| o).next()
    }
}

fn check_read(log: &mut Log<MemoryDisk>, model: &Model, from: Offset, up_to: Offset, max: usize, one: bool) {
    let got = log.read(from, up_to, max, one).unwrap();
    let expected = model.read(from, up_to, max, one);
    match (got, expected) {
        (None, None) => {}
        (Some(slice), Some(expected)) => {
            // A read stops at the end of a segment, or when it has most of what it may have; up to there it is the same.
            let bytes = slice.to_bytes().unwrap();
            assert!(expected.starts_with(&bytes));
            let at_end = log.segments().any(|s| s.end == slice.next);
            let enough = bytes.len() == expected.len() || bytes.len() >= max / 4 * 3;
            assert!(enough || at_end, "{} of {} bytes", bytes.len(), expected.len());
        }
        (got, expected) => panic!("{got:?} against {:?} bytes", expected.map(|e| e.len())),
    }
}

/// Each read begins where the one before ended: together they give everything, once.
fn check_reading_on(log: &mut Log<MemoryDisk>, model: &Model, max: usize) {
    let (mut from, end) = (Offset(model.start), Offset(model.end));
    let mut got = Vec::new();
    while from < end {
        let slice = log.read(from, end, max, true).unwrap().expect("something below the end");
        assert!(slice.next > from && slice.len > 0, "{slice:?} from {from}");
        got.extend_from_slice(&slice.to_bytes().unwrap());
        from = slice.next;
    }
    let expected = model.read(Offset(model.start), end, usize::MAX, true).unwrap_or_default();
    assert!(got == expected, "{} of {} bytes, {max} at a time", got.len(), expected.len());
}

fn run(calls: Vec<Call>) {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    let mut model = Model { batches: Vec::new(), start: 0, end: 0 };
    for call in calls {
        match call {
            Call::Append { records, size, time } => {
                let mut bytes = batch(size, records, time);
                let epoch =
                    LeaderEpoch(time as i32 / 100).max(log.epochs().latest().map_or(EPOCH, |(e, _)| e));
                let appended = log.append(&mut bytes, epoch, Millis(0)).unwrap();
                assert_eq!(appended.base, Offset(model.end));
                model.end = appended.end.0;
                model.batches.push((BatchHeader::parse(&bytes).unwrap(), bytes.to_vec(), time));
            }
            Call::Read { from, up_to, max, one } => {
                check_read(&mut log, &model, model.at(from), model.at(up_to), max, one);
            }
            Call::Time(time) => {
                let got = log.offset_for_timestamp(Millis(time), Offset(model.end)).unwrap();
                assert_eq!(got.map(|h| h.offset.0), model.first_at(time));
            }
            Call::Truncate(part) => {
                let end = log.truncate_to(model.at(part)).unwrap();
                model.batches.retain(|(h, ..)| h.last_offset() < end);
                model.end = end.0;
                model.start = model.start.min(model.end);
                assert!(log.log_start().0 <= log.log_end().0);
                model.start = log.log_start().0;
            }
            Call::DeleteBefore(part) => {
                let start = model.at(part);
                log.delete_records_before(start).unwrap();
                model.start = start.0;
            }
            Call::Sync => assert_eq!(sync(&mut log).unwrap(), Offset(model.end)),
            Call::Release => log.release_idle(),
            Call::Reopen { clean } => {
                if clean {
                    log.close().unwrap();
                }
                disk.kill();
                let (again, recovered) = open(&disk, &small());
                assert!(!clean || recovered.scanned_bytes == 0);
                log = again;
            }
        }
        assert_eq!((log.log_start().0, log.log_end().0), (model.start, model.end));
    }
    for max in [0, 200, 700, 3_000, 1 << 20] {
        check_reading_on(&mut log, &model, max);
    }
    sync(&mut log).unwrap();
    assert_eq!(scrubbing::check_all(&mut log), [], "what was written is sound");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_answers_as_a_list_of_batches_would(calls in prop::collection::vec(call(), 1..120)) {
        run(calls);
    }
}
