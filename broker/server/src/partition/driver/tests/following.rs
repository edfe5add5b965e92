use bytes::Bytes;
use futures_util::FutureExt;
use weir_core::partition::FollowError;
use weir_log::Log;
use weir_model::records::batches;

use super::*;
use crate::partition::command::{Follow, FromLeader, LeaderState, Proof, Reign, Serve};
use crate::partition::waiters::Interest;
use crate::replication::roster::Position;
use crate::replication::watch::{FollowerWatch, Slot};

const LEADER: BrokerId = BrokerId(1);
const FOLLOWER: BrokerId = BrokerId(2);
const BOTH: [BrokerId; 2] = [LEADER, FOLLOWER];

/// Two replicas, and what a fetcher between them would do.
struct Pair {
    leader: Bench,
    follower: Bench,
    /// Who leads, in which reign.
    now: (BrokerId, LeaderEpoch),
    watch: Arc<FollowerWatch>,
}

/// What one round of a fetcher came to.
#[derive(Debug, PartialEq)]
enum Round {
    /// The leader had nothing.
    Nothing,
    Moved(Position),
    Refused(String),
}

impl Pair {
    fn new() -> Self {
        let reign = Assignment {
            leader: Some(LEADER),
            leader_epoch: LeaderEpoch(1),
            partition_epoch: PartitionEpoch(1),
            replicas: &BOTH,
            isr: &BOTH,
            elr: &[],
        };
        Self {
            leader: Bench::of(LEADER, MemoryDisk::new(), reign),
            follower: Bench::of(FOLLOWER, MemoryDisk::new(), reign),
            now: (LEADER, LeaderEpoch(1)),
            watch: Arc::default(),
        }
    }

    /// Another reign, of which both hear.
    async fn reign(&mut self, epoch: i32, leader: BrokerId, isr: &[BrokerId]) {
        self.now = (leader, LeaderEpoch(epoch));
        for bench in [&self.leader, &self.follower] {
            let reign = Reign {
                leader: Some(leader),
                leader_epoch: LeaderEpoch(epoch),
                partition_epoch: PartitionEpoch(epoch),
                replicas: BOTH.to_vec(),
                isr: isr.to_vec(),
                elr: Vec::new(),
                adding: Vec::new(),
                move_rate: None,
            };
            bench.handle.send(Command::Assign(reign)).await.unwrap();
        }
    }

    fn sides(&self) -> (&Bench, &Bench, BrokerId) {
        if self.now.0 == LEADER {
            (&self.leader, &self.follower, FOLLOWER)
        } else {
            (&self.follower, &self.leader, LEADER)
        }
    }

    async fn position(&self) -> Result<Position, PartitionError> {
        self.tell(None, FromLeader::Nothing).await
    }

    async fn tell(&self, asked: Option<Offset>, what: FromLeader) -> Result<Position, PartitionError> {
        let (_, follower, _) = self.sides();
        let (leader, leader_epoch) = self.now;
        let follow = Follow { leader, leader_epoch, asked, what };
        let answer = follower.handle.ask(|answer| Command::Follow(follow, answer));
        timeout(PATIENCE, answer).await.expect("the follower says nothing")
    }

    async fn serve(&self, at: Position) -> Result<ReadReply, PartitionError> {
        let (leader, _, follower) = self.sides();
        let last_fetched_epoch = Some(at.last_epoch).filter(|epoch| epoch.0 >= 0);
        let serve = Serve {
            follower,
            from: at.offset,
            leader_epoch: self.now.1,
            max_bytes: 1 << 20,
            at_least_one: true,
            proof: Some(Proof { broker_epoch: 1, eligible: true, last_fetched_epoch }),
            interest: Interest { watch: Arc::downgrade(&self.watch), slot: Slot(0) },
        };
        timeout(PATIENCE, leader.handle.ask(|answer| Command::Serve(serve, answer))).await.expect("no answer")
    }

    /// One request of a fetcher, and what its answer leads to.
    async fn round(&self) -> Round {
        let at = match self.position().await {
            Ok(at) => at,
            Err(why) => return Round::Refused(why.to_string()),
        };
        let what = match self.serve(at).await {
            Ok(ReadReply { diverging: Some(parts), .. }) => FromLeader::Diverged(parts),
            Ok(ReadReply { bound, span, .. }) => {
                let state = LeaderState { high_watermark: bound.high_watermark, log_start: bound.log_start };
                match span {
                    Some(span) => FromLeader::Records(bytes_of(&span), state),
                    None => {
                        self.tell(None, FromLeader::State(state)).await.unwrap();
                        return Round::Nothing;
                    }
                }
            }
            Err(PartitionError::Read(weir_core::partition::ReadError::OutOfRange { start, end, .. })) => {
                FromLeader::Outside(start, end)
            }
            Err(why) => return Round::Refused(why.to_string()),
        };
        match self.tell(Some(at.offset), what).await {
            Ok(position) => Round::Moved(position),
            Err(why) => Round::Refused(why.to_string()),
        }
    }

