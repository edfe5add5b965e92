//! Whole stories of what may befall a cluster with partitions, in uneven zones: disks and nodes that are lost, brokers that
//! are heard of and not, a user who changes his mind half-way, a Topic that declares another replication factor, operators
//! that are killed between any two steps, and two that act at once on what was true some time ago. The toy world asserts at
//! every step that nobody is missed; here, that all of it ends where it should.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use weir_model::BrokerId;

use crate::fixtures::cluster;
use crate::object::Kind;
use crate::toy_world::World;

/// The cluster that the story is about.
#[derive(Clone, Debug)]
struct Stage {
    zones: Vec<char>,
    max_unavailable: u32,
    fences_after: u32,
    partitions: i32,
    factor: i32,
}

#[derive(Clone, Debug)]
enum Happens {
    /// The user wants another number, another image, another setting.
    Asked {
        replicas: i32,
        version: u8,
        config: u8,
    },
    /// What he wanted before that.
    TakenBack,
    Factor(i32),
    Killed(i32),
    DiskLost(i32),
    NodeLost(usize),
    NodesBack,
    Rezoned(usize, char),
    Flaps(i32, u32),
    Silence(u32),
    Refusal(u32),
    Meddling,
    /// The operator is killed after that many steps, again and again.
    OperatorsDie(Vec<usize>),
    /// Two act at the same moment, on what their mirrors showed so many ticks ago.
    TwoAct([usize; 2], Vec<bool>),
    Ticks(u8),
}

fn zone() -> impl Strategy<Value = char> {
    prop_oneof![Just('a'), Just('b'), Just('c')]
}

fn stage() -> impl Strategy<Value = Stage> {
    (vec(zone(), 1..6), 1..4_u32, 0..2_u32, 1..30_i32, 1..4_i32).prop_map(
        |(zones, max_unavailable, fences_after, partitions, factor)| Stage {
            zones,
            max_unavailable,
            fences_after,
            partitions,
            factor,
        },
    )
}

fn happens() -> impl Strategy<Value = Happens> {
    let broker = || 0..6_i32;
    let asked = (1..7_i32, 0..3_u8, 0..2_u8).prop_map(|(replicas, version, config)| Happens::Asked {
        replicas,
        version,
        config,
    });
    prop_oneof![
        5 => asked,
        3 => Just(Happens::TakenBack),
        2 => (1..4_i32).prop_map(Happens::Factor),
        2 => broker().prop_map(Happens::Killed),
        2 => broker().prop_map(Happens::DiskLost),
        1 => (0..5_usize).prop_map(Happens::NodeLost),
        1 => Just(Happens::NodesBack),
        1 => (0..5_usize, zone()).prop_map(|(node, zone)| Happens::Rezoned(node, zone)),
        2 => (broker(), 1..5_u32).prop_map(|(broker, ticks)| Happens::Flaps(broker, ticks)),
        1 => (1..4_u32).prop_map(Happens::Silence),
        1 => (1..4_u32).prop_map(Happens::Refusal),
        1 => Just(Happens::Meddling),
        4 => vec(0..16_usize, 1..5).prop_map(Happens::OperatorsDie),
        4 => ((0..12_usize, 0..12_usize), vec(any::<bool>(), 1..24))
            .prop_map(|((one, other), order)| Happens::TwoAct([one, other], order)),
        5 => (1..8_u8).prop_map(Happens::Ticks),
    ]
}

/// A story while it is told.
struct Story {
    world: World,
    asked: [String; 2],
    factor: i32,
    max_unavailable: u32,
}

fn spec(replicas: i32, version: u8, config: u8, max_unavailable: u32) -> String {
    format!(
        "replicas: {replicas}\nstorage: {{size: 10Gi, whenScaled: Delete}}\nversion: 0.{version}.0\n\
         config: {{num.partitions: '{}'}}\nrollout: {{maxUnavailable: {max_unavailable}}}\n\
         rebalance: {{replaceLostBrokerAfter: 2m}}",
        config + 1
    )
}

impl Story {
    fn begin(stage: &Stage) -> Self {
        let first = spec(4, 0, 0, stage.max_unavailable);
        let mut world = World::in_zones(cluster(&first), &stage.zones);
        world.converge();
        (world.fences_after, world.mirrors_lag) = (stage.fences_after, true);
        world.partitions.create(stage.partitions, 4, stage.factor);
        let asked = [first.clone(), first];
        Self { world, asked, factor: stage.factor, max_unavailable: stage.max_unavailable }
    }

    fn ask(&mut self, spec: String) {
        self.world.cluster.spec = cluster(&spec).spec;
        let before = std::mem::replace(&mut self.asked[1], spec);
        self.asked[0] = before;
    }

