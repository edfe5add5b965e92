//! Properties that hold for every world: in those that proptest makes up, most of which never come to be, no step is
//! dangerous; in those that the toy world comes to through random changes and faults, the end is always reached.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use weir_model::BrokerId;
use weir_operator_api::{Rebalance, RebalanceMode};

use super::{new_hash, plan, snapshot, trouble, world};
use crate::fixtures::{cluster, incarnation};
use crate::object::Kind;
use crate::observed::Observed;
use crate::observed::brokers::{BrokerState, BrokersView, MayStop};
use crate::plan::{Plan, Step};
use crate::toy_world::World;

#[derive(Clone, Debug)]
struct PodIs {
    there: bool,
    ready: bool,
    running: bool,
    deleting: bool,
    newer: bool,
    trouble: bool,
    young: bool,
}

#[derive(Clone, Debug)]
struct BrokerIs {
    registered: bool,
    fenced: bool,
    drained: bool,
    replicas: u64,
    recovering: bool,
    may_stop: Option<u8>,
}

fn pod() -> impl Strategy<Value = PodIs> {
    let often = || prop::bool::weighted(0.85);
    let seldom = || prop::bool::weighted(0.2);
    (often(), often(), often(), seldom(), any::<bool>(), seldom(), seldom()).prop_map(
        |(there, ready, running, deleting, newer, trouble, young)| PodIs {
            there,
            ready,
            running,
            deleting,
            newer,
            trouble,
            young,
        },
    )
}

fn broker() -> impl Strategy<Value = BrokerIs> {
    let often = || prop::bool::weighted(0.85);
    let seldom = || prop::bool::weighted(0.2);
    (often(), seldom(), any::<bool>(), 0_u64..2, seldom(), option::weighted(0.8, 0_u8..4)).prop_map(
        |(registered, fenced, drained, replicas, recovering, may_stop)| BrokerIs {
            registered,
            fenced,
            drained,
            replicas,
            recovering,
            may_stop,
        },
    )
}

/// A world of three brokers, bent.
fn bent(pods: &[PodIs], brokers: &[BrokerIs], known: bool, under: Option<u64>, in_place: bool) -> Observed {
    let newer = super::NEWER;
    let mut observed = world(super::SPEC, if in_place { newer } else { super::SPEC });
    let hash = new_hash();
    let now = observed.now;
    for (pod, is) in observed.pods.iter_mut().zip(pods) {
        pod.ready = is.ready && !is.trouble;
        pod.running = is.running || pod.ready;
        pod.deleting = is.deleting;
        pod.trouble = is.trouble.then(|| trouble("CrashLoopBackOff")).flatten();
        if is.newer {
            pod.content_hash = Some(hash.clone());
        }
        if is.young {
            pod.created = Some(now);
        }
    }
    let there: Vec<_> = pods.iter().map(|is| is.there).collect();
    observed.pods.retain(|pod| there[usize::try_from(pod.broker.unwrap().0).unwrap()]);
    let seen = snapshot(&mut observed);
    seen.under_replicated_partitions = under;
    for (id, is) in brokers.iter().enumerate() {
        let id = BrokerId(i32::try_from(id).unwrap());
        let own = incarnation(id, 0);
        let answer = is.may_stop.map(|answer| match answer {
            0 => MayStop::No { reasons: vec!["r".to_owned()] },
            1 => MayStop::Unknown { why: "w".to_owned() },
            2 => MayStop::Yes { incarnation: incarnation(id, 1) },
            _ => MayStop::Yes { incarnation: own },
        });
        seen.may_stop.remove(&id);
        seen.may_stop.extend(answer.map(|answer| (id, answer)));
        if !is.registered {
            seen.brokers.remove(&id);
            continue;
        }
        let broker = seen.brokers.get_mut(&id).unwrap();
        broker.fenced = is.fenced || is.recovering;
        broker.drained = is.drained;
        broker.replicas = is.replicas;
        broker.state = if is.recovering { BrokerState::Recovering } else { BrokerState::Active };
    }
    if !known {
        observed.brokers = BrokersView::Unknown { why: "nobody answers".to_owned() };
    }
    observed
}

