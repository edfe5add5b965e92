//! The producers' state as a restart or a cut leaves it: the newest snapshot that can be read, and every batch after it. Says
//! from where the log has to be read, and takes what is read; reading is the caller's.

use weir_model::Offset;
use weir_model::records::BatchHeader;

use super::{Producers, SnapshotError};

/// A state that is being rebuilt.
#[derive(Debug)]
pub struct Rebuilding {
    producers: Producers,
    from: Offset,
    most: u32,
}

impl Rebuilding {
    /// Of a log that starts at `log_start`, with the newest snapshot and the offset that it covers the log up to. One that can
    /// not be read is as good as none; why not comes along.
    #[must_use]
    pub fn begin(
        log_start: Offset,
        snapshot: Option<(Offset, &[u8])>,
        most: u32,
    ) -> (Self, Option<SnapshotError>) {
        let from_the_start = |why| (Self { producers: Producers::default(), from: log_start, most }, why);
        match snapshot.map(|(from, bytes)| (from, Producers::decode(bytes))) {
            Some((from, Ok(producers))) => (Self { producers, from, most }, None),
            Some((_, Err(why))) => from_the_start(Some(why)),
            None => from_the_start(None),
        }
    }

    /// Batches from here on are wanted, in their order.
    #[must_use]
    pub const fn reads_from(&self) -> Offset {
        self.from
    }

    /// Takes a batch of the log. What the snapshot holds already is not counted twice.
    pub fn take(&mut self, header: &BatchHeader) {
        if header.has_producer() && header.base_offset >= self.from {
            self.producers.apply(header.base_offset, &header.into(), self.most);
        }
    }

    /// The whole log was read.
    #[must_use]
    pub fn done(self) -> Producers {
        self.producers
    }
}

#[cfg(test)]
mod tests {
    use weir_model::records::{BatchBuilder, NewRecord};
    use weir_model::{ProducerEpoch, ProducerId, Sequence};

    use super::*;

    fn header(base: i64, sequence: i32) -> BatchHeader {
        let mut batch =
            BatchBuilder::new(Offset(base)).producer(ProducerId(1), ProducerEpoch(0), Sequence(sequence));
        batch.push(NewRecord::default()).unwrap();
        BatchHeader::parse(&batch.build().unwrap()).unwrap()
    }

    fn rebuilt(snapshot: Option<(Offset, &[u8])>, of: &[BatchHeader]) -> Producers {
        let (mut rebuilding, _) = Rebuilding::begin(Offset(0), snapshot, 100);
        of.iter().for_each(|header| rebuilding.take(header));
        rebuilding.done()
    }

    #[test]
    fn a_snapshot_and_what_comes_after_it_is_the_same_as_the_whole_log() {
        let log = [header(0, 0), header(1, 1), header(2, 2), header(3, 3)];
        let whole = rebuilt(None, &log);
        for kept in 0..=log.len() {
            let snapshot = rebuilt(None, &log[..kept]).encode();
            // The caller may read a batch that begins before the snapshot's offset.
            assert_eq!(rebuilt(Some((Offset(kept as i64), &snapshot)), &log), whole, "kept at {kept}");
        }
    }

    #[test]
    fn a_snapshot_that_can_not_be_read_is_as_good_as_none() {
        let log = [header(0, 0), header(1, 1)];
        let (rebuilding, why) = Rebuilding::begin(Offset(0), Some((Offset(1), b"?")), 100);
        assert_eq!((rebuilding.reads_from(), why), (Offset(0), Some(SnapshotError::Version(b'?'))));
        assert_eq!(rebuilt(Some((Offset(1), b"?")), &log), rebuilt(None, &log));
    }
}
