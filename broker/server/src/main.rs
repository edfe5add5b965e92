//! `weir`: the broker, a broker for development, and the client commands. Parses arguments and hands over.

mod admin;
mod api;
mod bind;
mod broker;
mod cli;
mod clock;
mod dev;
mod dispatch;
mod duties;
mod exposition;
mod groups;
mod health;
mod housekeeper;
mod http;
mod membership;
mod metadata;
mod metrics;
mod net;
mod partition;
mod peers;
mod process;
mod replication;
mod scrub;
mod settings;
mod start;
mod telemetry;
#[cfg(test)]
mod tests;
mod told;
mod vital;
mod watched;

use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, CommandFactory, Parser, Subcommand};
use tracing::info;

use crate::settings::StaticSettings;
use crate::telemetry::LogFormat;
use crate::told::Told;

/// Many small allocations from several threads is what a broker does; the system's allocator is half as fast at it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A log broker that speaks the Kafka protocol
#[derive(Debug, Parser)]
#[command(name = "weir", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    client: cli::Globals,
    #[command(flatten)]
    logging: Logging,
}

#[derive(Args, Debug)]
struct Logging {
    /// What to log: a level, or a filter such as `info,weir=debug`
    #[arg(long, global = true, env = "WEIR_LOG", value_name = "FILTER", help_heading = "Logging")]
    log: Option<String>,
    /// How to write log lines
    #[arg(long, global = true, env = "WEIR_LOG_FORMAT", value_enum, help_heading = "Logging")]
    log_format: Option<LogFormat>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a broker
    Broker(BrokerArguments),
    /// Start a broker, or several, on this machine, for development
    Dev(dev::Dev),
    #[command(flatten)]
    Client(cli::Command),
}

#[derive(Args, Debug)]
struct BrokerArguments {
    /// File of name=value settings; may be repeated, the later one wins
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG")]
    config: Vec<PathBuf>,
    /// One setting; wins over the files
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    #[command(flatten)]
    child_of: dev::ChildOf,
}

impl Logging {
    /// These flags for a process that this one starts.
    fn arguments(&self, default: &str) -> Vec<String> {
        let mut words = vec!["--log".to_owned(), self.log.clone().unwrap_or_else(|| default.to_owned())];
        if let Some(format) = self.log_format {
            words.extend(["--log-format".to_owned(), format.word().to_owned()]);
        }
        words
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weir: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { command, client, logging } = arguments;
    match command {
        Command::Broker(broker) => {
            let settings = StaticSettings::load(&broker.config, &broker.settings)?;
            let format = logging.log_format.unwrap_or(if settings.config.json_log {
                LogFormat::Json
            } else {
                LogFormat::Human
            });
            telemetry::start(format, logging.log.as_deref().unwrap_or("info"))?;
            broker.child_of.bind()?;
            let runtime = runtime()?;
            let served = runtime.block_on(serve(settings, broker.child_of));
            // Where it was told to stop while it started, logs may still be read: nobody waits for that.
            runtime.shutdown_background();
            served.map(|()| ExitCode::SUCCESS)
        }
        Command::Dev(dev) => {
            let of_brokers = logging.arguments(dev::QUIET);
            telemetry::start(
                logging.log_format.unwrap_or_default(),
                logging.log.as_deref().unwrap_or(dev::QUIET),
            )?;
            runtime()?.block_on(dev.run(of_brokers)).map(|()| ExitCode::SUCCESS)
        }
        Command::Client(command) => Ok(runtime()?.block_on(cli::run(command, &client, Arguments::command()))),
    }
}

async fn serve(settings: StaticSettings, child_of: dev::ChildOf) -> anyhow::Result<()> {
    // Heard from the first moment on: in a container this is process 1, and the kernel drops what that does not listen to.
    let mut told = Told::listen()?;
    let mut starting = tokio::spawn(start::start(settings));
    let mut running = tokio::select! {
        started = &mut starting => started.context("the start has panicked")??,
        () = told.heard() => {
            info!("told to stop while it starts: what is on the disk is left as it is, as by kill -9");
            return Ok(());
        }
    };
    child_of.announce();
    tokio::select! {
        () = told.heard() => {}
        () = running.superseded() => {}
    }
    running.stop().await;
    Ok(())
}

/// Blocking work is disk work; more threads than this only queue at the disk.
const BLOCKING_THREADS: usize = 64;

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // On one processor a second worker only takes it from the first: each wakes the other for work that is done before it is there.
    let threads = std::thread::available_parallelism().map_or(2, NonZero::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .context("the runtime does not start")
}
