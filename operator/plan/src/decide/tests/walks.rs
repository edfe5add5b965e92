//! Whole stories in the toy world: what the user does, and the steps that follow until nothing is left to do.

use weir_model::BrokerId;
use weir_operator_api::{ClusterStatus, RebalanceMode};

use crate::fixtures::cluster;
use crate::object::Kind;
use crate::plan::Step;
use crate::toy_world::World;

fn settled(spec: &str) -> World {
    let mut world = World::new(cluster(spec));
    world.converge();
    world.history.clear();
    world
}

fn say(world: &mut World, spec: &str) {
    world.cluster.spec = cluster(spec).spec;
}

const THREE: &str = "replicas: 3\nstorage: {size: 10Gi}";

#[test]
fn a_cluster_comes_to_be_and_the_second_look_does_nothing() {
    for spec in ["replicas: 1\nstorage: {size: 1Gi}", THREE, "replicas: 5\nstorage: {size: 1Gi}"] {
        let mut world = World::new(cluster(spec));
        let busy = world.converge();
        assert!(busy <= 3, "{busy} passes wrote something");
        assert!(world.pass().is_settled());
    }
}

#[test]
fn a_change_restarts_every_broker_once_and_one_after_another() {
    let mut world = settled(THREE);
    say(&mut world, &format!("{THREE}\nconfig: {{num.partitions: '7'}}"));
    world.converge();
    assert_eq!(world.history, ["restart 2", "restart 1", "restart 0"]);
}

#[test]
fn a_bad_image_stops_after_one_pod_and_a_revert_heals_it() {
    let mut world = settled(THREE);
    world.bad_images.insert("nowhere/weir:1".to_owned());
    say(&mut world, &format!("{THREE}\nimage: nowhere/weir:1"));
    for _ in 0..50 {
        world.pass();
        world.tick();
    }
    assert_eq!(world.history, ["restart 2"]);
    let trouble = world.pod(2).unwrap().trouble.as_ref().map(|trouble| trouble.reason.as_str());
    assert_eq!(trouble, Some("ErrImagePull"));
    say(&mut world, &format!("{THREE}\nimage: ghcr.io/weir/weir:0.1.0"));
    world.converge();
    assert_eq!(world.history, ["restart 2", "restart 2"]);
}

#[test]
fn a_new_cluster_with_a_bad_image_is_healed_by_another_image() {
    let bad = format!("{THREE}\nimage: nowhere/weir:1");
    let mut world = World::new(cluster(&bad));
    world.bad_images.insert("nowhere/weir:1".to_owned());
    for _ in 0..10 {
        world.pass();
        world.tick();
    }
    say(&mut world, &format!("{THREE}\nimage: ghcr.io/weir/weir:0.1.0"));
    world.converge();
    assert_eq!(world.history, ["restart 0", "restart 1", "restart 2"]);
}

#[test]
fn brokers_are_added_at_once_and_leave_one_by_one() {
    let mut world = settled(THREE);
    say(&mut world, "replicas: 5\nstorage: {size: 10Gi}");
    world.converge();
    assert_eq!(world.registered(), [0, 1, 2, 3, 4]);
    assert!(world.history.is_empty(), "{:?}", world.history);
    world.hold(BrokerId(4), 7);
    say(&mut world, THREE);
    for _ in 0..10 {
        world.pass();
        world.tick();
    }
    assert!(world.pod(4).is_some(), "it holds replicas");
    world.hold(BrokerId(4), 0);
    world.converge();
    assert_eq!(world.registered(), [0, 1, 2]);
    assert_eq!(world.volumes().len(), 5, "volumes are retained");
}

#[test]
fn volumes_of_brokers_that_left_go_where_the_user_wants_it() {
    let mut world = settled("replicas: 3\nstorage: {size: 10Gi, whenScaled: Delete}");
    say(&mut world, "replicas: 1\nstorage: {size: 10Gi, whenScaled: Delete}");
    world.converge();
    assert_eq!(world.volumes(), ["data-logs-0"]);
    assert_eq!(world.registered(), [0]);
}

