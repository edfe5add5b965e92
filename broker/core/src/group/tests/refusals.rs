//! Who is refused what, in which state: the error codes that clients act upon.

use super::*;

#[derive(Clone, Copy, Debug)]
enum In {
    Absent,
    Empty,
    Preparing,
    Completing,
    Stable,
}

const STATES: [In; 5] = [In::Absent, In::Empty, In::Preparing, In::Completing, In::Stable];

/// A group `g` in the state, and what a member of it knows. In the states without members it knows what once was true.
fn world(state: In) -> (World, Joined) {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    let (leader, follower) = (told[0].clone(), told[1].clone());
    let member = match state {
        In::Absent | In::Empty => {
            w.leave("g", &leader.member).unwrap();
            w.leave("g", &follower.member).unwrap();
            follower
        }
        In::Preparing => {
            w.rejoin("g", &leader);
            follower
        }
        In::Completing => {
            let tokens = [w.rejoin("g", &leader), w.rejoin("g", &follower)];
            let (_, follower) = (w.joined(tokens[0]), w.joined(tokens[1]));
            follower
        }
        In::Stable => follower,
    };
    if matches!(state, In::Absent) {
        let token = w.ask(Command::DeleteGroups(vec!["g".into()]));
        assert_eq!(error_of(&w.answer(token)), None);
    }
    (w, member)
}

fn outcome(w: &mut World, command: Command) -> String {
    let token = w.ask(command);
    if w.waits(token) {
        return "waits".to_owned();
    }
    error_of(&w.answer(token)).map_or_else(|| "ok".to_owned(), |error| format!("{error:?}"))
}

fn row(command: impl Fn(&Joined) -> Command) -> [String; 5] {
    STATES.map(|state| {
        let (mut w, member) = world(state);
        outcome(&mut w, command(&member))
    })
}

fn stranger(of: &Joined) -> Joined {
    Joined { member: "stranger".into(), ..of.clone() }
}

fn outdated(of: &Joined) -> Joined {
    Joined { generation: Generation(of.generation.0 - 1), ..of.clone() }
}

fn beat(of: &Joined) -> Command {
    let (member, generation) = (of.member.clone(), of.generation);
    Command::Heartbeat(Heartbeat { group: "g".into(), member, instance: None, generation })
}

fn sync(of: &Joined) -> Command {
    Command::Sync(sync_of("g", of))
}

fn commit(of: &Joined) -> Command {
    Command::Commit(commit_of("g", &of.member, of.generation.0, 1))
}

fn join(of: &Joined) -> Command {
    Command::Join(Join { member: of.member.clone(), ..joiner("g") })
}

fn leave(of: &Joined) -> Command {
    let leaver = Leaver { member: of.member.clone(), instance: None };
    Command::Leave(Leave { group: "g".into(), members: vec![leaver] })
}

fn delete_offsets(topic_name: &str) -> Command {
    let topics = vec![(topic(topic_name), vec![PartitionIndex(0)])];
    Command::DeleteOffsets(DeleteOffsets { group: "g".into(), topics })
}

#[test]
fn every_command_in_every_state() {
    let unknown = "UnknownMemberId";
    let illegal = "IllegalGeneration";
    let rebalance = "RebalanceInProgress";
    let subscribed = "GroupSubscribedToTopic";
    let table = [
        ("heartbeat", row(beat), [unknown, unknown, rebalance, "ok", "ok"]),
        ("heartbeat, stranger", row(|m| beat(&stranger(m))), [unknown; 5]),
        ("heartbeat, outdated", row(|m| beat(&outdated(m))), [unknown, unknown, illegal, illegal, illegal]),
        ("sync", row(sync), [unknown, unknown, rebalance, "waits", "ok"]),
        ("sync, stranger", row(|m| sync(&stranger(m))), [unknown; 5]),
        ("sync, outdated", row(|m| sync(&outdated(m))), [unknown, unknown, illegal, illegal, illegal]),
        ("join", row(join), [unknown, unknown, "ok", "ok", "ok"]),
        ("join, stranger", row(|m| join(&stranger(m))), [unknown; 5]),
        ("leave", row(leave), [unknown, unknown, "ok", "ok", "ok"]),
        ("leave, stranger", row(|m| leave(&stranger(m))), [unknown; 5]),
        ("commit", row(commit), ["GroupIdNotFound", unknown, "ok", rebalance, "ok"]),
        (
            "commit, stranger",
            row(|m| commit(&stranger(m))),
            ["GroupIdNotFound", unknown, unknown, unknown, unknown],
        ),
        (
            "commit, outdated",
            row(|m| commit(&outdated(m))),
            ["GroupIdNotFound", unknown, illegal, illegal, illegal],
        ),
        (
            "commit without a group",
            row(|_| Command::Commit(commit_of("g", &MemberId::default(), -1, 1))),
            ["ok", "ok", unknown, unknown, unknown],
        ),
        (
            "delete offsets in use",
            row(|_| delete_offsets("t")),
            ["GroupIdNotFound", "ok", subscribed, subscribed, subscribed],
        ),
        ("delete offsets", row(|_| delete_offsets("other")), ["GroupIdNotFound", "ok", "ok", "ok", "ok"]),
        (
            "delete the group",
            row(|_| Command::DeleteGroups(vec!["g".into()])),
            ["GroupIdNotFound", "ok", "NonEmptyGroup", "NonEmptyGroup", "NonEmptyGroup"],
        ),
    ];
    for (what, got, expected) in table {
        assert_eq!(got, expected, "{what}, in {STATES:?}");
    }
}

