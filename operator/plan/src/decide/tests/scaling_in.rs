//! Brokers that are to go, and what status remembers of them: whoever comes next takes back what this operator began, and
//! nothing that a person did.

use weir_model::BrokerId;

use super::{SPEC, decide, snapshot, word, world};
use crate::build::build;
use crate::fixtures::{cluster, valid};
use crate::observed::Observed;
use crate::plan::Plan;
use crate::toy_world::World;

const TWO: &str = "replicas: 2\nstorage: {size: 10Gi}";

/// The plan when status says that only so many brokers are to be left.
fn plan(spec: &str, observed: &Observed, scaling_in_to: Option<u32>) -> Plan {
    let mut valid = valid(spec, observed);
    valid.before.scaling_in_to = scaling_in_to;
    decide(&valid, &build(&valid, observed), observed)
}

fn brokers_told(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .filter_map(word)
        .filter(|word| word.contains("drain") || word.contains("unreg"))
        .collect()
}

#[test]
fn no_broker_is_drained_before_status_says_that_it_goes() {
    let observed = world(SPEC, SPEC);
    for (told, drains) in [(None, false), (Some(3), false), (Some(2), true), (Some(1), true)] {
        let plan = plan(TWO, &observed, told);
        let expected: &[&str] = if drains { &["drain:2"] } else { &[] };
        assert_eq!(brokers_told(&plan), expected, "{told:?}");
        assert_eq!(plan.scaling_in_to, Some(2), "{told:?}");
        let soon = plan.requeue.is_some_and(|pause| pause.as_secs() <= 1);
        assert_eq!(soon, told != Some(2), "{told:?}: what is written down now is acted upon at once");
    }
}

#[test]
fn what_was_to_go_is_remembered_until_the_others_have_forgotten_it() {
    let mut observed = world(SPEC, TWO);
    observed.pods.pop();
    let broker = snapshot(&mut observed).brokers.get_mut(&BrokerId(2)).unwrap();
    (broker.drained, broker.replicas) = (true, 0);
    assert_eq!(plan(TWO, &observed, Some(2)).scaling_in_to, Some(2), "it is not fenced yet");
    snapshot(&mut observed).brokers.get_mut(&BrokerId(2)).unwrap().fenced = true;
    let forgets = plan(TWO, &observed, Some(2));
    assert_eq!((brokers_told(&forgets), forgets.scaling_in_to), (vec!["unregister:2".to_owned()], Some(2)));
    assert_eq!(brokers_told(&plan(SPEC, &observed, Some(2))), ["undrain:2"], "it is wanted again");
    assert_eq!(brokers_told(&plan(SPEC, &observed, None)), Vec::<String>::new(), "a person has drained it");
    snapshot(&mut observed).brokers.remove(&BrokerId(2));
    assert_eq!(plan(TWO, &observed, Some(2)).scaling_in_to, None);
}

/// Whatever step it was killed at: nobody stays drained whom the operator has drained.
#[test]
fn a_scale_in_that_is_taken_back_while_the_operator_dies_leaves_nobody_drained() {
    let five = "replicas: 5\nstorage: {size: 10Gi}";
    for steps in 0..8 {
        for passes in 0..2 {
            let mut world = World::new(cluster(five));
            world.converge();
            world.partitions.create(20, 5, 2);
            world.cluster.spec = cluster(SPEC).spec;
            for _ in 0..passes {
                world.pass();
                world.tick();
            }
            world.pass_and_die(steps);
            world.cluster.spec = cluster(five).spec;
            world.converge();
            assert_eq!(world.drained(), Vec::<i32>::new(), "killed after {passes} passes and {steps} steps");
            assert_eq!(world.partitions.counts(5).iter().sum::<u64>(), 40);
        }
    }
}
