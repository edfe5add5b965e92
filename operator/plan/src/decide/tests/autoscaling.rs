//! A cluster whose number of brokers follows its load, in virtual time: a pass and a tick are 40 seconds. Each pass has only
//! what status says, as an operator has that was killed and started again.

use weir_operator_api::OperationKind;

use crate::fixtures::cluster;
use crate::toy_world::World;

const SPEC: &str = "replicas: 3
storage: {size: 10Gi}
resources: {requests: {cpu: '1'}}
autoscaling:
  minReplicas: 3
  maxReplicas: 7
  targets: {cpuPercent: 70}
  stabilization: {scaleOut: 1m, scaleIn: 2m}";

fn settled(partitions: i32, factor: i32) -> World {
    let mut world = World::new(cluster(SPEC));
    world.converge();
    world.partitions.create(partitions, 3, factor);
    world.converge();
    world
}

fn chosen(world: &World) -> i32 {
    world.cluster.status.as_ref().and_then(|status| status.autoscaling.as_ref()).unwrap().replicas
}

/// The numbers that are chosen while that load lasts.
fn bear(world: &mut World, load: u64, minutes: u32, numbers: &mut Vec<i32>) {
    world.load = load;
    for _ in 0..minutes * 60 / 40 {
        let plan = world.pass();
        let number = chosen(world);
        if numbers.last() != Some(&number) {
            numbers.push(number);
        }
        // The number is chosen only while nothing else is going on, but for ending what takes brokers away.
        let busy = plan.operation.as_ref().map(|operation| operation.kind);
        let changed = plan.autoscaling.as_ref().and_then(|status| status.last_change.as_ref());
        if changed.is_some_and(|change| change.at.as_ref().map(|at| at.0) == Some(world.observe().now)) {
            assert!(matches!(busy, None | Some(OperationKind::ScaleIn)), "{plan:?}");
        }
        world.tick();
    }
}

#[test]
fn half_an_hour_of_changing_load_goes_out_and_in_and_never_to_and_fro() {
    let mut world = settled(60, 2);
    let mut numbers = vec![3];
    bear(&mut world, 1_500, 5, &mut numbers);
    assert_eq!(numbers, [3], "within the targets");
    bear(&mut world, 4_000, 1, &mut numbers);
    bear(&mut world, 1_500, 2, &mut numbers);
    assert_eq!(numbers, [3], "a peak of a minute");
    bear(&mut world, 4_000, 10, &mut numbers);
    assert_eq!(numbers, [3, 6], "4 cores, of which each broker may bear 0.7");
    assert_eq!(world.partitions.counts(6), [20; 6], "balanced");
    bear(&mut world, 3_900, 6, &mut numbers);
    bear(&mut world, 3_500, 6, &mut numbers);
    assert_eq!(numbers, [3, 6], "a little less is no reason to go in");
    bear(&mut world, 1_500, 40, &mut numbers);
    assert_eq!(numbers, [3, 6, 5, 4, 3]);
    world.converge();
    assert_eq!(world.registered(), [0, 1, 2]);
    assert_eq!(world.partitions.counts(3).iter().sum::<u64>(), 120);
}

#[test]
fn load_that_comes_back_ends_a_scale_in() {
    let mut world = settled(60, 2);
    let mut numbers = vec![3];
    bear(&mut world, 4_000, 10, &mut numbers);
    world.load = 3_000;
    while chosen(&world) == 6 {
        world.pass();
        world.tick();
        world.load = 500;
    }
    world.load = 4_200;
    let mut numbers = vec![chosen(&world)];
    bear(&mut world, 4_200, 15, &mut numbers);
    assert_eq!(numbers, [5, 6]);
    world.converge();
    assert_eq!(world.registered(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn no_broker_is_added_for_one_partition_nor_taken_from_one_that_needs_it() {
    let mut world = settled(1, 1);
    let mut numbers = vec![3];
    bear(&mut world, 5_000, 20, &mut numbers);
    assert_eq!(numbers, [3]);
    let status = world.cluster.status.as_ref().unwrap().autoscaling.clone().unwrap();
    assert_eq!((status.recommended, &*status.reason), (3, "HotPartition"));
    let mut world = settled(10, 3);
    world.cluster.spec.replicas = 4;
    world.converge();
    let mut numbers = vec![4];
    world.partitions.create(1, 4, 4);
    bear(&mut world, 100, 20, &mut numbers);
    assert_eq!(numbers, [4], "a topic of four replicas");
}

#[test]
fn a_number_that_a_person_writes_holds_at_once_and_the_same_manifest_changes_nothing() {
    let mut world = settled(60, 2);
    bear(&mut world, 4_000, 10, &mut vec![3]);
    assert_eq!((chosen(&world), world.cluster.spec.replicas), (6, 3), "the spec is not written");
    world.cluster.spec = cluster(SPEC).spec;
    bear(&mut world, 4_000, 10, &mut vec![6]);
    assert_eq!(chosen(&world), 6);
    world.cluster.spec.replicas = 7;
    world.pass();
    assert_eq!(chosen(&world), 7);
    let lost = world.cluster.status.as_mut().unwrap();
    lost.autoscaling = None;
    world.pass();
    assert_eq!(chosen(&world), 7, "what was chosen is lost, and what there is stays");
}

#[test]
fn nothing_is_written_while_nothing_changes() {
    let mut world = settled(60, 2);
    bear(&mut world, 1_500, 10, &mut vec![3]);
    let before = world.cluster.status.clone();
    for load in [1_510, 1_400, 1_450, 1_500] {
        world.load = load;
        world.pass();
        world.tick();
        assert_eq!(world.cluster.status, before, "{load}");
    }
}
