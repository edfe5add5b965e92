//! One connection of an open loop: a thread that sends when it is due, and one that takes the answers.

use weir_model::records::set_crc;
use weir_wire::messages::produce::ProduceRequest;

use super::plan::{Plan, wake_in_time};
use crate::batch::Encoded;
use crate::cluster::check;
use crate::connection::Connection;
use crate::error::LoadError;
use crate::percentiles::Durations;
use crate::requests::{PRODUCE_VERSION, ProduceFrame};

/// The end of a batch of one record without headers: its value, and a zero for their count.
const BEHIND_VALUE: usize = 1;

/// What is sent on one connection.
pub(super) struct Sender {
    connection: Connection,
    frames: Vec<ProduceFrame>,
    batch: Vec<u8>,
    value_at: usize,
}

/// What one connection was answered.
pub(super) struct Acknowledged {
    pub(super) durations: Durations,
    pub(super) sent_late: Durations,
}

/// The half that takes the answers.
pub(super) struct Answers {
    connection: Connection,
}

impl Sender {
    pub(super) fn new(
        connection: Connection,
        frames: Vec<ProduceFrame>,
        batch: &Encoded,
        value: usize,
    ) -> Self {
        let bytes = batch.bytes.to_vec();
        let value_at = bytes.len() - BEHIND_VALUE - value;
        Self { connection, frames, batch: bytes, value_at }
    }

    /// Where in a batch the value begins, whose first bytes are the time.
    pub(super) fn value_at(&self) -> usize {
        self.value_at
    }

    pub(super) fn answers(&self) -> Result<Answers, LoadError> {
        Ok(Answers { connection: self.connection.split()? })
    }

    /// Sends all; gives how late each was.
    pub(super) fn run(mut self, plan: Plan) -> Result<Durations, LoadError> {
        let mut lateness = Durations::new()?;
        wake_in_time()?;
        for number in 0..plan.records {
            let due = plan.due(number);
            let late = plan.wait_until(due);
            if due >= plan.warmup {
                lateness.record(late);
            }
            let nanos = u64::try_from(due.as_nanos()).unwrap_or(u64::MAX);
            self.batch[self.value_at..self.value_at + 8].copy_from_slice(&nanos.to_be_bytes());
            set_crc(&mut self.batch);
            let lane = number as usize % self.frames.len();
            let pieces = self.frames[lane].around(number as i32, &self.batch);
            self.connection.send(&pieces)?;
        }
        Ok(lateness)
    }
}

impl Answers {
    /// Answers come in the order of the requests.
    pub(super) fn run(mut self, plan: Plan) -> Result<Durations, LoadError> {
        let mut durations = Durations::new()?;
        for number in 0..plan.records {
            let answer = self.connection.answer::<ProduceRequest>(PRODUCE_VERSION)?;
            for partition in answer.responses.iter().flat_map(|topic| &topic.partition_responses) {
                check(partition.error_code, || format!("a record for partition {}", partition.index))?;
            }
            plan.note_back(number, &mut durations);
        }
        Ok(durations)
    }
}

#[cfg(test)]
mod tests {
    use weir_model::Millis;
    use weir_model::records::Batch;

    use super::*;
    use crate::batch::Shape;

    #[test]
    fn the_time_lies_at_the_beginning_of_the_value() {
        for record_bytes in [8, 100, 1024, 100_000] {
            let shape = Shape::one_record(record_bytes);
            let batch = shape.encode(Millis(1)).expect("encodes").swap_remove(0);
            let at = batch.bytes.len() - BEHIND_VALUE - record_bytes;
            let parsed = Batch::parse(&batch.bytes).expect("whole");
            let record = parsed.records(parsed.payload()).next().expect("one").expect("good");
            assert_eq!(record.value, Some(&batch.bytes[at..at + record_bytes]));
        }
    }
}
