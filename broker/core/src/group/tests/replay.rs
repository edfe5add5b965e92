//! Random clients, clocks, slow commits, failing appends and failovers that lose what was not committed. After every
//! step the world replays the log (whole and compacted) and checks its invariants; in the end whoever still behaves
//! gets an assignment, and whoever does not is gone.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Join { client: usize, fresh: bool, topics: u8 },
    Sync { client: usize },
    Beat { client: usize },
    Leave { client: usize },
    Commit { client: usize, managed: bool },
    DeleteOffsets { group: usize },
    DeleteGroup { group: usize },
    Pass { ms: i64 },
    Jump { ms: i64 },
    FailNextAppend(u8),
    FailOver,
    SlowCommits(bool),
    CommitLog,
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS;
    prop_oneof![
        8 => (client.clone(), prop::bool::weighted(0.2), 0..3u8)
            .prop_map(|(client, fresh, topics)| Step::Join { client, fresh, topics }),
        8 => client.clone().prop_map(|client| Step::Sync { client }),
        4 => client.clone().prop_map(|client| Step::Beat { client }),
        1 => client.clone().prop_map(|client| Step::Leave { client }),
        2 => (client, any::<bool>()).prop_map(|(client, managed)| Step::Commit { client, managed }),
        1 => (0..2usize).prop_map(|group| Step::DeleteOffsets { group }),
        1 => (0..2usize).prop_map(|group| Step::DeleteGroup { group }),
        3 => (0..12_000i64).prop_map(|ms| Step::Pass { ms }),
        1 => (-4_000_000..4_000_000i64).prop_map(|ms| Step::Jump { ms }),
        1 => (0..3u8).prop_map(Step::FailNextAppend),
        1 => Just(Step::FailOver),
        2 => any::<bool>().prop_map(Step::SlowCommits),
        2 => Just(Step::CommitLog),
    ]
}

const CLIENTS: usize = 8;

/// Clients 0 to 3 are of group `a`, the rest of `b`; every other one is static.
struct Client {
    group: &'static str,
    join: Join,
    waiting: Vec<Token>,
    joined: Option<Joined>,
}

fn client(n: usize) -> Client {
    let group = if n < CLIENTS / 2 { "a" } else { "b" };
    let instance = (n % 2 == 1).then(|| InstanceId::from(&*format!("i{n}")));
    let join = Join {
        instance,
        requires_known_member_id: n.is_multiple_of(4),
        supports_skipping_assignment: n % 4 == 1,
        session_timeout: DurationMs(6_000 + 1_000 * n as i64),
        rebalance_timeout: DurationMs(8_000),
        protocols: vec![protocol("range", &["t"]), protocol("sticky", &["t"])],
        ..joiner(group)
    };
    Client { group, join, waiting: Vec::new(), joined: None }
}

impl Client {
    /// Takes in what was answered since it last looked.
    fn look(&mut self, w: &mut World) {
        for token in std::mem::take(&mut self.waiting) {
            if w.waits(token) {
                self.waiting.push(token);
                continue;
            }
            match w.answer(token) {
                Reply::Join(Ok(joined)) => {
                    self.join.member = joined.member.clone();
                    self.joined = Some(joined);
                }
                Reply::Join(Err(refused)) => self.refused(&refused),
                Reply::Sync(Ok(synced)) => {
                    if let Some(joined) = &self.joined {
                        assert_eq!(synced.assignment, assignment(joined.generation), "of another generation");
                        assert!(
                            w.wrote(self.group, joined.generation, &joined.member),
                            "could be lost: {joined:?}"
                        );
                    }
                }
                Reply::Sync(Err(GroupError::UnknownMemberId | GroupError::FencedInstanceId)) => self.forget(),
                Reply::Sync(Err(_)) => self.joined = None,
                other => panic!("{other:?}"),
            }
        }
    }

    fn refused(&mut self, refused: &JoinRefused) {
        match refused.error {
            GroupError::MemberIdRequired => self.join.member = refused.member.clone(),
            GroupError::UnknownMemberId | GroupError::FencedInstanceId => self.forget(),
            GroupError::RebalanceInProgress | GroupError::NotCoordinator => {}
            GroupError::CoordinatorNotAvailable | GroupError::RecordTooLarge => {}
            other => panic!("{other:?}"),
        }
    }

    fn forget(&mut self) {
        self.join.member = MemberId::default();
        self.joined = None;
    }