#[test]
fn a_larger_size_grows_volumes_and_restarts_nobody() {
    let mut world = settled(THREE);
    say(&mut world, "replicas: 3\nstorage: {size: 20Gi}");
    world.converge();
    assert_eq!(world.history, ["orphan logs"]);
    let set = world.child(Kind::StatefulSet, "logs").unwrap();
    let size = set.manifest.pointer("/spec/volumeClaimTemplates/0/spec/resources/requests/storage");
    assert_eq!(size.and_then(serde_json::Value::as_str), Some("20Gi"));
}

#[test]
fn a_listener_outside_is_told_with_its_right_address() {
    let mut world = settled(THREE);
    let outside = format!("{THREE}\nlisteners: [{{name: ext, port: 9192, type: NodePort}}]");
    say(&mut world, &outside);
    world.converge();
    assert_eq!(world.history, ["restart 2", "restart 1", "restart 0"]);
    say(&mut world, THREE);
    world.history.clear();
    world.converge();
    let pruned = world.history.iter().filter(|step| step.starts_with("prune ")).count();
    assert_eq!(pruned, 4, "{:?}", world.history);
}

#[test]
fn drift_is_put_back_without_a_restart() {
    let mut world = settled(THREE);
    world.meddle(Kind::ConfigMap, "logs-config", |manifest| {
        manifest["data"]["broker.properties"] = "nonsense".into();
    });
    world.meddle(Kind::Service, "logs-brokers", |manifest| {
        manifest["spec"]["selector"] = serde_json::json!({})
    });
    assert_eq!(world.converge(), 1);
    assert!(world.history.is_empty(), "{:?}", world.history);
}

#[test]
fn the_roll_waits_for_brokers_that_do_not_answer_or_refuse() {
    let mut world = settled(THREE);
    say(&mut world, &format!("{THREE}\nversion: 0.2.0"));
    world.silent = 5;
    for _ in 0..4 {
        let plan = world.pass();
        world.tick();
        assert!(world.history.is_empty(), "{plan:?}");
    }
    world.silent = 0;
    world.refusing = 5;
    for _ in 0..4 {
        world.pass();
        world.tick();
        assert!(world.history.is_empty());
    }
    world.converge();
    assert_eq!(world.history, ["restart 2", "restart 1", "restart 0"]);
}

#[test]
fn a_broker_that_dies_on_its_way_out_is_forgotten_all_the_same() {
    let mut world = World::new(cluster(THREE));
    for _ in 0..2 {
        world.pass();
        world.tick();
    }
    say(&mut world, "replicas: 1\nstorage: {size: 11Gi, whenScaled: Delete}\nversion: 0.0.0");
    world.silent = 1;
    world.kill(BrokerId(2));
    world.converge();
    assert_eq!(world.registered(), [0]);
}

#[test]
fn a_broker_that_is_added_gets_replicas_and_one_that_goes_gives_them_away() {
    let mut world = settled(THREE);
    world.partitions.create(60, 3, 2);
    world.converge();
    assert_eq!(world.partitions.counts(3), [40, 40, 40]);
    say(&mut world, "replicas: 5\nstorage: {size: 10Gi}");
    world.converge();
    assert_eq!(world.partitions.counts(5), [24, 24, 24, 24, 24]);
    say(&mut world, THREE);
    world.converge();
    assert_eq!(world.partitions.counts(5), [40, 40, 40, 0, 0]);
    assert_eq!(world.registered(), [0, 1, 2]);
}

#[test]
fn scaling_in_is_taken_back_half_way() {
    let mut world = settled("replicas: 5\nstorage: {size: 10Gi}");
    world.partitions.create(100, 5, 2);
    say(&mut world, THREE);
    for _ in 0..4 {
        world.pass();
        world.tick();
    }
    assert!(world.partitions.moving() > 0);
    say(&mut world, "replicas: 5\nstorage: {size: 10Gi}");
    world.converge();
    assert_eq!(world.registered(), [0, 1, 2, 3, 4]);
    assert_eq!(world.partitions.counts(5), [40, 40, 40, 40, 40]);
    assert!(world.history.contains(&"undrain 4".to_owned()), "{:?}", world.history);
}

