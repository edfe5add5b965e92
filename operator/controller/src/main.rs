//! `weir-operator`: watches Clusters and Topics and makes them so. Parses arguments and hands over.

mod brokers;
mod cli;
mod client;
mod cluster;
mod error;
mod http;
mod key;
mod lease;
mod metrics;
mod mirror;
mod run;
mod telemetry;
mod topics;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::{Arguments, Command};

/// Ten thousand Topics are many small pieces, and a pass over all of them needs as much again for a moment. glibc's allocator
/// keeps what was freed; this one gives it back, at once where `MIMALLOC_PURGE_DELAY` is 0, as the chart has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Crds => {
            for file in
                weir_operator_api::crd_files().context("the definitions can not be written as YAML")?
            {
                print!("---\n{}", file.text);
            }
            Ok(())
        }
        Command::Run(arguments) => {
            telemetry::start(arguments.log_format, &arguments.log)?;
            let stop = CancellationToken::new();
            runtime()?.block_on(async {
                tokio::spawn(cancel_when_told(stop.clone()));
                Box::pin(run::run(*arguments, stop)).await
            })
        }
    }
}

/// One thread is plenty: the work is waiting for others. Each more would keep pieces of memory of its own.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime does not start")
}

/// Ends everything at Ctrl-C or SIGTERM.
async fn cancel_when_told(stop: CancellationToken) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return stop.cancel() };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    stop.cancel();
}