/// Everything that must hold of every plan.
fn safe(observed: &Observed, plan: &Plan) -> Result<(), TestCaseError> {
    let known = observed.brokers.known();
    let yes = |broker: BrokerId| {
        known.is_some_and(|seen| {
            let own = seen.brokers.get(&broker).map(|broker| broker.incarnation);
            matches!(seen.may_stop.get(&broker), Some(MayStop::Yes { incarnation }) if Some(*incarnation) == own)
        })
    };
    let mut disturbed = 0;
    for step in &plan.steps {
        match step {
            Step::DeletePod { broker, uid, .. } => {
                let pod = observed.pods.iter().find(|pod| pod.uid == *uid).unwrap();
                prop_assert!(!pod.deleting, "it is going already");
                if pod.ready {
                    disturbed += 1;
                    for other in (0..3).map(BrokerId).filter(|other| other != broker) {
                        let other = observed.pod(other);
                        prop_assert!(
                            other.is_some_and(|pod| pod.ready && !pod.deleting),
                            "{broker} with {other:?}"
                        );
                    }
                    prop_assert!(yes(*broker), "nobody said that {broker} may stop");
                    prop_assert_eq!(known.and_then(|seen| seen.under_replicated_partitions), Some(0));
                } else {
                    let seen = known.and_then(|seen| seen.brokers.get(broker));
                    let recovers = seen.is_some_and(|seen| seen.state == BrokerState::Recovering);
                    prop_assert!(!(pod.running && (recovers || known.is_none())), "it may be recovering");
                    let serves = seen.is_some_and(|seen| !seen.fenced);
                    prop_assert!(!(pod.running && serves), "it serves");
                }
            }
            Step::Apply(object) if object.kind == Kind::StatefulSet => {
                let after = object.manifest["spec"]["replicas"].as_u64().unwrap();
                prop_assert!(after >= 2, "one at a time");
                if after < 3 && observed.pod(BrokerId(2)).is_some() {
                    disturbed += 1;
                    let seen = known.map(|seen| seen.brokers.get(&BrokerId(2)));
                    prop_assert!(seen.is_some(), "nobody said what it holds");
                    if let Some(Some(seen)) = seen {
                        prop_assert!(seen.replicas == 0 && seen.drained && yes(BrokerId(2)));
                    }
                }
            }
            Step::DeleteVolume { .. } => {
                let registered = known.is_none_or(|seen| seen.brokers.contains_key(&BrokerId(2)));
                prop_assert!(!registered && observed.pod(BrokerId(2)).is_none());
            }
            Step::Unregister(broker) => {
                let seen = known.and_then(|seen| seen.brokers.get(&broker.id)).unwrap();
                prop_assert!(seen.fenced && seen.replicas == 0 && observed.pod(broker.id).is_none());
            }
            Step::Apply(_)
            | Step::Orphan(_)
            | Step::PatchVolume { .. }
            | Step::Prune(_)
            | Step::Drain(_)
            | Step::Undrain(_)
            | Step::Move(_)
            | Step::CancelMoves(_)
            | Step::ElectPreferred(_)
            | Step::Event(_) => {}
        }
    }
    prop_assert!(disturbed <= 1, "two at once");
    Ok(())
}

const SPECS: [&str; 5] = [
    "replicas: 3\nstorage: {size: 10Gi}",
    "replicas: 3\nstorage: {size: 10Gi}\nversion: 0.2.0",
    "replicas: 2\nstorage: {size: 10Gi, whenScaled: Delete}\nversion: 0.2.0",
    "replicas: 1\nstorage: {size: 20Gi, whenScaled: Delete}",
    "replicas: 4\nstorage: {size: 10Gi}\nversion: 0.2.0",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_step_is_dangerous_in_any_world(
        pods in vec(pod(), 3),
        brokers in vec(broker(), 3),
        known in prop::bool::weighted(0.85),
        under in option::weighted(0.9, prop_oneof![4 => Just(0_u64), 1 => Just(3)]),
        in_place in any::<bool>(),
        spec in 0..SPECS.len(),
    ) {
        let observed = bent(&pods, &brokers, known, under, in_place);
        let plan = plan(SPECS[spec], &observed);
        safe(&observed, &plan)?;
        prop_assert_eq!(&plan, &super::plan(SPECS[spec], &observed), "the same world, the same plan");
    }
}

