//! The consumer of an open loop: fetches that wait at the broker, and how old each record is when it comes.

use std::time::Duration;

use weir_model::records::batches;
use weir_wire::Records;
use weir_wire::frame::{encode_request, parse_response};
use weir_wire::messages::fetch::{FetchRequest, PartitionData};

use super::plan::Plan;
use crate::cluster::check;
use crate::connection::{CLIENT_ID, Connection};
use crate::error::LoadError;
use crate::percentiles::Durations;
use crate::produce::sharing::Lane;
use crate::requests::{Appetite, FETCH_VERSION, Position, Topic, fetch};

const APPETITE: Appetite = Appetite { max_wait_ms: 500, max_bytes: 50 << 20, partition_max_bytes: 1 << 20 };
/// Empty answers in a row after which what is missing will not come.
const PATIENCE: u32 = 60;

pub(super) struct Reader {
    connection: Connection,
    topic: Topic,
    positions: Vec<Position>,
    value_at: usize,
}

impl Reader {
    pub(super) fn open(topic: &Topic, lane: &Lane, value_at: usize) -> Result<Self, LoadError> {
        let at_start = |partition: &i32| Position { partition: *partition, offset: 0 };
        Ok(Self {
            connection: Connection::open(&lane.leader)?,
            topic: topic.clone(),
            positions: lane.partitions.iter().map(at_start).collect(),
            value_at,
        })
    }

    /// Reads until all records have come.
    pub(super) fn run(mut self, plan: Plan, wanted: u64) -> Result<Durations, LoadError> {
        let mut durations = Durations::new()?;
        let (mut read, mut in_vain) = (0, 0);
        while read < wanted {
            let taken = self.fetch_once(plan, &mut durations)?;
            read += taken;
            in_vain = if taken == 0 { in_vain + 1 } else { 0 };
            if in_vain == PATIENCE {
                let (what, seconds) = (self.topic.0, 0);
                return Err(LoadError::TooFew { what, got: read, wanted, seconds });
            }
        }
        Ok(durations)
    }

    fn fetch_once(&mut self, plan: Plan, durations: &mut Durations) -> Result<u64, LoadError> {
        let encoded =
            encode_request(FETCH_VERSION, 1, Some(CLIENT_ID), &fetch(&self.topic, &self.positions, APPETITE));
        let frame = encoded.map_err(|source| LoadError::Encode { api: "Fetch", source })?;
        self.connection.send(&[&frame.bytes])?;
        let answer = self.connection.take_large_frame()?;
        let now = plan.began.elapsed();
        let parsed = parse_response::<FetchRequest>(FETCH_VERSION, answer.clone());
        let (_, body) = parsed.map_err(|source| LoadError::Unreadable { api: "Fetch", source })?;
        check(body.error_code, || format!("a fetch of {}", self.topic.0))?;
        let mut taken = 0;
        for partition in body.responses.iter().flat_map(|topic| &topic.partitions) {
            taken += self.take(partition, plan, now, durations)?;
        }
        drop(body);
        self.connection.give_back(answer);
        Ok(taken)
    }

    fn take(
        &mut self,
        data: &PartitionData,
        plan: Plan,
        now: Duration,
        durations: &mut Durations,
    ) -> Result<u64, LoadError> {
        check(data.error_code, || format!("a fetch of partition {}", data.partition_index))?;
        let Some(bytes) = data.records.as_ref().and_then(Records::inline) else { return Ok(0) };
        let Some(position) = self.positions.iter_mut().find(|known| known.partition == data.partition_index)
        else {
            return Err(LoadError::Nonsense(format!("partition {} was not asked for", data.partition_index)));
        };
        let mut taken = 0;
        // The last batch may be cut short; it comes again.
        for batch in batches(bytes).map_while(Result::ok) {
            let due = batch.bytes().get(self.value_at..).and_then(|value| value.first_chunk::<8>());
            let due = Duration::from_nanos(u64::from_be_bytes(due.copied().unwrap_or_default()));
            if due >= plan.warmup {
                durations.record(now.saturating_sub(due));
            }
            position.offset = batch.header().next_offset().0;
            taken += 1;
        }
        Ok(taken)
    }
}