#[test]
fn scaling_in_below_a_replication_factor_is_refused_with_the_topic() {
    let mut world = settled(THREE);
    world.partitions.create(3, 3, 3);
    say(&mut world, "replicas: 2\nstorage: {size: 10Gi}");
    for _ in 0..10 {
        let plan = world.pass();
        world.tick();
        assert_eq!(plan.waiting[0].reason(), "ReplicasWouldNotFit");
    }
    assert_eq!(world.partitions.counts(3), [3, 3, 3]);
    say(&mut world, THREE);
    world.converge();
}

#[test]
fn a_roll_and_a_change_of_size_asked_for_at_once_both_come_to_their_end() {
    let mut world = settled("replicas: 5\nstorage: {size: 10Gi}");
    world.partitions.create(50, 5, 2);
    say(&mut world, &format!("{THREE}\nversion: 0.2.0"));
    world.converge();
    assert_eq!(world.registered(), [0, 1, 2]);
    assert_eq!(world.partitions.counts(3).iter().sum::<u64>(), 100);
}

#[test]
fn a_broker_that_is_gone_for_long_is_replaced_by_the_others() {
    let lost =
        "replicas: 4\nstorage: {size: 10Gi}\nversion: nowhere\nrebalance: {replaceLostBrokerAfter: 30m}";
    let mut world = settled(&lost.replace("version: nowhere\n", ""));
    world.partitions.create(40, 4, 2);
    world.converge();
    world.cluster.spec = cluster(lost).spec;
    world.bad_images.insert("ghcr.io/weir/weir:nowhere".to_owned());
    for _ in 0..120 {
        world.pass();
        world.tick();
    }
    let counts = world.partitions.counts(4);
    assert_eq!(counts.iter().sum::<u64>(), 80);
    assert_eq!(counts.iter().filter(|count| **count == 0).count(), 1, "{counts:?}");
}

#[test]
fn what_is_proposed_begins_when_somebody_approves_it() {
    let mode = "rebalance: {mode: Propose}";
    let mut world = settled(&format!("{THREE}\n{mode}"));
    world.partitions.create(60, 3, 2);
    say(&mut world, &format!("replicas: 4\nstorage: {{size: 10Gi}}\n{mode}"));
    world.converge();
    assert_eq!(world.partitions.counts(4), [40, 40, 40, 0], "nobody has approved it");
    let proposal = world.cluster.status.as_ref().unwrap().proposal.clone().unwrap();
    assert_eq!((proposal.moves, proposal.brokers[3].replicas_after), (30, 30));
    world.cluster.spec.rebalance.approved = Some(proposal.hash);
    world.converge();
    assert_eq!(world.partitions.counts(4), [30, 30, 30, 30]);
    assert_eq!(world.cluster.status.as_ref().unwrap().proposal, None);
}

fn status(world: &World) -> &ClusterStatus {
    world.cluster.status.as_ref().unwrap()
}

/// Four brokers, one of them empty, and a person who is asked and has approved: some moves are done, some under way.
fn half_balanced() -> World {
    let mode = "rebalance: {mode: Propose}";
    let mut world = settled(&format!("{THREE}\n{mode}"));
    world.partitions.create(60, 3, 2);
    say(&mut world, &format!("replicas: 4\nstorage: {{size: 10Gi}}\n{mode}"));
    world.converge();
    world.cluster.spec.rebalance.approved = Some(status(&world).proposal.clone().unwrap().hash);
    world.pass();
    world.tick();
    assert!(world.partitions.moving() > 0 && world.partitions.counts(4)[3] > 0);
    world
}

/// The next pass ends every move, and nothing moves after it.
fn ends_its_moves(world: &mut World) {
    let plan = world.pass();
    assert!(plan.steps.iter().any(|step| matches!(step, Step::CancelMoves(_))), "{plan:?}");
    assert_eq!(world.partitions.moving(), 0);
    let held = world.partitions.counts(4);
    world.converge();
    assert_eq!(world.partitions.counts(4), held);
    assert_eq!(status(world).balancing, None);
}

#[test]
fn what_has_not_finished_is_ended_when_the_approval_is_taken_back_and_is_proposed_again() {
    let mut world = half_balanced();
    assert_eq!(status(&world).balancing, world.cluster.spec.rebalance.approved);
    world.cluster.spec.rebalance.approved = None;
    ends_its_moves(&mut world);
    let proposal = status(&world).proposal.clone().unwrap();
    world.cluster.spec.rebalance.approved = Some(proposal.hash);
    world.converge();
    assert_eq!(world.partitions.counts(4), [30, 30, 30, 30]);
}

