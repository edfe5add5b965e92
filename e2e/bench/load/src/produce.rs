//! Closed loop: every connection keeps so many requests under way, until all bytes are acknowledged. A thread for each
//! connection; nothing is shared while they run. Every answer is read and checked; the first refusal ends the run.

pub(crate) mod sharing;

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;
use weir_model::Millis;
use weir_wire::messages::produce::{ProduceRequest, ProduceResponse};

use crate::batch::{Encoded, Shape};
use crate::cluster::{self, Leaders, check};
use crate::connection::Connection;
use crate::cost::process_cpu;
use crate::error::LoadError;
use crate::percentiles::{Durations, Percentiles};
use crate::requests::{Acks, PRODUCE_VERSION, ProduceFrame, Topic};
use sharing::{Lane, lanes};

#[derive(Args, Clone, Debug)]
pub(crate) struct Produce {
    /// Any broker, HOST:PORT
    #[arg(long)]
    bootstrap: String,
    /// The topic, which must exist
    #[arg(long)]
    topic: String,
    /// Connections to each leader
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Requests under way on each connection
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    depth: u32,
    /// -1 for all in-sync replicas, 1 for the leader
    #[arg(long, default_value_t = -1, allow_negative_numbers = true, value_parser = clap::value_parser!(i16).range(-1..=1))]
    acks: i16,
    /// Bytes to send, as they go over the wire; ends after the batch that reaches them
    #[arg(long, default_value_t = 1 << 30)]
    bytes: u64,
    /// Requests to send, instead; what the connections can not share evenly is added
    #[arg(long, conflicts_with = "bytes")]
    requests: Option<u64>,
    #[command(flatten)]
    shape: Shape,
}

/// What was done.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Produced {
    seconds: f64,
    client_cpu_s: f64,
    requests: u64,
    records: u64,
    /// Of the values, uncompressed.
    value_bytes: u64,
    /// Of the batches, as they were sent.
    batch_bytes: u64,
    /// The sum of the checksums of all batches that were acknowledged.
    crc_sum: u64,
    /// From sending a request to its answer.
    acknowledged: Option<Percentiles>,
}

impl Produce {
    pub(crate) fn run(self) -> Result<Produced, LoadError> {
        if self.acks == 0 {
            return Err(LoadError::Nonsense("acks=0 is not answered, so nothing could be measured".into()));
        }
        let topic = Topic(self.topic.clone());
        let leaders = cluster::leaders(&self.bootstrap, &topic)?;
        let batches = self.shape.encode(now())?;
        let senders = self.senders(&topic, &leaders, &batches)?;
        let (began, cpu) = (Instant::now(), process_cpu());
        let done = run_all(senders, &batches)?;
        let (seconds, client_cpu_s) = (began.elapsed().as_secs_f64(), (process_cpu() - cpu).as_secs_f64());
        let mut produced = Produced { seconds, client_cpu_s, ..Produced::default() };
        let mut durations = Durations::new()?;
        for sent in done {
            for (batch, times) in batches.iter().zip(&sent.times) {
                produced.requests += times;
                produced.records += batch.records * times;
                produced.value_bytes += batch.value_bytes * times;
                produced.batch_bytes += batch.bytes.len() as u64 * times;
                produced.crc_sum = produced.crc_sum.wrapping_add(u64::from(batch.crc).wrapping_mul(*times));
            }
            durations.merge(&sent.durations);
        }
        produced.acknowledged = Some(durations.percentiles());
        Ok(produced)
    }

    fn senders(
        &self,
        topic: &Topic,
        leaders: &Leaders,
        batches: &[Encoded],
    ) -> Result<Vec<Sender>, LoadError> {
        let average =
            batches.iter().map(|batch| batch.bytes.len() as u64).sum::<u64>() / batches.len() as u64;
        let lanes = lanes(leaders, self.connections);
        let requests = self.requests.unwrap_or_else(|| self.bytes.div_ceil(average.max(1)));
        let requests = requests.div_ceil(lanes.len() as u64);
        lanes.iter().map(|lane| self.sender(topic, lane, requests, batches)).collect()
    }

    fn sender(
        &self,
        topic: &Topic,
        lane: &Lane,
        requests: u64,
        batches: &[Encoded],
    ) -> Result<Sender, LoadError> {
        let acks = Acks(self.acks);
        let frames = lane.partitions.iter().map(|partition| {
            batches.iter().map(|batch| ProduceFrame::new(topic, *partition, acks, batch)).collect()
        });
        Ok(Sender {
            connection: Connection::open(&lane.leader)?,
            frames: frames.collect::<Result<_, _>>()?,
            requests,
            depth: u64::from(self.depth),
            what: topic.0.clone(),
        })
    }
}

/// One connection with all that it will send.
struct Sender {
    connection: Connection,
    /// By partition and batch: compressed batches differ in size, and the frame counts it.
    frames: Vec<Vec<ProduceFrame>>,
    requests: u64,
    depth: u64,
    what: String,
}

/// What one connection did.
struct Sent {
    /// By batch, how often it was acknowledged.
    times: Vec<u64>,
    durations: Durations,
}

fn run_all(senders: Vec<Sender>, batches: &[Encoded]) -> Result<Vec<Sent>, LoadError> {
    thread::scope(|scope| {
        let running: Vec<_> = senders.into_iter().map(|sender| scope.spawn(|| sender.run(batches))).collect();
        let joined = running.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(LoadError::Nonsense("a sender has panicked".into())))
        });
        joined.collect()
    })
}

impl Sender {
    fn run(mut self, batches: &[Encoded]) -> Result<Sent, LoadError> {
        let mut sent = Sent { times: vec![0; batches.len()], durations: Durations::new()? };
        let mut sent_at = vec![Instant::now(); usize::try_from(self.depth).unwrap_or(1)];
        let (mut sending, mut answered) = (0, 0);
        while answered < self.requests {
            while sending < self.requests && sending - answered < self.depth {
                sent_at[(sending % self.depth) as usize] = Instant::now();
                self.send(sending, batches)?;
                sending += 1;
            }
            // All that came with one read is taken before anything is sent again.
            loop {
                self.take_answer()?;
                sent.durations.record(sent_at[(answered % self.depth) as usize].elapsed());
                sent.times[(answered % batches.len() as u64) as usize] += 1;
                answered += 1;
                if answered == sending || !self.connection.has_frame() {
                    break;
                }
            }
        }
        Ok(sent)
    }

    fn send(&mut self, number: u64, batches: &[Encoded]) -> Result<(), LoadError> {
        let partition = (number % self.frames.len() as u64) as usize;
        let variant = (number % batches.len() as u64) as usize;
        let pieces = self.frames[partition][variant].around(number as i32, &batches[variant].bytes);
        self.connection.send(&pieces)
    }

    fn take_answer(&mut self) -> Result<(), LoadError> {
        let answer: ProduceResponse = self.connection.answer::<ProduceRequest>(PRODUCE_VERSION)?;
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
        for partition in partitions {
            check(partition.error_code, || format!("a batch for {}-{}", self.what, partition.index))?;
        }
        Ok(())
    }
}

/// The time that batches claim to be of.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Millis(i64::try_from(since.as_millis()).unwrap_or(0))
}