    /// Rounds until the follower has everything.
    async fn catch_up(&self) {
        for _ in 0..50 {
            match self.round().await {
                Round::Nothing => return,
                Round::Moved(_) => {}
                Round::Refused(why) => panic!("{why}"),
            }
        }
        panic!("the follower never gets there");
    }

    async fn stop(&self) {
        for bench in [&self.leader, &self.follower] {
            let (stopped, done) = oneshot::channel();
            bench.handle.send(Command::Stop(stopped)).await.unwrap();
            done.await.unwrap();
        }
    }

    /// Both logs, as they lie on their disks: (offset, epoch, bytes) of each batch.
    async fn logs(&self) -> [Vec<(i64, i32, Bytes)>; 2] {
        self.stop().await;
        [&self.leader, &self.follower].map(|bench| batches_on(&bench.disk))
    }

    /// Puts a write into the leader's log without waiting for its commit.
    async fn write(&self, sequence: i32) {
        let (leader, ..) = self.sides();
        leader.write(Acks::Leader, sequence).await.unwrap();
    }
}

fn bytes_of(span: &FileSpan) -> Bytes {
    let mut bytes = vec![0; span.len];
    span.file.read_at(&mut bytes, span.position).unwrap();
    bytes.into()
}

fn batches_on(disk: &MemoryDisk) -> Vec<(i64, i32, Bytes)> {
    let home = Home::new(disk.clone(), "/data".as_ref());
    let (mut log, _) = Log::open(&home, "/data/topics/u/0".as_ref(), LogConfig::default()).unwrap();
    let (mut at, end) = (log.log_start(), log.log_end());
    let mut found = Vec::new();
    while at < end {
        let bytes = log.read_bytes(at, end, 1 << 20).unwrap();
        for batch in batches(&bytes) {
            let batch = batch.unwrap();
            batch.check_crc().unwrap();
            let header = *batch.header();
            at = header.next_offset();
            let copy = Bytes::copy_from_slice(batch.bytes());
            found.push((header.base_offset.0, header.leader_epoch.0, copy));
        }
    }
    found
}

#[tokio::test]
async fn a_write_is_acknowledged_when_the_follower_asks_for_what_comes_after_it() {
    let pair = Pair::new();
    pair.catch_up().await;
    let mut write = Box::pin(pair.leader.write(Acks::All, 0));
    assert!((&mut write).now_or_never().is_none());
    let Round::Moved(position) = pair.round().await else { panic!("nothing came") };
    assert_eq!((position.offset, position.last_epoch), (Offset(1), LeaderEpoch(1)));
    assert!((&mut write).now_or_never().is_none(), "the leader has not heard that the follower has it");
    assert_eq!(pair.round().await, Round::Nothing);
    assert_eq!(timeout(PATIENCE, write).await.unwrap().unwrap().base_offset, Offset(0));
    let [leader, follower] = pair.logs().await;
    assert_eq!(leader, follower);
}

#[tokio::test]
async fn where_a_follower_stands_is_what_survives_a_power_cut() {
    let pair = Pair::new();
    for sequence in 0..20 {
        pair.write(sequence).await;
    }
    let Round::Moved(position) = pair.round().await else { panic!("nothing came") };
    assert!(position.offset > Offset(2), "many came");
    pair.follower.disk.crash(weir_log::CrashStyle::LoseUnsynced, 1);
    assert_eq!(batches_on(&pair.follower.disk).len() as i64, position.offset.0);
}

#[tokio::test]
async fn an_append_is_told_to_a_follower_that_has_everything() {
    let pair = Pair::new();
    assert_eq!(pair.round().await, Round::Nothing);
    assert!(pair.watch.take().is_empty());
    pair.write(0).await;
    timeout(PATIENCE, pair.watch.changed()).await.expect("nobody told it");
    assert_eq!(pair.watch.take(), [Slot(0)]);
}

#[tokio::test]
async fn the_watermark_goes_to_the_follower_and_its_readers() {
    let pair = Pair::new();
    pair.write(0).await;
    assert!(pair.follower.read(0).await.unwrap().span.is_none());
    pair.catch_up().await;
    assert!(pair.follower.read(0).await.unwrap().len() > 500);
    assert!(pair.follower.write(Acks::All, 5).await.is_err(), "it does not lead");
}

#[tokio::test]
async fn a_deposed_leader_cuts_what_its_successor_does_not_have() {
    let mut pair = Pair::new();
    pair.write(0).await;
    pair.catch_up().await;
    // Never replicated.
    pair.write(1).await;
    pair.write(2).await;
    pair.reign(2, FOLLOWER, &[FOLLOWER]).await;
    for sequence in 1..4 {
        pair.write(sequence).await;
    }
    pair.catch_up().await;
    let [old, new] = pair.logs().await;
    assert_eq!(old, new);
    assert_eq!(
        old.iter().map(|(at, epoch, _)| (*at, *epoch)).collect::<Vec<_>>(),
        [(0, 1), (1, 2), (2, 2), (3, 2)]
    );
}

