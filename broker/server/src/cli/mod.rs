//! The client commands of `weir`: topics, records, groups and the cluster, over the Kafka protocol. They know nothing of
//! the broker in this binary and work against any broker of that protocol; `rebalance` alone speaks to Kubernetes. One
//! command a file.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage. Results go to stdout, everything else to stderr.

mod bars;
mod base64;
mod cluster;
mod completions;
mod consume;
mod failure;
mod group;
mod interrupt;
mod moments;
mod near_names;
mod output;
mod pairs;
mod produce;
mod progress;
mod rebalance;
mod session;
mod structured;
mod topic;
pub(crate) mod topic_spec;
mod wall_clock;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use failure::Failure;
use output::Format;
use session::Session;

/// Flags of every client command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Globals {
    /// Where to find the cluster: one or more HOST:PORT, separated by commas
    #[arg(
        long,
        global = true,
        env = "WEIR_BOOTSTRAP",
        default_value = "localhost:9092",
        value_name = "HOST:PORT",
        help_heading = "Client options"
    )]
    bootstrap: String,
    /// How results are printed
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        default_value_t = Format::Table,
        value_name = "FORMAT",
        help_heading = "Client options"
    )]
    output: Format,
    /// Give up on a request after so long, such as 30s or 2m
    #[arg(
        long,
        global = true,
        default_value = "30s",
        value_parser = moments::parse_span,
        value_name = "TIME",
        help_heading = "Client options"
    )]
    timeout: Duration,
}

/// The client commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create, list, describe, alter and delete topics
    #[command(subcommand)]
    Topic(topic::Command),
    /// Send records to a topic: from stdin, a file or the command line
    Produce(produce::Args),
    /// Print the records of a topic
    Consume(consume::Args),
    /// List, describe and delete consumer groups, and move their offsets
    #[command(subcommand)]
    Group(group::Command),
    /// Describe the cluster
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// See what the operator would move between brokers, approve it, follow it, stop it: by kubectl
    #[command(subcommand)]
    Rebalance(rebalance::Command),
    /// Print the completion script of a shell
    Completions(completions::Args),
}

/// Runs a command to its end; errors are printed. `root` is the whole command line, for the completions.
pub(crate) async fn run(command: Command, globals: &Globals, root: clap::Command) -> ExitCode {
    let session = match Session::new(globals) {
        Ok(session) => session,
        Err(failure) => return failure.report(),
    };
    let done = match command {
        Command::Topic(command) => topic::run(&session, command).await,
        Command::Produce(args) => Box::pin(produce::run(&session, args)).await,
        Command::Consume(args) => Box::pin(consume::run(&session, args)).await,
        Command::Group(command) => group::run(&session, command).await,
        Command::Cluster(command) => cluster::run(&session, command).await,
        Command::Rebalance(command) => rebalance::run(&session, command).await,
        Command::Completions(args) => completions::run(&args, root),
    };
    match done {
        Ok(()) | Err(Failure::PipeClosed) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
