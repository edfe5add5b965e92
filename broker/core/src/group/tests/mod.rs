//! The coordinator seen from the mailbox: a world with one shard, a log, two clocks and clients that say what a test wants.
//! Every record goes through its bytes, and after every step the log is replayed and the invariants are checked.

mod offsets;
mod refusals;
mod replay;
mod scenarios;
mod statics;
mod timeouts;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use uuid::Uuid;
use weir_model::{DurationMs, LeaderEpoch, Millis, Offset, PartitionIndex, TopicId, TopicName};

use super::live::Phase;
use super::records::{decode, encode_key, encode_value};
use super::*;

pub(super) struct World {
    pub(super) groups: Groups,
    pub(super) log: Vec<Record>,
    pub(super) now: Now,
    /// The next append with records fails like this.
    pub(super) fail: Option<AppendFailure>,
    /// Answers wait for a commit that is yet to come.
    pub(super) slow_commits: bool,
    /// Answers, and the end of the log that must be committed before they leave.
    held: Vec<(usize, Token, Reply)>,
    committed: usize,
    config: GroupConfig,
    parked: BTreeSet<Token>,
    answers: BTreeMap<Token, Reply>,
    tokens: u64,
    ids: u128,
}

/// A first JoinGroup of an old client: it gets its id with its first answer.
pub(super) fn joiner(group: &str) -> Join {
    Join {
        group: group.into(),
        member: MemberId::default(),
        instance: None,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout: DurationMs(10_000),
        rebalance_timeout: DurationMs(60_000),
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range", &["t"])],
        requires_known_member_id: false,
        supports_skipping_assignment: true,
    }
}

pub(super) fn static_joiner(group: &str, instance: &str) -> Join {
    Join { instance: Some(instance.into()), ..joiner(group) }
}

pub(super) fn protocol(name: &str, topics: &[&str]) -> Protocol {
    Protocol { name: name.into(), metadata: subscription(topics) }
}

pub(super) fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = vec![0, 1];
    bytes.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        bytes.extend((topic.len() as i16).to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.extend([0xff; 4]);
    bytes.into()
}