    /// What a client that wants an assignment does next.
    fn behave(&mut self, w: &mut World) {
        self.look(w);
        if !self.waiting.is_empty() {
            return;
        }
        match self.joined.clone() {
            None => self.waiting.push(w.join(self.join.clone())),
            Some(joined) => match w.beat(self.group, &joined) {
                Ok(()) => self.waiting.push(w.ask(Command::Sync(self.sync(&joined)))),
                Err(GroupError::RebalanceInProgress) => self.joined = None,
                Err(_) => self.forget(),
            },
        }
        self.look(w);
    }

    fn sync(&self, joined: &Joined) -> Sync {
        Sync { instance: self.join.instance.clone(), ..sync_of(self.group, joined) }
    }
}

fn take(step: Step, clients: &mut [Client], w: &mut World) {
    match step {
        Step::Join { client, fresh, topics } => {
            let c = &mut clients[client];
            if fresh {
                c.forget();
            }
            let topics = ["t", "u", "v"].get(..=usize::from(topics)).unwrap_or_default();
            c.join.protocols = vec![protocol("range", topics), protocol("sticky", topics)];
            if c.waiting.is_empty() {
                c.waiting.push(w.join(c.join.clone()));
            }
        }
        Step::Sync { client } => {
            let c = &mut clients[client];
            if let (Some(joined), true) = (c.joined.clone(), c.waiting.is_empty()) {
                c.waiting.push(w.ask(Command::Sync(c.sync(&joined))));
            }
        }
        Step::Beat { client } => {
            let c = &mut clients[client];
            if let Some(joined) = c.joined.clone() {
                let _ = w.beat(c.group, &joined);
            }
        }
        Step::Leave { client } => {
            let c = &clients[client];
            let _ = w.leave(c.group, &c.join.member);
        }
        Step::Commit { client, managed } => {
            let c = &clients[client];
            let generation = c.joined.as_ref().filter(|_| managed).map_or(-1, |j| j.generation.0);
            let member = if managed { c.join.member.clone() } else { MemberId::default() };
            let token = w.ask(Command::Commit(commit_of(c.group, &member, generation, client as i64)));
            w.answer(token);
        }
        Step::DeleteOffsets { group } => {
            let topics = vec![(topic("t"), vec![PartitionIndex(0)])];
            let token =
                w.ask(Command::DeleteOffsets(DeleteOffsets { group: ["a", "b"][group].into(), topics }));
            w.answer(token);
        }
        Step::DeleteGroup { group } => {
            let token = w.ask(Command::DeleteGroups(vec![["a", "b"][group].into()]));
            w.answer(token);
        }
        Step::Pass { ms } => w.pass(ms),
        Step::Jump { ms } => w.now.wall = w.now.wall + DurationMs(ms),
        Step::FailNextAppend(kind) => {
            let kinds = [AppendFailure::Unavailable, AppendFailure::NotLeader, AppendFailure::TooLarge];
            w.fail = Some(kinds[usize::from(kind)]);
        }
        Step::FailOver => w.fail_over(),
        Step::SlowCommits(slow) => {
            w.slow_commits = slow;
            w.commit();
        }
        Step::CommitLog => w.commit(),
    }
}

fn survives(steps: Vec<Step>, initial_delay: i64) {
    let mut w = World::with(|c| {
        c.initial_rebalance_delay = DurationMs(initial_delay);
        c.offsets_retention = DurationMs(3_600_000);
    });
    let mut clients: Vec<Client> = (0..CLIENTS).map(client).collect();
    for step in steps {
        take(step, &mut clients, &mut w);
        clients.iter_mut().for_each(|c| c.look(&mut w));
    }
    w.fail = None;
    w.slow_commits = false;
    w.commit();
    // Group `a`'s clients come to an agreement, well within the timeouts; group `b`'s say nothing more.
    for _ in 0..60 {
        clients[..CLIENTS / 2].iter_mut().for_each(|c| c.behave(&mut w));
        w.pass(500);
    }
    assert_eq!(w.state("a"), Some(GroupState::Stable), "those who behave get an assignment");
    assert_eq!(w.members("a"), CLIENTS / 2);
    w.pass(400_000);
    assert!(w.nobody_waits(), "every request is answered in the end");
    for group in ["a", "b"] {
        assert!(matches!(w.state(group), None | Some(GroupState::Empty)), "the silent are gone");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn replay_equals_live_state_whatever_clients_clocks_and_disks_do(
        steps in prop::collection::vec(step(), 1..120),
        initial_delay in prop_oneof![Just(0i64), Just(3_000)],
    ) {
        survives(steps, initial_delay);
    }
}
