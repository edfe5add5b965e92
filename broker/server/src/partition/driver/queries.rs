//! Reads: `core` says how far the reader may see, the log says where the bytes lie.

use weir_core::partition::{
    EpochEnd, EpochStart, FenceError, Isolation, Listed, ReadBound, Reader, bounded, diverging_epoch,
};
use weir_model::{BrokerId, LeaderEpoch, Offset};

use super::Driver;
use crate::net::outgoing::ServedDisk;
use crate::partition::command::{Answer, Backlog, ListedOffset, OffsetQuery, Place, Read, ReadReply};
use crate::partition::error::PartitionError;

impl<D: ServedDisk> Driver<D> {
    pub(super) fn read(&mut self, read: &Read, answer: Answer<ReadReply>) {
        let reply = self.read_reply(read);
        if let (Ok(reply), Some(watch)) = (&reply, &read.watch)
            && reply.len() < watch.enough
        {
            self.work.waiters.add(reply.bound.high_watermark, watch.fetch.clone());
        }
        let _ = answer.send(reply);
    }

    fn read_reply(&mut self, read: &Read) -> Result<ReadReply, PartitionError> {
        if let Some(parting) = self.divergence(read)? {
            return Ok(parting);
        }
        let bound = self.replica.read(read.reader, read.from, read.current_leader_epoch)?;
        match &read.place {
            Place::Leader if !self.replica.is_leader() => return Err(FenceError::NotLeader.into()),
            Place::Rather(closer) => {
                if let preferred @ Some(_) = self.closest(closer, read.from) {
                    return Ok(ReadReply { bound, span: None, diverging: None, preferred });
                }
            }
            Place::Leader | Place::Anywhere => {}
        }
        let slice = match read.from < bound.limit {
            true => {
                let slice = self.log.read(read.from, bound.limit, read.max_bytes, read.at_least_one);
                slice.map_err(|error| self.distrust(error, read.from))?
            }
            false => None,
        };
        let span = slice.map(D::span);
        Ok(ReadReply { bound, span, diverging: None, preferred: None })
    }

    /// The in-sync replica among `closer` that has come furthest, if it has what is asked for. Only a leader knows.
    fn closest(&self, closer: &[BrokerId], from: Offset) -> Option<BrokerId> {
        let near = self.replica.followers().filter(|f| f.in_sync && closer.contains(&f.broker));
        let able = near.filter(|f| f.end.is_some_and(|end| end >= from));
        able.max_by_key(|f| (f.end, f.caught_up_at)).map(|f| f.broker)
    }

    /// A fetcher whose log parts from ours is told where before it is told that its offset is out of range.
    fn divergence(&self, read: &Read) -> Result<Option<ReadReply>, PartitionError> {
        let Some(last) = read.last_fetched_epoch else { return Ok(None) };
        // What a follower does not have yet does not part from it.
        if !self.replica.is_leader() {
            self.replica.read(read.reader, read.from, read.current_leader_epoch)?;
        }
        let (start, end) = (self.replica.log_start(), self.replica.log_end());
        let Some(diverging) = diverging_epoch(&self.reigns(), last, read.from, end) else { return Ok(None) };
        if self.replica.is_leader() && self.replica.is_fenced() {
            return Err(FenceError::NotLeader.into());
        }
        self.replica.read(read.reader, start, read.current_leader_epoch)?;
        let bound = ReadBound {
            limit: start,
            high_watermark: self.replica.high_watermark(),
            last_stable_offset: self.replica.last_stable_offset(),
            log_start: start,
        };
        Ok(Some(ReadReply { bound, span: None, diverging: Some(diverging), preferred: None }))
    }

    pub(super) fn reigns(&self) -> Vec<EpochStart> {
        self.log
            .epochs()
            .entries()
            .iter()
            .map(|(epoch, start)| EpochStart { epoch: *epoch, start: *start })
            .collect()
    }

    pub(super) fn list_offsets(&mut self, query: OffsetQuery) -> Result<ListedOffset, PartitionError> {
        let listed = self.replica.list_offsets(query.what, query.reader, query.current_leader_epoch)?;
        let (found, limit) = match listed {
            Listed::Nothing => return Ok(ListedOffset::NOTHING),
            Listed::End(offset, leader_epoch) => {
                return Ok(ListedOffset { offset, leader_epoch, ..ListedOffset::NOTHING });
            }
            Listed::Offset(offset) => {
                let leader_epoch = self.epoch_at(offset);
                return Ok(ListedOffset { offset, leader_epoch, ..ListedOffset::NOTHING });
            }
            Listed::SearchMaxTimestamp { limit } => (self.log.max_timestamp(limit)?, limit),
            Listed::Search { at_or_after, limit } => {
                (self.log.offset_for_timestamp(at_or_after, limit)?, limit)
            }
        };
        let found = bounded(found.map(|hit| (hit.offset, hit.timestamp)), limit);
        Ok(found.map_or(ListedOffset::NOTHING, |(offset, timestamp)| ListedOffset {
            offset,
            timestamp,
            leader_epoch: self.epoch_at(offset),
        }))
    }

    pub(super) fn backlog(&mut self, from: Offset) -> Result<Backlog, PartitionError> {
        let end = self.replica.visible_end(Reader::Consumer(Isolation::ReadUncommitted))?;
        Ok(Backlog { end, waits_since: self.log.time_at(from, end)? })
    }

    fn epoch_at(&self, offset: Offset) -> LeaderEpoch {
        self.log.epochs().epoch_at(offset).unwrap_or(LeaderEpoch::NONE)
    }

    pub(super) fn epoch_end(
        &self,
        asked: LeaderEpoch,
        current: Option<LeaderEpoch>,
    ) -> Result<Option<EpochEnd>, PartitionError> {
        Ok(self.replica.offset_for_leader_epoch(&self.reigns(), asked, current)?)
    }
}