/// What happens to a cluster: the user changes his mind, or something breaks.
#[derive(Clone, Debug)]
enum Happens {
    Spec {
        replicas: i32,
        size: u32,
        version: u8,
        listener: bool,
        config: u8,
    },
    Kill(i32),
    Silence(u32),
    Refusal(u32),
    Meddling,
    /// Another says who decides about moves; where a proposal is shown, it may be approved.
    Moves(RebalanceMode, bool),
    /// The operator is killed after each of that many calls in turn, and nothing else happens in between.
    Killed(u8),
    Ticks(u8),
}

fn mode() -> impl Strategy<Value = RebalanceMode> {
    use RebalanceMode::{Auto, Never, Propose};
    prop_oneof![1 => Just(Auto), 2 => Just(Propose), 1 => Just(Never)]
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (1..6_i32, 0..3_u32, 0..3_u8, any::<bool>(), 0..3_u8).prop_map(
            |(replicas, size, version, listener, config)| Happens::Spec { replicas, size, version, listener, config }
        ),
        2 => (0..5_i32).prop_map(Happens::Kill),
        1 => (1..5_u32).prop_map(Happens::Silence),
        1 => (1..5_u32).prop_map(Happens::Refusal),
        1 => Just(Happens::Meddling),
        2 => (mode(), any::<bool>()).prop_map(|(mode, approves)| Happens::Moves(mode, approves)),
        3 => (1..8_u8).prop_map(Happens::Killed),
        4 => (1..6_u8).prop_map(Happens::Ticks),
    ]
}

