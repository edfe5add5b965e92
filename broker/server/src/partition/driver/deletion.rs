//! Where clients cut the log off. What is written but not yet committed, as a write with acks=1 is for a moment after its
//! answer, may be named already: the request waits for the commit. Bounded by its sender, who gives up after a time.

use weir_core::partition::DeleteRecordsError;
use weir_model::Offset;

use super::Driver;
use crate::net::outgoing::ServedDisk;
use crate::partition::command::Answer;
use crate::partition::error::PartitionError;

/// A request that waits for the high watermark.
#[derive(Debug)]
pub(super) struct Deletion {
    before: Option<Offset>,
    answer: Answer<Offset>,
}

impl<D: ServedDisk> Driver<D> {
    pub(super) fn delete_records(&mut self, before: Option<Offset>, answer: Answer<Offset>) {
        match self.delete_records_now(before) {
            Err(PartitionError::DeleteRecords(DeleteRecordsError::OutOfRange { asked, high_watermark }))
                if asked > high_watermark && asked <= self.log.log_end() =>
            {
                self.work.deletions.push(Deletion { before, answer });
            }
            outcome => {
                let _ = answer.send(outcome);
            }
        }
    }

    /// Tries again what waits and is still wanted.
    pub(super) fn retry_deletions(&mut self) {
        for Deletion { before, answer } in std::mem::take(&mut self.work.deletions) {
            if !answer.is_closed() {
                self.delete_records(before, answer);
            }
        }
    }

    /// A follower's log starts where its leader's does.
    pub(super) fn delete_before(&mut self, start: Offset) {
        match self.log.delete_records_before(start) {
            Ok(_) => self.replica.on_log_start(self.log.log_start()),
            Err(error) => self.disk_failed("old records could not be deleted", &error),
        }
    }

    fn delete_records_now(&mut self, before: Option<Offset>) -> Result<Offset, PartitionError> {
        let start = self.replica.delete_records(before, None)?;
        self.log.delete_records_before(start)?;
        self.replica.on_log_start(self.log.log_start());
        Ok(self.log.log_start())
    }
}
