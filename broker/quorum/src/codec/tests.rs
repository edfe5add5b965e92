use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, VoteRequest, VoteResponse,
};
use openraft::{EntryPayload, LeaderId};
use uuid::Uuid;
use weir_core::controller::Record;
use weir_model::{BrokerId, Incarnation};

use super::*;
use crate::types::{
    Entry, LogId, LogIndex, Membership, NodeId, PeerAddress, Round, SnapshotMeta, StoredMembership, Term,
    Vote,
};

fn node(broker: i32) -> NodeId {
    let disk = Uuid::from_u128(u128::from(broker.unsigned_abs()) + 7);
    NodeId { broker: BrokerId(broker), incarnation: Incarnation(disk) }
}

fn at(term: u64, index: u64) -> LogId {
    LogId { leader_id: LeaderId::new(term, node(1)), index }
}

fn membership() -> Membership {
    let nodes: BTreeMap<_, _> =
        (0..4).map(|b| (node(b), PeerAddress { host: format!("host-{b}"), port: 9093 })).collect();
    Membership::new(vec![BTreeSet::from([node(0), node(1)]), BTreeSet::from([node(1), node(2)])], nodes)
}

fn entries() -> Vec<Entry> {
    let records: Arc<[Record]> = [Record::ClusterCreated { id: Uuid::from_u128(5) }].into();
    let round = Round { decided_at: LogIndex(3), records };
    vec![
        Entry { log_id: at(1, 4), payload: EntryPayload::Blank },
        Entry { log_id: at(1, 5), payload: EntryPayload::Normal(round) },
        Entry { log_id: at(2, 6), payload: EntryPayload::Membership(membership()) },
    ]
}

fn vote() -> Vote {
    Vote::new_committed(3, node(2))
}

fn meta() -> SnapshotMeta {
    SnapshotMeta {
        last_log_id: Some(at(2, 6)),
        last_membership: StoredMembership::new(Some(at(2, 6)), membership()),
        snapshot_id: "2-6".to_owned(),
    }
}

#[test]
fn what_is_kept_comes_back_as_it_was() {
    for entry in entries() {
        assert_eq!(decode_entry(&encode_entry(&entry, 3)).unwrap(), entry);
    }
    assert_eq!(decode_vote(&encode_vote(&vote())).unwrap(), vote());
    assert_eq!(decode_purged(&encode_purged(&at(2, 6))).unwrap(), at(2, 6));
    let records: Arc<[Record]> = [Record::ClusterCreated { id: Uuid::from_u128(5) }].into();
    let content = SnapshotContent { meta: meta(), last_round: LogIndex(5), records };
    assert_eq!(decode_snapshot(&encode_snapshot(&content)).unwrap(), content);
}

#[test]
fn questions_come_back_as_they_were() {
    let append = AppendEntriesRequest {
        vote: vote(),
        prev_log_id: Some(at(1, 3)),
        entries: entries(),
        leader_commit: None,
    };
    let piece =
        InstallSnapshotRequest { vote: vote(), meta: meta(), offset: 7, data: vec![1, 2], done: true };
    let asks = [
        Ask::Vote(VoteRequest::new(vote(), None)),
        Ask::Append(append),
        Ask::Snapshot(piece),
        Ask::Stand(Stand { term: Term(3), successor: true }),
        Ask::Hearing,
    ];
    for ask in asks {
        let question = Question { from: node(0), to: node(1), ask };
        let decoded = Question::decode(&question.encode()).unwrap();
        assert_eq!(format!("{decoded:?}"), format!("{question:?}"));
    }
}

#[test]
fn answers_come_back_as_they_were() {
    let answers = [
        Answer::Vote(VoteResponse::new(vote(), Some(at(1, 1)), true)),
        Answer::Append(AppendEntriesResponse::Success),
        Answer::Append(AppendEntriesResponse::PartialSuccess(Some(at(1, 1)))),
        Answer::Append(AppendEntriesResponse::PartialSuccess(None)),
        Answer::Append(AppendEntriesResponse::Conflict),
        Answer::Append(AppendEntriesResponse::HigherVote(vote())),
        Answer::Snapshot(SnapshotAnswer::Taken(vote())),
        Answer::Snapshot(SnapshotAnswer::BeginAgain),
        Answer::Stand,
        Answer::Hearing(crate::node::Hearing { leader: true, last: Some(at(1, 1)) }),
    ];
    for answer in answers {
        assert_eq!(Answer::decode(&answer.encode()).unwrap(), answer);
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    assert_eq!(decode_entry(&[]).unwrap_err(), CodecError::Missing("version"));
    // A message of version 2, and one of a kind that does not exist yet.
    assert_eq!(decode_entry(&[8, 2]).unwrap_err(), CodecError::Version(2));
    let mut future = message_without_payload();
    future.extend_from_slice(&[14 << 3, 1]);
    assert_eq!(decode_entry(&future).unwrap_err(), CodecError::UnknownKind);
    assert!(matches!(decode_entry(&[0xff; 9]), Err(CodecError::Damaged(_))));
}

fn message_without_payload() -> Vec<u8> {
    let blank = encode_entry(&entries()[0], 0);
    // The payload of a blank entry is its last two bytes: a tag and "true".
    blank[..blank.len() - 2].to_vec()
}