pub(super) fn topic(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

pub(super) fn commit_of(group: &str, member: &MemberId, generation: i32, offset: i64) -> Commit {
    let one = PartitionCommit {
        partition: PartitionIndex(0),
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(3),
        metadata: "note".into(),
    };
    Commit {
        group: group.into(),
        member: member.clone(),
        instance: None,
        generation: Generation(generation),
        unknown_group_is_illegal_generation: false,
        retention: None,
        topics: vec![TopicCommit { topic: topic("t"), topic_id: TopicId::ZERO, partitions: vec![one] }],
    }
}

pub(super) fn sync_of(group: &str, joined: &Joined) -> Sync {
    let assign = |m: &JoinedMember| (m.member.clone(), assignment(joined.generation));
    Sync {
        group: group.into(),
        member: joined.member.clone(),
        instance: None,
        generation: joined.generation,
        protocol_type: joined.protocol_type.clone(),
        protocol: joined.protocol.clone(),
        assignments: joined.members.iter().map(assign).collect(),
    }
}

/// What every member is assigned in a generation.
pub(super) fn assignment(generation: Generation) -> Bytes {
    format!("g{generation}").into_bytes().into()
}

impl World {
    /// A shard with no initial delay.
    pub(super) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(super) fn with(change: impl FnOnce(&mut GroupConfig)) -> Self {
        let mut config = GroupConfig { initial_rebalance_delay: DurationMs(0), ..GroupConfig::default() };
        change(&mut config);
        let now = Now { steady: Millis(5), wall: Millis(1_700_000_000_000) };
        let mut groups = Groups::new(config);
        groups.on_elected(now);
        Self {
            groups,
            log: Vec::new(),
            now,
            fail: None,
            slow_commits: false,
            held: Vec::new(),
            committed: 0,
            config,
            parked: BTreeSet::new(),
            answers: BTreeMap::new(),
            tokens: 0,
            ids: 0,
        }
    }

    pub(super) fn ask(&mut self, command: Command) -> Token {
        self.tokens += 1;
        let token = Token(self.tokens);
        self.parked.insert(token);
        let ids = &mut self.ids;
        let decision = self.groups.decide(token, command, self.now, &mut || {
            *ids += 1;
            Uuid::from_u128(*ids)
        });
        self.carry_out(decision);
        self.tick();
        token
    }

    fn tick(&mut self) {
        let mut steps = 0;
        while let Some(decision) = self.groups.tick(self.now) {
            self.carry_out(decision);
            steps += 1;
            assert!(steps < 100_000, "ticking does not come to an end");
        }
    }

    fn carry_out(&mut self, decision: Decision) {
        let replies = match self.fail.take_if(|_| !decision.records.is_empty()) {
            Some(failure) => self.groups.append_failed(decision, failure, self.now),
            None => {
                for record in &decision.records {
                    let bytes = (encode_key(record).unwrap(), encode_value(record).unwrap());
                    let read = decode(bytes.0, bytes.1).unwrap();
                    assert_eq!(&read, record, "bytes say something else");
                    self.groups.apply(&read);
                    self.log.push(read);
                }
                decision.replies
            }
        };
        let end = self.log.len();
        self.held.extend(replies.into_iter().map(|(token, reply)| (end, token, reply)));
        if !self.slow_commits {
            self.commit();
        }
        self.check();
    }

    /// All that was appended is committed: the answers leave.
    pub(super) fn commit(&mut self) {
        self.committed = self.log.len();
        let held = std::mem::take(&mut self.held);
        self.deliver(held.into_iter().map(|(_, token, reply)| (token, reply)).collect());
    }

    fn deliver(&mut self, replies: Vec<(Token, Reply)>) {
        for (token, reply) in replies {
            assert!(self.parked.remove(&token), "{token:?} is answered twice or was never asked: {reply:?}");
            self.answers.insert(token, reply);
        }
    }

    /// Lets time pass, waking the shard at each of its deadlines.
    pub(super) fn pass(&mut self, ms: i64) {
        let end = self.now.steady + DurationMs(ms);
        while let Some(next) = self.groups.next_deadline().filter(|at| *at <= end) {
            let step = next.since(self.now.steady).max(DurationMs(0));
            self.now = Now { steady: self.now.steady + step, wall: self.now.wall + step };
            self.tick();
        }
        let rest = end.since(self.now.steady);
        self.now = Now { steady: end, wall: self.now.wall + rest };
    }

    /// The leadership is lost and won again, from a log that lost what was not committed and was compacted meanwhile.
    pub(super) fn fail_over(&mut self) {
        self.log.truncate(self.committed);
        let held = std::mem::take(&mut self.held);
        let lost =
            held.into_iter().map(|(_, token, reply)| (token, reply.failed(GroupError::NotCoordinator)));
        self.deliver(lost.collect());
        let replies = self.groups.resign();
        assert!(replies.iter().all(|(_, reply)| error_of(reply) == Some(GroupError::NotCoordinator)));
        self.deliver(replies);
        assert_eq!(self.parked, BTreeSet::new(), "nobody is forgotten");
        self.groups = replayed(&compacted(&self.log), self.config);
        self.groups.on_elected(self.now);
        self.check();
    }

    pub(super) fn waits(&self, token: Token) -> bool {
        self.parked.contains(&token)
    }

    pub(super) fn nobody_waits(&self) -> bool {
        self.parked.is_empty()
    }

    pub(super) fn answer(&mut self, token: Token) -> Reply {
        if !self.answers.contains_key(&token) {
            self.commit();
        }
        self.answers.remove(&token).unwrap_or_else(|| panic!("{token:?} has no answer"))
    }

    pub(super) fn joined(&mut self, token: Token) -> Joined {
        match self.answer(token) {
            Reply::Join(Ok(joined)) => joined,
            other => panic!("not joined: {other:?}"),
        }
    }

    pub(super) fn refused(&mut self, token: Token) -> GroupError {
        let reply = self.answer(token);
        error_of(&reply).unwrap_or_else(|| panic!("not refused: {reply:?}"))
    }

    pub(super) fn join(&mut self, join: Join) -> Token {
        self.ask(Command::Join(join))
    }

    pub(super) fn sync(&mut self, group: &str, joined: &Joined) -> Token {
        self.ask(Command::Sync(sync_of(group, joined)))
    }

    pub(super) fn beat(&mut self, group: &str, joined: &Joined) -> Result<(), GroupError> {
        let token = self.ask(Command::Heartbeat(Heartbeat {
            group: group.into(),
            member: joined.member.clone(),
            instance: None,
            generation: joined.generation,
        }));
        match self.answer(token) {
            Reply::Heartbeat(outcome) => outcome,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn leave(&mut self, group: &str, member: &MemberId) -> Result<(), GroupError> {
        let leaver = Leaver { member: member.clone(), instance: None };
        let token = self.ask(Command::Leave(Leave { group: group.into(), members: vec![leaver] }));
        match self.answer(token) {
            Reply::Leave(outcome) => outcome?.remove(0).outcome,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn assigned(&mut self, token: Token) -> Bytes {
        match self.answer(token) {
            Reply::Sync(Ok(synced)) => synced.assignment,
            other => panic!("not synced: {other:?}"),
        }
    }

    /// `joins` join together and agree; what each was told, the leader first.
    pub(super) fn stable(&mut self, group: &str, joins: Vec<Join>) -> Vec<Joined> {
        let mut tokens: Vec<Token> = joins.into_iter().map(|join| self.join(join)).collect();
        // With no initial delay the first is alone in its generation, so it joins again with the others.
        if tokens.len() > 1 && !self.waits(tokens[0]) {
            let first = self.joined(tokens[0]);
            let again = self.rejoin_of(group, &first.member);
            tokens[0] = self.join(again);
        }
        self.pass(0);
        let mut joined: Vec<Joined> = tokens.into_iter().map(|token| self.joined(token)).collect();
        joined.sort_by_key(|j| j.members.is_empty());
        let syncs: Vec<Token> = joined.iter().map(|j| self.sync(group, j)).collect();
        for (sync, told) in syncs.into_iter().zip(&joined) {
            assert_eq!(self.assigned(sync), assignment(told.generation));
        }
        assert_eq!(self.state(group), Some(GroupState::Stable));
        joined
    }

    /// What a client sends that was in the group and joins again unchanged.
    pub(super) fn rejoin_of(&self, group: &str, member: &MemberId) -> Join {
        let known = &self.groups.live.get(&group.into()).unwrap().members()[member];
        Join {
            member: member.clone(),
            instance: known.profile.instance.clone(),
            protocols: known.protocols.clone(),
            rebalance_timeout: known.profile.rebalance_timeout,
            session_timeout: known.profile.session_timeout,
            ..joiner(group)
        }
    }

    pub(super) fn rejoin(&mut self, group: &str, joined: &Joined) -> Token {
        let join = self.rejoin_of(group, &joined.member);
        self.join(join)
    }

    /// Whether the log has the member in the generation.
    pub(super) fn wrote(&self, group: &str, generation: Generation, member: &MemberId) -> bool {
        self.log[..self.committed].iter().any(|record| match record {
            Record::Group { group: id, meta: Some(meta) } => {
                id.as_str() == group && meta.generation == generation && meta.members.contains_key(member)
            }
            _ => false,
        })
    }

    pub(super) fn state(&self, group: &str) -> Option<GroupState> {
        self.groups.describe(&group.into()).ok().map(|d| d.state)
    }

    pub(super) fn members(&self, group: &str) -> usize {
        self.groups.describe(&group.into()).map_or(0, |d| d.members.len())
    }

    /// What must be true after every step.
    fn check(&self) {
        assert_eq!(replayed(&self.log, self.config).committed(), self.groups.committed(), "replay differs");
        assert_eq!(
            replayed(&compacted(&self.log), self.config).committed(),
            self.groups.committed(),
            "replay of the compacted log differs"
        );
        let mut parked = BTreeSet::new();
        for group in self.groups.live.iter() {
            check_group(group, self.groups.committed.meta(&group.id));
            for member in group.members().values() {
                parked.extend(member.joining());
                parked.extend(member.syncing);
            }
        }
        parked.extend(self.held.iter().map(|(_, token, _)| *token));
        assert_eq!(parked, self.parked, "a request is neither answered nor parked");
    }
}

fn check_group(group: &LiveGroup, meta: Option<&records::GroupMeta>) {
    let written = meta.map(|m| m.members.keys().collect::<Vec<_>>()).unwrap_or_default();
    let joining = group.members().values().filter(|m| m.joining().is_some()).count();
    assert_eq!(joining, group.joining(), "the count of joining members is off");
    assert!(group.unsynced.iter().all(|id| group.members().contains_key(id)));
    assert!(group.leader.as_ref().is_none_or(|id| group.members().contains_key(id)));
    let sessions = group.members().values().filter_map(|m| m.session_ends);
    let deadlines = sessions.chain(group.pending.values().copied()).chain(group.sync_deadline);
    assert!(
        deadlines.into_iter().all(|at| group.wake_at.is_some_and(|wake| wake <= at)),
        "would wake too late"
    );
    for member in group.members().values() {
        assert!(member.session_ends.is_some() || member.joining().is_some() || member.syncing.is_some());
    }
    match group.phase {
        Phase::Stable => {
            assert_eq!(group.members().keys().collect::<Vec<_>>(), written, "roster and log differ");
            let meta = meta.unwrap();
            let told = |id: &MemberId| &group.members()[id].profile;
            assert!(meta.members.iter().all(|(id, m)| m.profile == *told(id)), "profiles differ");
            assert_eq!((group.generation, &group.leader), (meta.generation, &meta.leader));
            assert_eq!(joining, 0);
            assert_eq!(group.sync_deadline.is_some(), !group.unsynced.is_empty());
        }
        Phase::Empty => {
            assert_eq!((group.members().len(), written.len()), (0, 0));
            assert_eq!(group.generation, meta.map_or(Generation(0), |m| m.generation));
        }
        Phase::Preparing { deadline, .. } => {
            assert!(deadline.is_some());
            assert!(group.members().values().all(|m| m.syncing.is_none()));
        }
        Phase::Completing => {
            assert_eq!(joining, 0);
            assert!(group.sync_deadline.is_some() || group.unsynced.is_empty());
        }
    }
}

pub(super) fn replayed(log: &[Record], config: GroupConfig) -> Groups {
    let mut groups = Groups::new(config);
    log.iter().for_each(|record| groups.apply(record));
    groups
}

/// The last record of every key, tombstones gone.
fn compacted(log: &[Record]) -> Vec<Record> {
    let mut last = BTreeMap::new();
    for (at, record) in log.iter().enumerate() {
        last.insert(encode_key(record).unwrap(), (at, record));
    }
    let mut kept: Vec<_> = last.into_values().filter(|(_, r)| encode_value(r).unwrap().is_some()).collect();
    kept.sort_by_key(|(at, _)| *at);
    kept.into_iter().map(|(_, record)| record.clone()).collect()
}

pub(super) fn error_of(reply: &Reply) -> Option<GroupError> {
    match reply {
        Reply::Join(outcome) => outcome.as_ref().err().map(|refused| refused.error),
        Reply::Sync(outcome) => outcome.as_ref().err().copied(),
        Reply::Heartbeat(outcome) => outcome.err(),
        Reply::Leave(outcome) => match outcome {
            Ok(left) => left.iter().find_map(|l| l.outcome.err()),
            Err(error) => Some(*error),
        },
        Reply::Commit(outcome) | Reply::DeleteOffsets(outcome) => match outcome {
            Ok(topics) => topics.iter().flat_map(|t| &t.partitions).find_map(|(_, o)| o.err()),
            Err(error) => Some(*error),
        },
        Reply::DeleteGroups(groups) => groups.iter().find_map(|(_, outcome)| outcome.err()),
    }
}
