//! Tables for a replica whose log is damaged: when it asks to be let go, and when it may be cut.

use super::*;

const BOTH: [BrokerId; 2] = [ME, OTHER];

impl Bench {
    fn asks(&mut self) -> bool {
        let asks = |e: &Effect| matches!(e, Effect::AlterIsr(change) if change.cause == IsrCause::Damaged);
        let at = self.effects.iter().position(asks);
        at.map(|at| self.effects.remove(at)).is_some()
    }

    fn is_to_cut(&self) -> bool {
        self.effects.contains(&Effect::CutDamage)
    }

    fn damage(&mut self) -> bool {
        self.replica.on_damage(NOW, &mut self.effects);
        self.asks()
    }

    fn hears(&mut self, outcome: Result<PartitionEpoch, IsrRefusal>, now: Millis) {
        let (leader_epoch, partition_epoch) = (self.replica.leader_epoch, self.replica.partition_epoch);
        let answer = IsrAnswer { leader_epoch, partition_epoch, outcome };
        self.replica.on_isr_answer(answer, now, &mut self.effects);
    }
}

#[test]
fn it_asks_where_somebody_else_is_in_sync_and_not_where_it_is_alone() {
    assert!(Bench::leading(&BOTH, &BOTH, policy()).damage());
    let mut alone = Bench::leading(&BOTH, &[ME], policy());
    assert!(!alone.damage());
    alone.assign(Some(ME), 0, 1, &BOTH, &BOTH);
    assert!(alone.asks(), "somebody has come");
    let mut following = Bench::leading(&BOTH, &[ME], policy());
    following.assign(Some(OTHER), 1, 1, &BOTH, &BOTH);
    assert!(following.damage());
    let mut orphan = Bench::leading(&BOTH, &[ME], policy());
    orphan.assign(None, 1, 1, &BOTH, &[OTHER]);
    assert!(!orphan.damage(), "nobody leads: this log may be all there is");
    let mut fenced = Bench::leading(&BOTH, &BOTH, policy());
    fenced.replica.set_fenced(true, &mut fenced.effects);
    assert!(!fenced.damage());
}

#[test]
fn it_asks_once_at_a_time_and_again_after_a_pause() {
    let mut bench = Bench::leading(&BOTH, &BOTH, policy());
    assert!(bench.damage() && !bench.damage());
    bench.hears(Err(IsrRefusal::Unknown), NOW);
    assert!(!bench.asks());
    let again = bench.replica.next_deadline().unwrap();
    bench.replica.tick(again - DurationMs(1), &mut bench.effects);
    assert!(!bench.asks());
    bench.replica.tick(again, &mut bench.effects);
    assert!(bench.asks());
    bench.hears(Ok(PartitionEpoch(1)), again);
    bench.replica.tick(LATER, &mut bench.effects);
    assert!(!bench.asks(), "it was agreed: the news is on its way");
}

#[test]
fn a_log_is_cut_in_a_reign_that_does_not_count_on_it_and_nothing_is_fetched_before() {
    let cases = [
        // Who leads, the reign, who is in sync: whether it is cut.
        (Some(OTHER), 1, vec![OTHER], true),
        (Some(OTHER), 1, vec![OTHER, THIRD], true),
        (Some(OTHER), 1, vec![OTHER, ME], false),
        (None, 1, vec![OTHER], false),
        (Some(ME), 1, vec![ME], false),
        // The same reign: a fetch of this replica may be on its way, and would count.
        (Some(OTHER), 0, vec![OTHER], false),
    ];
    for (leader, reign, isr, cut) in cases {
        let mut bench = Bench::leading(&[ME, OTHER, THIRD], &[ME, OTHER, THIRD], policy());
        bench.damage();
        bench.assign(leader, reign, 1, &[ME, OTHER, THIRD], &isr);
        assert_eq!(bench.is_to_cut(), cut, "{leader:?} {reign} {isr:?}");
        assert!(!cut || bench.replica.fetch_from().is_none());
    }
}

#[test]
fn a_cut_that_failed_is_not_made_up_for_in_a_reign_that_counts_on_the_log_again() {
    let mut bench = Bench::leading(&BOTH, &BOTH, policy());
    bench.damage();
    bench.assign(Some(OTHER), 1, 1, &BOTH, &[OTHER]);
    assert!(bench.is_to_cut());
    bench.effects.clear();
    // An unclean election: all there is is here.
    bench.assign(Some(ME), 2, 2, &BOTH, &[ME]);
    assert!(!bench.is_to_cut() && bench.replica.is_damaged());
    bench.assign(Some(OTHER), 3, 3, &BOTH, &[OTHER]);
    assert!(bench.is_to_cut());
    bench.replica.on_truncated(Offset(0), Offset(0), Offset(0), Producers::default());
    bench.replica.on_repaired();
    assert!(bench.replica.fetch_from().is_some_and(|from| from.offset == Offset(0)));
}
