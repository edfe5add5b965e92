//! Which plans are made once more, from what is read of the API server itself, before they are carried out: those that take
//! something away, or that tell brokers what no later pass would take back by itself. Decides that, and nothing else.

use crate::object::{Kind, Object};
use crate::observed::Observed;
use crate::plan::{Plan, Step};

/// Whether some step of the plan must not rest on a mirror that may be a moment behind.
#[must_use]
pub fn is_irrevocable(plan: &Plan, observed: &Observed) -> bool {
    plan.steps.iter().any(|step| match step {
        Step::Orphan(_) | Step::DeletePod { .. } | Step::DeleteVolume { .. } | Step::Prune(_) => true,
        // A broker that is drained and was not to be looks as if a person had drained it.
        Step::Drain(_) | Step::Unregister(_) => true,
        Step::Apply(object) => takes_brokers_away(object, observed),
        Step::PatchVolume { .. }
        | Step::Undrain(_)
        | Step::Move(_)
        | Step::CancelMoves(_)
        | Step::ElectPreferred(_)
        | Step::Event(_) => false,
    })
}

/// Whether it is a StatefulSet that becomes smaller.
fn takes_brokers_away(object: &Object, observed: &Observed) -> bool {
    let after = object.manifest["spec"]["replicas"].as_u64();
    let before = observed.stateful_set().map(|set| u64::from(set.replicas()));
    object.kind == Kind::StatefulSet && before.zip(after).is_some_and(|(before, after)| after < before)
}

#[cfg(test)]
mod tests {
    use weir_model::BrokerId;

    use super::*;
    use crate::fixtures::{desired, incarnation, nothing};
    use crate::observed::Child;
    use crate::observed::brokers::BrokerRef;

    #[test]
    fn what_can_not_be_taken_back_is_decided_on_what_is_true_now() {
        let set = |replicas: u32| {
            let spec = "replicas: 3\nstorage: {size: 10Gi}";
            let desired = desired(spec, &nothing());
            desired.object(Kind::StatefulSet, "logs").unwrap().with("replicas", replicas)
        };
        let mut observed = nothing();
        observed.children.push(Child::of_manifest(Kind::StatefulSet, set(3).manifest));
        let broker = BrokerRef { id: BrokerId(2), incarnation: incarnation(BrokerId(2), 0) };
        let pod = || Step::DeletePod { name: "p".to_owned(), uid: "u".to_owned(), broker: BrokerId(2) };
        let cases = [
            ("a pod goes", pod(), true),
            ("a broker is drained", Step::Drain(broker), true),
            ("a broker is forgotten", Step::Unregister(broker), true),
            ("fewer brokers", Step::Apply(set(2)), true),
            ("as many brokers", Step::Apply(set(3)), false),
            ("more brokers", Step::Apply(set(4)), false),
            ("a broker stays after all", Step::Undrain(broker), false),
            ("replicas move", Step::Move(Vec::new()), false),
        ];
        for (name, step, expected) in cases {
            let plan = Plan { steps: vec![step], ..Plan::default() };
            assert_eq!(is_irrevocable(&plan, &observed), expected, "{name}");
        }
        assert!(!is_irrevocable(&Plan::default(), &observed), "nothing is done");
    }
}
