//! The bytes that nodes of the quorum keep and send: protobuf messages. Tags are for ever; a changed meaning needs a
//! new format version. Nothing outside of `codec` sees these types.

use prost::{Message, Oneof};

/// The format version that is written and sent. A reader refuses higher ones.
pub(super) const FORMAT_VERSION: u32 = 1;

#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub(super) struct Node {
    #[prost(int32, tag = "1")]
    pub(super) broker: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) incarnation: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Ballot {
    #[prost(uint64, tag = "1")]
    pub(super) term: u64,
    #[prost(message, optional, tag = "2")]
    pub(super) node: Option<Node>,
    #[prost(bool, tag = "3")]
    pub(super) committed: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Position {
    #[prost(uint64, tag = "1")]
    pub(super) term: u64,
    #[prost(message, optional, tag = "2")]
    pub(super) node: Option<Node>,
    #[prost(uint64, tag = "3")]
    pub(super) index: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Member {
    #[prost(message, optional, tag = "1")]
    pub(super) node: Option<Node>,
    #[prost(string, tag = "2")]
    pub(super) host: String,
    #[prost(uint32, tag = "3")]
    pub(super) port: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Voters {
    #[prost(message, repeated, tag = "1")]
    pub(super) nodes: Vec<Node>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Members {
    /// Two while one set of voters replaces another.
    #[prost(message, repeated, tag = "1")]
    pub(super) voters: Vec<Voters>,
    #[prost(message, repeated, tag = "2")]
    pub(super) members: Vec<Member>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StoredMembers {
    #[prost(message, optional, tag = "1")]
    pub(super) at: Option<Position>,
    #[prost(message, optional, tag = "2")]
    pub(super) members: Option<Members>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RoundBody {
    #[prost(uint64, tag = "1")]
    pub(super) decided_at: u64,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(super) records: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct EntryFrame {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(message, optional, tag = "2")]
    pub(super) at: Option<Position>,
    #[prost(oneof = "Payload", tags = "3, 4, 5")]
    pub(super) payload: Option<Payload>,
    /// On disk: the first entry of the write that this one was part of.
    #[prost(uint64, tag = "6")]
    pub(super) written_from: u64,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Payload {
    #[prost(bool, tag = "3")]
    Blank(bool),
    #[prost(message, tag = "4")]
    Round(RoundBody),
    #[prost(message, tag = "5")]
    Members(Members),
}

/// The vote, or the last entry that was purged: whatever a small file holds.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BallotFile {
    #[prost(message, optional, tag = "1")]
    pub(super) ballot: Option<Ballot>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PurgedFile {
    #[prost(message, optional, tag = "1")]
    pub(super) upto: Option<Position>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SnapshotFrame {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(message, optional, tag = "2")]
    pub(super) last: Option<Position>,
    #[prost(message, optional, tag = "3")]
    pub(super) members: Option<StoredMembers>,
    #[prost(string, tag = "4")]
    pub(super) id: String,
    #[prost(uint64, tag = "5")]
    pub(super) last_round: u64,
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub(super) records: Vec<Vec<u8>>,
}

/// What one node asks another.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Question {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(message, optional, tag = "2")]
    pub(super) from: Option<Node>,
    #[prost(message, optional, tag = "3")]
    pub(super) to: Option<Node>,
    #[prost(oneof = "Ask", tags = "4, 5, 6, 7, 8")]
    pub(super) ask: Option<Ask>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Ask {
    #[prost(message, tag = "4")]
    Vote(AskVote),
    #[prost(message, tag = "5")]
    Append(AskAppend),
    #[prost(message, tag = "6")]
    Snapshot(AskSnapshot),
    #[prost(message, tag = "7")]
    Stand(AskStand),
    #[prost(bool, tag = "8")]
    Hearing(bool),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AskVote {
    #[prost(message, optional, tag = "1")]
    pub(super) ballot: Option<Ballot>,
    #[prost(message, optional, tag = "2")]
    pub(super) last: Option<Position>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AskAppend {
    #[prost(message, optional, tag = "1")]
    pub(super) ballot: Option<Ballot>,
    #[prost(message, optional, tag = "2")]
    pub(super) previous: Option<Position>,
    #[prost(message, repeated, tag = "3")]
    pub(super) entries: Vec<EntryFrame>,
    #[prost(message, optional, tag = "4")]
    pub(super) committed: Option<Position>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AskSnapshot {
    #[prost(message, optional, tag = "1")]
    pub(super) ballot: Option<Ballot>,
    #[prost(message, optional, tag = "2")]
    pub(super) last: Option<Position>,
    #[prost(message, optional, tag = "3")]
    pub(super) members: Option<StoredMembers>,
    #[prost(string, tag = "4")]
    pub(super) id: String,
    #[prost(uint64, tag = "5")]
    pub(super) offset: u64,
    #[prost(bytes = "vec", tag = "6")]
    pub(super) data: Vec<u8>,
    #[prost(bool, tag = "7")]
    pub(super) done: bool,
}

/// The leader is leaving: stand for election, once or until there is a leader.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AskStand {
    #[prost(uint64, tag = "1")]
    pub(super) term: u64,
    #[prost(bool, tag = "2")]
    pub(super) successor: bool,
}

/// What the other one answers.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Reply {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(oneof = "Told", tags = "2, 3, 4, 5, 6")]
    pub(super) told: Option<Told>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Told {
    #[prost(message, tag = "2")]
    Vote(ToldVote),
    #[prost(message, tag = "3")]
    Append(ToldAppend),
    #[prost(message, tag = "4")]
    Snapshot(ToldSnapshot),
    #[prost(bool, tag = "5")]
    Stand(bool),
    #[prost(message, tag = "6")]
    Hearing(ToldHearing),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ToldHearing {
    #[prost(bool, tag = "1")]
    pub(super) leader: bool,
    #[prost(message, optional, tag = "2")]
    pub(super) last: Option<Position>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ToldVote {
    #[prost(message, optional, tag = "1")]
    pub(super) ballot: Option<Ballot>,
    #[prost(bool, tag = "2")]
    pub(super) granted: bool,
    #[prost(message, optional, tag = "3")]
    pub(super) last: Option<Position>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ToldAppend {
    #[prost(oneof = "Appended", tags = "1, 2, 3, 4, 5")]
    pub(super) appended: Option<Appended>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Appended {
    #[prost(bool, tag = "1")]
    All(bool),
    #[prost(message, tag = "2")]
    UpTo(Position),
    #[prost(bool, tag = "3")]
    Nothing(bool),
    #[prost(bool, tag = "4")]
    Conflict(bool),
    #[prost(message, tag = "5")]
    HigherVote(Ballot),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ToldSnapshot {
    #[prost(message, optional, tag = "1")]
    pub(super) ballot: Option<Ballot>,
    /// The pieces do not follow each other: begin again.
    #[prost(bool, tag = "2")]
    pub(super) begin_again: bool,
}
