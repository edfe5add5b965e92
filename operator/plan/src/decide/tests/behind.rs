//! An operator that comes back after a while and decides on what its mirrors showed then: it changes nothing back.

use crate::fixtures::cluster;
use crate::toy_world::World;

const THREE: &str = "replicas: 3\nstorage: {size: 10Gi}";
const FIVE: &str = "replicas: 5\nstorage: {size: 10Gi}";

fn settled(spec: &str) -> World {
    let mut world = World::new(cluster(spec));
    world.converge();
    world.partitions.create(30, 3, 2);
    world.converge();
    world.mirrors_lag = true;
    world
}

fn say(world: &mut World, spec: &str) {
    world.cluster.spec = cluster(spec).spec;
}

/// All steps of an operator whose mirrors are that many ticks behind, while another one does nothing.
fn act(world: &mut World, behind: usize) {
    world.pass_of_two([behind, 0], &[false; 40]);
}

#[test]
fn a_stateful_set_of_old_is_not_written_over_one_that_has_grown() {
    let mut world = settled(THREE);
    say(&mut world, &format!("{THREE}\nversion: 0.2.0"));
    // What the mirrors show: another version, and three brokers.
    world.tick();
    say(&mut world, FIVE);
    let mut ticks = 0;
    while world.partitions.counts(5)[4] == 0 {
        world.pass();
        world.tick();
        ticks += 1;
    }
    // The toy world fails when brokers are taken away with what they hold.
    act(&mut world, ticks + 1);
    world.converge();
    assert_eq!(world.registered(), [0, 1, 2, 3, 4]);
    assert!(!world.history.iter().any(|step| step.starts_with("restart")), "{:?}", world.history);
}

#[test]
fn a_broker_that_was_to_go_some_time_ago_is_not_drained_now() {
    let mut world = settled(FIVE);
    say(&mut world, THREE);
    world.pass();
    // What the mirrors show: it is announced that two are to go, and nothing has begun.
    world.tick();
    say(&mut world, FIVE);
    for _ in 0..2 {
        world.pass();
        world.tick();
    }
    act(&mut world, 3);
    world.converge();
    assert_eq!(world.drained(), Vec::<i32>::new());
}
