//! Open loop: records are sent when they are due, whatever became of those before, and every duration counts from when
//! the record was *due*. So a broker that stands still is charged for all that should have been sent meanwhile.
//! One record a request; the record carries the time at which it was due, and a reader in this process takes it.

pub(crate) mod echo;
mod plan;
mod reading;
mod sending;

use std::thread;

use clap::Args;
use serde::Serialize;

use crate::batch::Shape;
use crate::cluster;
use crate::connection::Connection;
use crate::cost::process_cpu;
use crate::error::LoadError;
use crate::percentiles::{Durations, Percentiles};
use crate::produce::now;
use crate::produce::sharing::{Lane, lanes};
use crate::requests::{Acks, ProduceFrame, Topic};
use plan::{Plan, Rate};
use reading::Reader;
use sending::{Acknowledged, Sender};

/// A record has to hold the time at which it was due.
const LEAST_RECORD: usize = 8;

#[derive(Args, Clone, Debug)]
pub(crate) struct Latency {
    /// Any broker, HOST:PORT
    #[arg(long)]
    bootstrap: String,
    /// The topic, which must be empty
    #[arg(long)]
    topic: String,
    #[command(flatten)]
    rate: Rate,
    /// Bytes of a record's value
    #[arg(long, default_value_t = 1024)]
    record_bytes: usize,
    /// Connections to each leader that send
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// -1 for all in-sync replicas, 1 for the leader
    #[arg(long, default_value_t = -1, allow_negative_numbers = true, value_parser = clap::value_parser!(i16).range(-1..=1))]
    acks: i16,
}

/// How long it took.
#[derive(Debug, Serialize)]
pub(crate) struct Delays {
    rate: u32,
    /// What came of the rate, from the first record due to the last one read.
    reached_rate: f64,
    records: u64,
    client_cpu_s: f64,
    /// How late the client itself was: it has one processor for its threads, and pays for that first.
    sent_late: Percentiles,
    /// From due to acknowledged.
    acknowledged: Percentiles,
    /// From due to read by the consumer.
    end_to_end: Percentiles,
}

impl Latency {
    pub(crate) fn run(self) -> Result<Delays, LoadError> {
        if self.acks == 0 || self.record_bytes < LEAST_RECORD {
            return Err(LoadError::Nonsense(
                "latency needs acks of 1 or -1, and records of at least 8 bytes".into(),
            ));
        }
        let topic = Topic(self.topic.clone());
        let leaders = cluster::leaders(&self.bootstrap, &topic)?;
        let senders = self.senders(&topic, &lanes(&leaders, self.connections))?;
        let total = u64::from(self.rate.plan(senders.len()).records) * senders.len() as u64;
        let readers =
            lanes(&leaders, 1).into_iter().map(|lane| Reader::open(&topic, &lane, senders[0].value_at()));
        let readers = readers.collect::<Result<Vec<_>, _>>()?;
        let (plan, cpu) = (self.rate.plan(senders.len()), process_cpu());
        let (acknowledged, read) = run_all(senders, readers, plan, total)?;
        let seconds = plan.began.elapsed().as_secs_f64();
        let mut acks = Durations::new()?;
        let mut late = Durations::new()?;
        for own in &acknowledged {
            acks.merge(&own.durations);
            late.merge(&own.sent_late);
        }
        let mut ends = Durations::new()?;
        read.iter().for_each(|own| ends.merge(own));
        Ok(Delays {
            rate: self.rate.per_second,
            reached_rate: total as f64 / seconds,
            records: total,
            client_cpu_s: (process_cpu() - cpu).as_secs_f64(),
            sent_late: late.percentiles(),
            acknowledged: acks.percentiles(),
            end_to_end: ends.percentiles(),
        })
    }

    fn senders(&self, topic: &Topic, lanes: &[Lane]) -> Result<Vec<Sender>, LoadError> {
        let shape = Shape::one_record(self.record_bytes);
        let batch = shape.encode(now())?.swap_remove(0);
        let sender = |lane: &Lane| {
            let frame = |partition: &i32| ProduceFrame::new(topic, *partition, Acks(self.acks), &batch);
            let frames = lane.partitions.iter().map(frame).collect::<Result<_, _>>()?;
            Ok(Sender::new(Connection::open(&lane.leader)?, frames, &batch, self.record_bytes))
        };
        lanes.iter().map(sender).collect()
    }
}

fn run_all(
    senders: Vec<Sender>,
    readers: Vec<Reader>,
    plan: Plan,
    total: u64,
) -> Result<(Vec<Acknowledged>, Vec<Durations>), LoadError> {
    let many_readers = readers.len() as u64;
    thread::scope(|scope| {
        let mut sending = Vec::new();
        let mut answers = Vec::new();
        let connections = senders.len();
        for (connection, sender) in senders.into_iter().enumerate() {
            let (taking, plan) = (sender.answers()?, plan.of(connection, connections));
            answers.push(scope.spawn(move || taking.run(plan)));
            sending.push(scope.spawn(move || sender.run(plan)));
        }
        // Partitions are dealt out evenly, and so are records: each leader's reader has its share of them.
        let reading: Vec<_> = readers
            .into_iter()
            .map(|reader| scope.spawn(move || reader.run(plan, total / many_readers)))
            .collect();
        let panicked = |_| LoadError::Nonsense("a thread has panicked".into());
        let mut acknowledged = Vec::new();
        for (sent, answered) in sending.into_iter().zip(answers) {
            let sent_late = sent.join().map_err(panicked)??;
            let durations = answered.join().map_err(panicked)??;
            acknowledged.push(Acknowledged { durations, sent_late });
        }
        let mut read = Vec::new();
        for reader in reading {
            read.push(reader.join().map_err(panicked)??);
        }
        Ok((acknowledged, read))
    })
}
