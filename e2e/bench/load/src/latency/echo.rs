//! What of a delay is the machine's: the same open loop by the least server there is, which sends back what it gets. The
//! same threads send at the same times, a thread on the brokers' processor is woken for each record, and one on the
//! clients' takes it. No broker can be quicker than that, at any percentile.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::sync::oneshot;

use super::plan::{Plan, Rate, wake_in_time};
use crate::error::LoadError;
use crate::limits::echo::serve;
use crate::limits::pinned::{Core, bind, join};
use crate::percentiles::{Durations, Percentiles};

#[derive(Args, Clone, Debug)]
pub(crate) struct Echo {
    #[command(flatten)]
    rate: Rate,
    /// Bytes of a record
    #[arg(long, default_value_t = 1024)]
    record_bytes: usize,
    /// Connections that send
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    connections: u8,
    /// Processor of the serving side; the asking side stays where it was started
    #[arg(long, default_value_t = 0)]
    server_core: usize,
}

/// How long it took.
#[derive(Debug, Serialize)]
pub(crate) struct Echoes {
    rate: u32,
    records: u64,
    server_cpu_s: f64,
    sent_late: Percentiles,
    /// From due to back.
    back: Percentiles,
}

impl Echo {
    pub(crate) fn run(self) -> Result<Echoes, LoadError> {
        if self.record_bytes == 0 {
            return Err(LoadError::Nonsense("an echo needs records of at least a byte".into()));
        }
        let (address, known) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        thread::scope(|scope| {
            let core = Core(self.server_core);
            let serving = scope.spawn(move || bind(core).and_then(|()| serve(&address, stopped)));
            let address = known.recv().map_err(|_| LoadError::Nonsense("the echo has not started".into()))?;
            let asked = self.ask(address);
            // It may have failed already, and then says so itself.
            let _ = stop.send(());
            let cpu: Duration = join(serving)?;
            let (records, late, back) = asked?;
            Ok(Echoes {
                rate: self.rate.per_second,
                records,
                server_cpu_s: cpu.as_secs_f64(),
                sent_late: late.percentiles(),
                back: back.percentiles(),
            })
        })
    }

    fn ask(&self, address: SocketAddr) -> Result<(u64, Durations, Durations), LoadError> {
        let open = |_| {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Ok((stream.try_clone()?, stream))
        };
        let streams: std::io::Result<Vec<_>> = (0..self.connections).map(open).collect();
        let streams = streams.map_err(LoadError::machine("asking an echo"))?;
        let connections = streams.len();
        let plan = self.rate.plan(connections);
        let (mut late, mut back) = (Durations::new()?, Durations::new()?);
        let bytes = self.record_bytes;
        thread::scope(|scope| {
            let asking: Vec<_> = streams
                .into_iter()
                .enumerate()
                .map(|(connection, (from, to))| {
                    let plan = plan.of(connection, connections);
                    (scope.spawn(move || send(to, plan, bytes)), scope.spawn(move || take(from, plan, bytes)))
                })
                .collect();
            for (sent, taken) in asking {
                late.merge(&join(sent)?);
                back.merge(&join(taken)?);
            }
            Ok(())
        })
        .map(|()| (u64::from(plan.records) * u64::from(self.connections), late, back))
    }
}

fn send(mut stream: TcpStream, plan: Plan, bytes: usize) -> Result<Durations, LoadError> {
    let mut lateness = Durations::new()?;
    let record = vec![7_u8; bytes];
    wake_in_time()?;
    for number in 0..plan.records {
        let due = plan.due(number);
        let late = plan.wait_until(due);
        if due >= plan.warmup {
            lateness.record(late);
        }
        stream.write_all(&record).map_err(LoadError::machine("sending to an echo"))?;
    }
    Ok(lateness)
}

fn take(mut stream: TcpStream, plan: Plan, bytes: usize) -> Result<Durations, LoadError> {
    let mut durations = Durations::new()?;
    let mut record = vec![0; bytes];
    for number in 0..plan.records {
        stream.read_exact(&mut record).map_err(LoadError::machine("hearing an echo"))?;
        plan.note_back(number, &mut durations);
    }
    Ok(durations)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        echo: Echo,
    }

    #[test]
    fn every_record_comes_back_and_counts_once_it_is_warm() {
        let asked = "echo --rate 2000 --seconds 1 --warmup-seconds 0 --record-bytes 100 --connections 2";
        let asked = Line::parse_from(asked.split(' ')).echo;
        let echoes = asked.run().expect("runs");
        assert_eq!(echoes.records, 2000);
        let told = serde_json::to_value(&echoes).expect("tells");
        assert_eq!((&told["back"]["count"], &told["sent_late"]["count"]), (&2000.into(), &2000.into()));
        assert!(told["back"]["p50_us"].as_u64() > Some(0) && echoes.server_cpu_s > 0.0);
    }
}
