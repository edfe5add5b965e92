//! Where logs go and in what shape. Called once, by `main`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The shape of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// One readable line an event.
    #[default]
    Human,
    /// One JSON object an event.
    Json,
}

impl LogFormat {
    /// The word for it on the command line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
        }
    }
}

/// Starts logging to standard error. `filter` is a level or a `tracing` filter such as `info,weir=debug`. The consensus
/// library tells of every attempt to reach a broker that is down, ten times a second: it is silent unless it is named.
pub(crate) fn start(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let quiet = if filter.contains("openraft") { "" } else { ",openraft=off" };
    let filter = EnvFilter::try_new(format!("{filter}{quiet}")).map_err(|e| {
        anyhow::anyhow!("log filter {filter:?} is not understood: {e}; try `info` or `weir=debug`")
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Human => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