#[test]
fn another_mode_ends_what_auto_has_begun() {
    for mode in [RebalanceMode::Propose, RebalanceMode::Never] {
        let mut world = settled(THREE);
        world.partitions.create(60, 3, 2);
        say(&mut world, "replicas: 4\nstorage: {size: 10Gi}");
        for _ in 0..100 {
            world.pass();
            if world.partitions.moving() > 0 {
                break;
            }
            world.tick();
        }
        world.cluster.spec.rebalance.mode = mode;
        ends_its_moves(&mut world);
        assert_eq!(status(&world).proposal.is_some(), mode == RebalanceMode::Propose);
    }
}

#[test]
fn a_roll_in_between_does_not_ask_again_for_what_was_approved() {
    let mut world = half_balanced();
    let approved = world.cluster.spec.rebalance.approved.clone();
    say(&mut world, "replicas: 4\nstorage: {size: 10Gi}\nversion: 0.2.0\nrebalance: {mode: Propose}");
    world.cluster.spec.rebalance.approved = approved;
    world.converge();
    assert_eq!(world.history.iter().filter(|step| step.starts_with("restart")).count(), 4);
    assert_eq!(world.partitions.counts(4), [30, 30, 30, 30]);
}

#[test]
fn a_broker_that_a_person_drains_and_takes_back_approves_no_other_moves() {
    let mut world = settled("replicas: 4\nstorage: {size: 10Gi}\nrebalance: {mode: Propose}");
    world.partitions.create(60, 4, 2);
    world.drain_by_hand(BrokerId(3), true);
    for _ in 0..50 {
        if world.partitions.counts(4)[3] <= 15 {
            break;
        }
        world.pass();
        world.tick();
    }
    world.drain_by_hand(BrokerId(3), false);
    world.converge();
    assert!(world.partitions.counts(4)[3] <= 15, "{:?}", world.partitions.counts(4));
    assert!(status(&world).proposal.is_some());
}

#[test]
fn a_pause_forgets_nothing_that_was_begun() {
    let mut world = settled("replicas: 5\nstorage: {size: 10Gi}");
    world.partitions.create(100, 5, 2);
    say(&mut world, THREE);
    for _ in 0..4 {
        world.pass();
        world.tick();
    }
    say(&mut world, "replicas: 5\nstorage: {size: 10Gi}\npaused: true");
    world.pass();
    world.tick();
    say(&mut world, "replicas: 5\nstorage: {size: 10Gi}");
    world.converge();
    assert_eq!(world.partitions.counts(5), [40, 40, 40, 40, 40]);
}

#[test]
fn nobody_moves_anything_where_the_user_says_never() {
    let mut world = settled(&format!("{THREE}\nrebalance: {{mode: Never}}"));
    world.partitions.create(60, 3, 2);
    say(&mut world, "replicas: 4\nstorage: {size: 10Gi}\nrebalance: {mode: Never}");
    world.converge();
    assert_eq!(world.partitions.counts(4), [40, 40, 40, 0]);
    let conditions = world.cluster.status.unwrap().conditions;
    let balanced = conditions.iter().find(|condition| condition.type_ == "Balanced").unwrap();
    assert_eq!((&*balanced.status, &*balanced.reason), ("False", "Skewed"));
}

#[test]
fn a_rebalance_is_brought_to_its_end_though_nobody_answers_for_a_while() {
    let mut world = settled(THREE);
    world.partitions.create(60, 3, 2);
    say(&mut world, "replicas: 4\nstorage: {size: 10Gi}");
    let threshold = 26;
    for _ in 0..100 {
        world.pass();
        world.tick();
        if world.partitions.counts(4)[3] >= threshold {
            break;
        }
    }
    world.silent = 2;
    world.pass();
    let operation = world.cluster.status.as_ref().unwrap().operation.clone().unwrap();
    assert_eq!((format!("{:?}", operation.kind), operation.moves_total), ("Rebalance".to_owned(), Some(30)));
    world.converge();
    assert_eq!(world.partitions.counts(4), [30, 30, 30, 30]);
}