fn happen(world: &mut World, what: &Happens, size: &mut u32) {
    match what {
        Happens::Spec { replicas, size: grown, version, listener, config } => {
            *size += grown;
            let listeners =
                if *listener { "\nlisteners: [{name: ext, port: 9192, type: NodePort}]" } else { "" };
            let spec = format!(
                "replicas: {replicas}\nstorage: {{size: {size}Gi, whenScaled: Delete}}\nversion: 0.{version}.0\
                 {listeners}\nconfig: {{num.partitions: '{}'}}",
                config + 1
            );
            world.cluster.spec = cluster(&spec).spec;
        }
        Happens::Kill(broker) => world.kill(BrokerId(*broker)),
        Happens::Silence(ticks) => world.silent = *ticks,
        Happens::Refusal(ticks) => world.refusing = *ticks,
        Happens::Meddling => {
            world.meddle(Kind::Service, "logs-brokers", |service| service["spec"]["selector"] = "x".into());
        }
        Happens::Moves(mode, approves) => {
            let proposal = world.cluster.status.as_ref().and_then(|status| status.proposal.as_ref());
            let approved = proposal.filter(|_| *approves).map(|proposal| proposal.hash.clone());
            world.cluster.spec.rebalance = Rebalance { mode: *mode, approved, ..Rebalance::default() };
        }
        Happens::Killed(calls) => {
            for steps in 0..*calls {
                world.pass_and_die(usize::from(steps) % 4);
                if steps % 2 == 0 {
                    world.tick();
                }
            }
        }
        Happens::Ticks(ticks) => {
            for _ in 0..*ticks {
                world.pass();
                world.tick();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The toy world asserts at every step that nothing was lost and nobody was missed.
    #[test]
    fn whatever_happens_the_cluster_comes_to_rest_as_declared(story in vec(happens(), 1..14)) {
        let mut world = World::new(cluster(super::SPEC));
        let mut size = 10;
        for what in &story {
            happen(&mut world, what, &mut size);
        }
        world.cluster.spec.rebalance = Rebalance::default();
        world.converge();
        let replicas = world.cluster.spec.replicas;
        prop_assert_eq!(world.registered(), (0..replicas).collect::<Vec<_>>());
        prop_assert!(world.pass().is_settled());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same stories in a cluster with partitions: every replica is where it should be in the end.
    #[test]
    fn whatever_happens_replicas_end_spread_over_the_brokers_that_stay(
        story in vec(happens(), 1..10),
        partitions in 1..40_i32,
        factor in 1..3_i32,
    ) {
        let mut world = World::new(cluster(super::SPEC));
        world.converge();
        world.partitions.create(partitions, 3, factor);
        let mut size = 10;
        for what in &story {
            happen(&mut world, what, &mut size);
        }
        world.cluster.spec.replicas = world.cluster.spec.replicas.max(2);
        world.cluster.spec.rebalance = Rebalance::default();
        world.converge();
        let replicas = world.cluster.spec.replicas;
        prop_assert_eq!(world.registered(), (0..replicas).collect::<Vec<_>>());
        let counts = world.partitions.counts(replicas);
        prop_assert_eq!(counts.iter().sum::<u64>(), u64::try_from(partitions * factor).unwrap());
        // Nobody is further from his share than what makes the operator begin.
        let (total, brokers) = (u64::try_from(partitions * factor).unwrap(), u64::try_from(replicas).unwrap());
        let (least, most) = (total / brokers, total.div_ceil(brokers));
        let borne = |count: &u64| *count <= most + 1.max(most / 5) && *count + 1.max(least / 5) >= least;
        prop_assert!(counts.iter().all(borne), "{:?}", counts);
        prop_assert_eq!(world.partitions.moving(), 0);
        prop_assert!(world.pass().is_settled());
    }
}

/// A cluster that scales by itself: how much it has to bear, too.
fn elastic() -> impl Strategy<Value = (Happens, u64)> {
    let happens = prop_oneof![
        2 => (0..7_i32).prop_map(Happens::Kill),
        1 => (1..5_u32).prop_map(Happens::Silence),
        1 => (1..5_u32).prop_map(Happens::Refusal),
        3 => (1..8_u8).prop_map(Happens::Killed),
        4 => (1..12_u8).prop_map(Happens::Ticks),
    ];
    (happens, 0..6_000_u64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever load and faults did before: under one that lasts, the number comes to rest where the load asks for it, and
    /// everything that was held is held.
    #[test]
    fn a_cluster_that_scales_by_itself_comes_to_rest_within_its_bounds(
        story in vec(elastic(), 1..10),
        last in 0..6_000_u64,
        partitions in 12..40_i32,
    ) {
        let spec = "replicas: 3\nstorage: {size: 10Gi}\nresources: {requests: {cpu: '1'}}\n\
                    autoscaling: {minReplicas: 3, maxReplicas: 7, targets: {cpuPercent: 70}, \
                    stabilization: {scaleOut: 1m, scaleIn: 2m}}";
        let mut world = World::new(cluster(spec));
        world.converge();
        world.partitions.create(partitions, 3, 2);
        let mut size = 10;
        for (what, load) in &story {
            world.load = *load;
            happen(&mut world, what, &mut size);
        }
        world.load = last;
        for _ in 0..150 {
            world.pass();
            world.tick();
        }
        world.converge();
        let status = world.cluster.status.clone().unwrap().autoscaling.unwrap();
        prop_assert!((3..=7).contains(&status.replicas));
        prop_assert_eq!(world.registered(), (0..status.replicas).collect::<Vec<_>>());
        prop_assert_eq!(status.recommended, status.replicas, "{:?}", status);
        // Each broker says whole thousandths of a core.
        let replicas = u64::try_from(status.replicas).unwrap();
        let said = last / replicas * replicas;
        prop_assert!(replicas >= said.div_ceil(700).clamp(3, 7), "{:?} for {}", status, last);
        let held = world.partitions.counts(status.replicas).iter().sum::<u64>();
        prop_assert_eq!(held, u64::try_from(partitions * 2).unwrap());
    }
}
