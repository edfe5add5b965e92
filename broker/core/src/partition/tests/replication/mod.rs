//! Three replicas of one partition, their disks, a controller and a network that loses, repeats and reorders, driven by
//! a seed. After every step: what was committed once is the same everywhere below every watermark, and every member of
//! the ISR holds all of it where a power cut does not reach.

mod controller;
mod disk;
mod world;

use self::world::{Terms, World};
use super::*;

const STEPS: usize = 1_500;

fn survives(seed: u64, terms: Terms) -> World {
    let mut world = World::new(seed, terms);
    for _ in 0..STEPS {
        world.step();
        world.check();
    }
    world.heal_and_settle();
    world.check_settled();
    world
}

fn all(terms: Terms, from: u64) {
    let (mut acknowledged, mut reigns, mut cuts, mut mended) = (0, 0, 0, 0);
    for seed in from..from + 30 {
        let lived = std::panic::catch_unwind(|| survives(seed, terms));
        let world = lived.unwrap_or_else(|_| panic!("seed {seed} of {terms:?}"));
        acknowledged += world.acknowledged.len();
        reigns += world.controller.now().leader_epoch;
        cuts += world.cuts;
        mended += world.mended;
    }
    assert_eq!(mended >= 20, terms.rots, "{mended} damaged logs were cut");
    assert!(
        acknowledged > 100 && reigns > 100 && cuts > 5,
        "{acknowledged} {reigns} {cuts}: too little happened"
    );
}

#[test]
fn nothing_acknowledged_is_lost_when_power_cuts_take_unsynced_tails() {
    let terms = Terms { durability: Durability::Fsync, min_isr: 1, deletes: false, rots: false };
    all(terms, 0);
    all(Terms { min_isr: 2, ..terms }, 1_000);
}

#[test]
fn nothing_acknowledged_is_lost_when_processes_die_and_disks_live() {
    let terms = Terms { durability: Durability::Replicated, min_isr: 2, deletes: false, rots: false };
    all(terms, 2_000);
}

#[test]
fn logs_that_are_cut_off_at_the_front_converge_all_the_same() {
    let terms = Terms { durability: Durability::Fsync, min_isr: 2, deletes: true, rots: false };
    all(terms, 3_000);
}

#[test]
fn nothing_acknowledged_is_lost_when_damaged_logs_are_cut_and_fetched_again() {
    let terms = Terms { durability: Durability::Fsync, min_isr: 1, deletes: false, rots: true };
    all(terms, 4_000);
    all(Terms { min_isr: 2, deletes: true, ..terms }, 5_000);
}