#[test]
fn joins_are_checked_before_any_group_is_made() {
    let cases = [
        (Join { group: "".into(), ..joiner("") }, GroupError::InvalidGroupId),
        (Join { session_timeout: DurationMs(5_999), ..joiner("g") }, GroupError::InvalidSessionTimeout),
        (Join { session_timeout: DurationMs(1_800_001), ..joiner("g") }, GroupError::InvalidSessionTimeout),
        (Join { protocols: Vec::new(), ..joiner("g") }, GroupError::InconsistentGroupProtocol),
        (Join { protocol_type: "".into(), ..joiner("g") }, GroupError::InconsistentGroupProtocol),
        (
            Join { protocols: vec![protocol("range", &[]); 101], ..joiner("g") },
            GroupError::InconsistentGroupProtocol,
        ),
        (Join { member: "mine".into(), ..joiner("g") }, GroupError::UnknownMemberId),
    ];
    for (join, expected) in cases {
        let mut w = World::new();
        let token = w.join(join);
        assert_eq!(w.refused(token), expected);
        assert_eq!(w.groups.list(&[], &[]), Ok(Vec::new()));
    }
}

#[test]
fn members_must_share_a_protocol_and_its_type() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g")]).remove(0);
    for odd in [
        Join { protocol_type: "connect".into(), ..joiner("g") },
        Join { protocols: vec![protocol("sticky", &["t"])], ..joiner("g") },
    ] {
        let token = w.join(odd);
        assert_eq!(w.refused(token), GroupError::InconsistentGroupProtocol);
    }
    for (protocol_type, protocol) in [(Some("connect".into()), None), (None, Some("sticky".into()))] {
        let token = w.ask(Command::Sync(Sync { protocol_type, protocol, ..sync_of("g", &told) }));
        assert_eq!(w.refused(token), GroupError::InconsistentGroupProtocol);
    }
    assert_eq!(w.state("g"), Some(GroupState::Stable));
}

#[test]
fn an_empty_group_id_is_refused_where_kafka_refuses_it() {
    let mut w = World::new();
    let nobody = Joined { member: "m".into(), ..world(In::Stable).1 };
    for command in [beat(&nobody), sync(&nobody), leave(&nobody), delete_offsets("t")] {
        let command = match command {
            Command::Heartbeat(beat) => Command::Heartbeat(Heartbeat { group: "".into(), ..beat }),
            Command::Sync(sync) => Command::Sync(Sync { group: "".into(), ..sync }),
            Command::Leave(leave) => Command::Leave(Leave { group: "".into(), ..leave }),
            Command::DeleteOffsets(delete) => {
                Command::DeleteOffsets(DeleteOffsets { group: "".into(), ..delete })
            }
            other => other,
        };
        assert_eq!(outcome(&mut w, command), "InvalidGroupId");
    }
    let commit = Command::Commit(commit_of("", &MemberId::default(), -1, 1));
    assert_eq!(outcome(&mut w, commit), "ok", "old consumers without a group id commit to the empty one");
}

#[test]
fn before_version_9_a_commit_to_no_group_is_an_illegal_generation() {
    let mut w = World::new();
    let mut commit = commit_of("none", &"m".into(), 1, 1);
    commit.unknown_group_is_illegal_generation = true;
    assert_eq!(outcome(&mut w, Command::Commit(commit)), "IllegalGeneration");
}

#[test]
fn a_group_of_another_kind_keeps_its_offsets_while_it_has_members() {
    let mut w = World::new();
    let connect = Join { protocol_type: "connect".into(), ..joiner("g") };
    w.stable("g", vec![connect]);
    assert_eq!(outcome(&mut w, delete_offsets("other")), "NonEmptyGroup");
}

#[test]
fn lists_and_descriptions_show_what_is_known() {
    let (w, member) = world(In::Stable);
    let stable = w.groups.describe(&"g".into()).unwrap();
    assert_eq!((stable.protocol.as_str(), stable.protocol_type.as_str()), ("range", "consumer"));
    let described = stable.members.iter().find(|m| m.member == member.member).unwrap();
    assert_eq!(
        (described.metadata.clone(), described.assignment.clone()),
        (subscription(&["t"]), assignment(member.generation))
    );
    let (w, _) = world(In::Preparing);
    let preparing = w.groups.describe(&"g".into()).unwrap();
    assert_eq!((preparing.protocol.as_str(), preparing.members.len()), ("", 2));
    assert!(preparing.members.iter().all(|m| m.metadata.is_empty()));
    assert_eq!(w.groups.describe(&"none".into()), Err(GroupError::GroupIdNotFound));

    let cases: [(&[&str], &[&str], usize); 7] = [
        (&[], &[], 1),
        (&["preparingrebalance"], &[], 1),
        (&[" PreparingRebalance "], &["CLASSIC"], 1),
        (&["Stable"], &[], 0),
        (&["Stable", "PreparingRebalance"], &["consumer", "classic"], 1),
        (&[], &["consumer"], 0),
        (&["nonsense"], &["nonsense"], 0),
    ];
    for (states, types, count) in cases {
        assert_eq!(w.groups.list(states, types).unwrap().len(), count, "{states:?} {types:?}");
    }
}
