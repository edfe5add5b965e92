//! From times to offsets. The indexes find the batch; only that one is decoded.

use weir_model::records::{Batch, TimestampType};
use weir_model::{LeaderEpoch, Millis, Offset};

use super::Log;
use crate::disk::{Disk, read_exact};
use crate::error::LogError;
use crate::index::delta;
use crate::names;
use crate::scan::Placed;

/// A batch that decompresses to more is answered with its first offset.
const MOST_DECODED: usize = 64 << 20;

/// A record found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampHit {
    /// Where it is.
    pub offset: Offset,
    /// Its time.
    pub timestamp: Millis,
    /// The leader epoch of its batch.
    pub leader_epoch: LeaderEpoch,
}

impl<D: Disk> Log<D> {
    /// The first record below `up_to` whose time is `time` or later.
    pub fn offset_for_timestamp(
        &mut self,
        time: Millis,
        up_to: Offset,
    ) -> Result<Option<TimestampHit>, LogError> {
        self.check()?;
        let place = self.place.clone();
        let start = self.log_start;
        for at in 0..self.segments.len() {
            self.touch(at);
            let segment = &mut self.segments[at];
            if segment.latest.timestamp < time || segment.end <= start {
                continue;
            }
            let index = segment.index(&place)?;
            let mut from = index.floor_of_time(time).max(index.floor_of_delta(delta(start, segment.base)));
            while let Some(batch) = self.segments[at].walk_until(&place, from, |b| {
                b.header.max_timestamp >= time && b.header.last_offset() >= start
            })? {
                let hit = self.first_in_batch(at, &batch, |offset, t| offset >= start && t >= time)?;
                if hit.is_some() {
                    return Ok(hit.filter(|h| h.offset < up_to));
                }
                // Its late records are below the log's start.
                from = batch.end();
            }
        }
        Ok(None)
    }

    /// The first record that has the largest time of all below `up_to`.
    pub fn max_timestamp(&mut self, up_to: Offset) -> Result<Option<TimestampHit>, LogError> {
        self.check()?;
        let start = self.log_start;
        let mut best: Option<(usize, Placed)> = None;
        for at in 0..self.segments.len() {
            let segment = &self.segments[at];
            let better = best.as_ref().is_none_or(|(_, b)| segment.latest.timestamp > b.header.max_timestamp);
            if segment.len == 0 || !better || segment.base >= up_to {
                continue;
            }
            if let Some(found) = self.latest_batch(at, start, up_to)?
                && best.as_ref().is_none_or(|(_, b)| found.header.max_timestamp > b.header.max_timestamp)
            {
                best = Some((at, found));
            }
        }
        let Some((at, batch)) = best else { return Ok(None) };
        let header = batch.header;
        let hit = self.first_in_batch(at, &batch, |_, t| t >= header.max_timestamp)?;
        // Compaction may have removed the record itself.
        Ok(hit.or(Some(TimestampHit {
            offset: header.last_offset(),
            timestamp: header.max_timestamp,
            leader_epoch: header.leader_epoch,
        })))
    }

    /// When the first record at or after `from` and below `up_to` came: the earliest time of its batch, found without reading
    /// a record. None when there is no such record, or it carries no time.
    pub fn time_at(&mut self, from: Offset, up_to: Offset) -> Result<Option<Millis>, LogError> {
        self.check()?;
        let from = from.max(self.log_start);
        if from >= up_to {
            return Ok(None);
        }
        let place = self.place.clone();
        for at in self.locate(from).unwrap_or(self.segments.len())..self.segments.len() {
            self.touch(at);
            if let Some(Placed { header, .. }) = self.segments[at].find(&place, from)? {
                let time = match header.attributes.timestamp_type() {
                    TimestampType::CreateTime => header.base_timestamp,
                    TimestampType::LogAppendTime => header.max_timestamp,
                };
                return Ok(Some(time).filter(|t| header.base_offset < up_to && *t > Millis::NONE));
            }
            // Compaction left nothing at the end of this segment.
        }
        Ok(None)
    }

    /// The batch with the largest time in a segment, of those within the bounds.
    fn latest_batch(&mut self, at: usize, start: Offset, up_to: Offset) -> Result<Option<Placed>, LogError> {
        let place = self.place.clone();
        self.touch(at);
        let segment = &mut self.segments[at];
        if segment.base >= start && segment.end <= up_to {
            // All of it counts, and the segment knows.
            return segment.find(&place, segment.latest.batch);
        }
        let mut best: Option<Placed> = None;
        segment.walk_until(&place, 0, |batch| {
            let inside = batch.header.last_offset() >= start && batch.header.next_offset() <= up_to;
            if inside && best.as_ref().is_none_or(|b| batch.header.max_timestamp > b.header.max_timestamp) {
                best = Some(*batch);
            }
            false
        })?;
        Ok(best)
    }

    fn first_in_batch(
        &mut self,
        at: usize,
        placed: &Placed,
        wanted: impl Fn(Offset, Millis) -> bool,
    ) -> Result<Option<TimestampHit>, LogError> {
        let place = self.place.clone();
        let segment = &mut self.segments[at];
        let header = placed.header;
        let hit = |offset, timestamp| TimestampHit { offset, timestamp, leader_epoch: header.leader_epoch };
        if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
            let first = header.base_offset.max(self.log_start);
            return Ok(wanted(first, header.max_timestamp).then(|| hit(first, header.max_timestamp)));
        }
        let file = segment.file(&place)?;
        let mut bytes = vec![0; header.size];
        let path = names::segment(&place.dir, segment.base);
        read_exact(&*file, &mut bytes, placed.position).map_err(|e| place.error(&path, e))?;
        let batch = Batch::parse(&bytes)?;
        let Ok(payload) = batch.decoded_payload(MOST_DECODED) else {
            return Ok(Some(hit(header.base_offset, header.max_timestamp)));
        };
        let mut records = batch.records(&payload).map_while(Result::ok);
        let found = records.find(|r| wanted(r.offset, r.timestamp)).map(|r| hit(r.offset, r.timestamp));
        Ok(found)
    }
}
