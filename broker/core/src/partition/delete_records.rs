//! DeleteRecords: up to where a client may cut the log off.

use weir_model::{LeaderEpoch, Offset};

use super::{DeleteRecordsError, Replica};

impl Replica {
    /// The new start of the log for a request to delete everything before `asked`; `None` stands for the
    /// watermark. The caller moves the log's start there and then calls [`Replica::on_log_start`].
    pub fn delete_records(
        &self,
        asked: Option<Offset>,
        epoch: Option<LeaderEpoch>,
    ) -> Result<Offset, DeleteRecordsError> {
        self.rule_in(epoch)?;
        if !self.policy.deletable {
            return Err(DeleteRecordsError::NotDeletable);
        }
        let high_watermark = self.high_watermark;
        let up_to = asked.unwrap_or(high_watermark);
        if up_to < Offset::ZERO || up_to > high_watermark {
            return Err(DeleteRecordsError::OutOfRange { asked: up_to, high_watermark });
        }
        Ok(up_to.max(self.log_start))
    }
}