    fn tell(&mut self, what: &Happens) {
        let world = &mut self.world;
        match what {
            Happens::Asked { replicas, version, config } => {
                let spec = spec(*replicas, *version, *config, self.max_unavailable);
                self.ask(spec);
            }
            Happens::TakenBack => {
                let before = self.asked[0].clone();
                self.ask(before);
            }
            Happens::Factor(factor) => {
                self.factor = *factor;
                world.declare_factor(*factor);
            }
            Happens::Killed(broker) => world.kill(BrokerId(*broker)),
            Happens::DiskLost(broker) => world.lose_disk(BrokerId(*broker)),
            Happens::NodeLost(node) => world.lose_node(*node),
            Happens::NodesBack => world.return_nodes(),
            Happens::Rezoned(node, zone) => world.rezone(*node, *zone),
            Happens::Flaps(broker, ticks) => world.flap(BrokerId(*broker), *ticks),
            Happens::Silence(ticks) => world.silent = *ticks,
            Happens::Refusal(ticks) => world.refusing = *ticks,
            Happens::Meddling => {
                world.meddle(Kind::Service, "logs-brokers", |service| {
                    service["spec"]["selector"] = "x".into()
                });
            }
            Happens::OperatorsDie(deaths) => {
                for steps in deaths {
                    world.pass_and_die(*steps);
                    if steps % 3 == 0 {
                        world.tick();
                    }
                }
            }
            Happens::TwoAct(behind, order) => {
                world.pass_of_two(*behind, order);
                world.tick();
            }
            Happens::Ticks(ticks) => {
                for _ in 0..*ticks {
                    world.pass();
                    world.pass_over_topic();
                    world.tick();
                }
            }
        }
    }

    /// The user has made up his mind, and what can come back does.
    fn end(&mut self, nodes_come_back: bool) -> Result<(), TestCaseError> {
        if nodes_come_back {
            self.world.return_nodes();
        } else {
            self.world.give_nodes_up();
        }
        let replicas = self.world.cluster.spec.replicas.max(self.factor);
        self.world.cluster.spec.replicas = replicas;
        self.world.converge();
        let world = &self.world;
        prop_assert_eq!(world.registered(), (0..replicas).collect::<Vec<_>>());
        prop_assert_eq!(world.drained(), Vec::<i32>::new(), "{:?}", world.history);
        self.everything_is_held_where_it_should()?;
        prop_assert!(self.world.pass().is_settled());
        Ok(())
    }

    fn everything_is_held_where_it_should(&self) -> Result<(), TestCaseError> {
        let racks = self.world.racks();
        let all: BTreeSet<_> = racks.values().collect();
        let factor = usize::try_from(self.factor).unwrap();
        for partition in self.world.partitions.all() {
            prop_assert!(!partition.is_moving(), "{:?}", partition);
            let distinct: BTreeSet<_> = partition.replicas.iter().collect();
            prop_assert_eq!(distinct.len(), factor, "{:?}", partition);
            prop_assert!(
                partition.replicas.iter().all(|id| partition.in_sync.contains(id)),
                "{:?}",
                partition
            );
            let used: BTreeSet<_> = partition.replicas.iter().map(|id| &racks[id]).collect();
            prop_assert_eq!(used.len(), factor.min(all.len()), "{:?} over {:?}", partition, racks);
        }
        Ok(())
    }
}

/// What the toy world once took for wrong, and is not.
#[test]
fn stories_that_were_told_wrong() {
    let stage = |zones: &[char], factor| Stage {
        zones: zones.to_vec(),
        max_unavailable: 1,
        fences_after: 0,
        partitions: 4,
        factor,
    };
    // A move that gives broker 0 a replica is under way, and broker 2 has to be replaced in it while broker 0 is away.
    let moved_on_while_one_is_away = [
        Happens::OperatorsDie(vec![2]),
        Happens::Killed(0),
        Happens::NodeLost(2),
        Happens::Rezoned(0, 'a'),
        Happens::NodeLost(0),
        Happens::Asked { replicas: 1, version: 0, config: 0 },
        Happens::Ticks(2),
    ];
    tell(&stage(&['b', 'a', 'a', 'a'], 2), &moved_on_while_one_is_away, false).unwrap();
    // One operator does not know yet that there is something to roll, and begins to move; the other one rolls.
    let moved_and_rolled_at_once = [
        Happens::Ticks(4),
        Happens::Asked { replicas: 1, version: 0, config: 1 },
        Happens::TwoAct([0, 0], vec![false]),
        Happens::Flaps(0, 2),
        Happens::Ticks(2),
        Happens::TwoAct([4, 0], vec![false, false, true, true]),
    ];
    tell(&stage(&['a'], 1), &moved_and_rolled_at_once, false).unwrap();
}

fn tell(stage: &Stage, happens: &[Happens], nodes_come_back: bool) -> Result<(), TestCaseError> {
    let mut story = Story::begin(stage);
    for what in happens {
        story.tell(what);
    }
    story.end(nodes_come_back)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_breaks_and_whoever_acts_nobody_is_missed_and_all_ends_as_declared(
        stage in stage(),
        happens in vec(happens(), 1..16),
        nodes_come_back in any::<bool>(),
    ) {
        tell(&stage, &happens, nodes_come_back)?;
    }
}