#[tokio::test]
async fn what_producers_wrote_into_a_tail_that_was_cut_is_forgotten() {
    let mut pair = Pair::new();
    pair.write(0).await;
    pair.catch_up().await;
    pair.write(1).await;
    pair.reign(2, FOLLOWER, &[FOLLOWER]).await;
    pair.write(1).await;
    pair.write(2).await;
    pair.catch_up().await;
    pair.reign(3, LEADER, &[LEADER]).await;
    // A retry of what the other leader took, and then the next.
    assert_eq!(pair.leader.write(Acks::All, 2).await.unwrap().base_offset, Offset(2));
    assert_eq!(pair.leader.write(Acks::All, 3).await.unwrap().base_offset, Offset(3));
}

#[tokio::test]
async fn reigns_without_records_do_not_keep_logs_apart() {
    let mut pair = Pair::new();
    pair.write(0).await;
    pair.catch_up().await;
    for (epoch, leader) in [(2, FOLLOWER), (3, LEADER), (4, FOLLOWER), (5, LEADER)] {
        pair.reign(epoch, leader, &BOTH).await;
    }
    pair.write(1).await;
    pair.catch_up().await;
    pair.reign(6, FOLLOWER, &BOTH).await;
    pair.catch_up().await;
    let [one, other] = pair.logs().await;
    assert_eq!(one, other);
    assert_eq!(one.len(), 2);
}

#[tokio::test]
async fn a_follower_whose_offset_was_deleted_begins_anew() {
    let pair = Pair::new();
    for sequence in 0..20 {
        pair.write(sequence).await;
    }
    pair.catch_up().await;
    let (leader, follower) = (&pair.leader, MemoryDisk::new());
    assert_eq!(leader.delete_before(10).await.unwrap(), Offset(10));
    let reign = Assignment {
        leader: Some(LEADER),
        leader_epoch: LeaderEpoch(1),
        partition_epoch: PartitionEpoch(1),
        replicas: &BOTH,
        isr: &[LEADER],
        elr: &[],
    };
    let fresh = Pair { follower: Bench::of(FOLLOWER, follower, reign), ..pair };
    fresh.catch_up().await;
    assert_eq!(fresh.position().await.unwrap().log_start, Offset(10));
    let [_, found] = fresh.logs().await;
    assert_eq!(found.last().map(|(at, ..)| *at), Some(19));
}

#[tokio::test]
async fn a_followers_log_starts_where_its_leaders_does() {
    let pair = Pair::new();
    for sequence in 0..20 {
        pair.write(sequence).await;
    }
    pair.catch_up().await;
    pair.leader.delete_before(12).await.unwrap();
    pair.write(20).await;
    pair.catch_up().await;
    assert_eq!(pair.position().await.unwrap().log_start, Offset(12));
}

#[tokio::test]
async fn damaged_records_are_not_appended() {
    let pair = Pair::new();
    pair.write(0).await;
    let reply = pair.serve(pair.position().await.unwrap()).await.unwrap();
    let mut bytes = bytes_of(&reply.span.unwrap()).to_vec();
    bytes[100] ^= 1;
    let state = LeaderState { high_watermark: Offset(0), log_start: Offset(0) };
    let refused = pair.tell(Some(Offset(0)), FromLeader::Records(bytes.into(), state)).await;
    assert!(matches!(refused, Err(PartitionError::Log(_))), "{refused:?}");
    assert!(pair.follower.health.alive().is_ok());
    pair.catch_up().await;
    assert_eq!(pair.position().await.unwrap().offset, Offset(1));
}

#[tokio::test]
async fn an_answer_of_a_reign_that_is_over_changes_nothing() {
    let mut pair = Pair::new();
    pair.write(0).await;
    let reply = pair.serve(pair.position().await.unwrap()).await.unwrap();
    let bytes = bytes_of(&reply.span.unwrap());
    let state = LeaderState { high_watermark: Offset(0), log_start: Offset(0) };
    pair.reign(2, LEADER, &BOTH).await;
    let (leader, leader_epoch) = (LEADER, LeaderEpoch(1));
    let what = FromLeader::Records(bytes, state);
    let follow = Follow { leader, leader_epoch, asked: Some(Offset(0)), what };
    let refused = pair.follower.handle.ask(|answer| Command::Follow(follow, answer)).await;
    assert!(matches!(refused, Err(PartitionError::Follow(FollowError::Stale))), "{refused:?}");
    assert_eq!(pair.position().await.unwrap().offset, Offset(0));
}

#[tokio::test]
async fn a_leader_that_is_fenced_acknowledges_nothing() {
    let pair = Pair::new();
    pair.catch_up().await;
    pair.leader.handle.send(Command::Fenced(true)).await.unwrap();
    assert!(pair.leader.write(Acks::All, 0).await.is_err());
    pair.leader.handle.send(Command::Fenced(false)).await.unwrap();
    let mut write = Box::pin(pair.leader.write(Acks::All, 0));
    assert!((&mut write).now_or_never().is_none());
    pair.catch_up().await;
    assert!(timeout(PATIENCE, write).await.unwrap().is_ok());
}
