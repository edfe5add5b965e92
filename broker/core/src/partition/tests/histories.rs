//! Random histories of one partition, against a log kept beside the machine.

use proptest::prelude::*;

use super::*;

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Produce { producer: i64, retry: bool, count: i32, acks: u8 },
    Append(usize),
    Fail,
    Sync,
    Expire,
    Elect,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let produce = (-1_i64..3, any::<bool>(), 1..4, 0_u8..3)
        .prop_map(|(producer, retry, count, acks)| Step::Produce { producer, retry, count, acks });
    let step = prop_oneof![
        6 => produce,
        3 => (1_usize..4).prop_map(Step::Append),
        1 => Just(Step::Fail),
        2 => Just(Step::Sync),
        1 => Just(Step::Expire),
        1 => Just(Step::Elect),
    ];
    proptest::collection::vec(step, 0..80)
}

/// The log beside the machine, and the clients' side of the story.
#[derive(Default)]
struct World {
    log: Vec<(Offset, BatchFacts)>,
    to_append: Vec<(Offset, BatchFacts)>,
    sent: std::collections::BTreeMap<Token, (BatchFacts, Acks)>,
    /// The next sequence of each producer, and its last batch.
    next: [i32; 3],
    last: [Option<BatchFacts>; 3],
    epoch: i32,
}

impl World {
    fn batch(&mut self, producer: i64, retry: bool, count: i32) -> BatchFacts {
        let Ok(at) = usize::try_from(producer) else {
            return BatchFacts { last_offset_delta: count - 1, ..plain() };
        };
        if retry && let Some(last) = self.last[at] {
            return last;
        }
        let batch = idempotent(producer, 0, self.next[at], count);
        self.next[at] += count;
        self.last[at] = Some(batch);
        batch
    }

    fn step(&mut self, step: &Step, bench: &mut Bench) {
        match *step {
            Step::Produce { producer, retry, count, acks } => {
                let batch = self.batch(producer, retry, count);
                let acks = [Acks::None, Acks::Leader, Acks::All][acks as usize];
                let token = bench.produce(acks, batch);
                self.sent.insert(token, (batch, acks));
                if let Some(Effect::Append { base_offset, token: asked, .. }) = bench.effects.last()
                    && *asked == token
                {
                    self.to_append.push((*base_offset, batch));
                }
            }
            Step::Append(count) => {
                self.log.extend(self.to_append.drain(..count.min(self.to_append.len())));
                let end = self.log.last().map_or(Offset(0), |(base, batch)| batch.end_at(*base));
                bench.replica.on_appended(end, NOW, &mut bench.effects);
            }
            Step::Fail => {
                self.to_append.clear();
                bench.replica.append_failed(StorageFailure::Failed, &mut bench.effects);
                // An honest client repeats from the first batch that failed.
                for at in 0..3 {
                    let id = ProducerId(at as i64);
                    let written = self.log.iter().rev().find(|(_, b)| b.producer_id == id);
                    self.last[at] = written.map(|(_, b)| *b);
                    self.next[at] = written.map_or(0, |(_, b)| b.last_sequence().plus(1).0);
                }
            }
            Step::Sync => bench.sync(),
            Step::Expire => bench.replica.tick(LATER, &mut bench.effects),
            Step::Elect => {
                self.epoch += 1;
                bench.assign(Some(ME), self.epoch, self.epoch, &[ME], &[ME]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_history_keeps_its_promises(steps in steps()) {
        let (mut bench, mut world) = (Bench::alone(), World::default());
        let mut watermark = Offset(0);
        for step in &steps {
            let from = bench.effects.len();
            world.step(step, &mut bench);
            let replica = &bench.replica;
            prop_assert!(replica.high_watermark() >= watermark, "the watermark went back");
            watermark = replica.high_watermark();
            prop_assert!(watermark <= replica.durable_end() && replica.durable_end() <= replica.log_end());
            for effect in &bench.effects[from..] {
                if let Effect::Reply { token, outcome: Ok(produced) } = effect {
                    let (batch, acks) = world.sent[token];
                    let end = batch.end_at(produced.base_offset);
                    prop_assert!(end <= replica.log_end());
                    prop_assert!(acks != Acks::All || end <= watermark, "acknowledged before it was safe");
                    prop_assert!(world.log.contains(&(produced.base_offset, batch)), "not what was written");
                }
            }
        }
        for token in world.sent.keys() {
            bench.outcome(*token);
        }
        let offsets: Vec<_> = world.log.iter().map(|(base, batch)| (*base, batch.end_at(*base))).collect();
        prop_assert!(offsets.windows(2).all(|w| w[0].1 == w[1].0), "offsets are dense");
        let mut written: Vec<_> = world.log.iter().filter(|(_, b)| b.is_idempotent()).map(|(_, b)| *b).collect();
        let count = written.len();
        written.sort_by_key(|b| (b.producer_id, b.base_sequence));
        written.dedup();
        prop_assert_eq!(written.len(), count, "nothing is written twice");
    }

    #[test]
    fn producer_state_is_a_function_of_the_log(steps in steps(), cut in 0_usize..80) {
        let (mut bench, mut world) = (Bench::alone(), World::default());
        let mut snapshot = bench.replica.producer_snapshot();
        for (at, step) in steps.iter().enumerate() {
            world.step(step, &mut bench);
            if at == cut {
                snapshot = bench.replica.producer_snapshot();
            }
        }
        let mut replayed = Producers::default();
        let mut resumed = Producers::decode(&snapshot.1).unwrap();
        for (base, batch) in &world.log {
            replayed.apply(*base, batch, 100);
            if *base >= snapshot.0 {
                resumed.apply(*base, batch, 100);
            }
        }
        prop_assert_eq!(&replayed, bench.replica.producers());
        prop_assert_eq!(&resumed, bench.replica.producers());
    }
}
