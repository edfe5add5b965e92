//! `weir-load`: loads a Kafka-speaking cluster with as little processor time of its own as it can, and says as one JSON
//! object what it did; measures what the machine itself can do. Parses arguments and hands over. It decides nothing
//! about what is compared with what, and it must never touch a topic that it was not told of.

mod batch;
mod cluster;
mod connection;
mod consume;
mod cost;
mod error;
mod idle;
mod latency;
mod limits;
mod percentiles;
mod produce;
mod requests;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::error::LoadError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Loads a Kafka-speaking cluster, and measures the machine
#[derive(Debug, Parser)]
#[command(name = "weir-load", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay batches that were encoded once, as fast as they are acknowledged
    Produce(produce::Produce),
    /// Fetch, count and check
    Consume(consume::Consume),
    /// Records at a steady rate, whatever the answers do; how long each took to its consumer
    Latency(latency::Latency),
    /// The same by a minimal server in this process: what of it is the machine's
    Echo(latency::echo::Echo),
    /// Open connections and hold them until the standard input ends
    Idle(idle::Idle),
    /// What the machine can do: memory, checksums, loopback, files, an echo
    Limits(limits::Limits),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Produce(asked) => asked.run().and_then(print),
        Command::Consume(asked) => asked.run().and_then(print),
        Command::Latency(asked) => asked.run().and_then(print),
        Command::Echo(asked) => asked.run().and_then(print),
        Command::Idle(asked) => asked.run(print),
        Command::Limits(asked) => asked.run().and_then(print),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(report: impl Serialize) -> Result<(), LoadError> {
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
