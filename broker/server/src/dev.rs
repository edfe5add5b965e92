//! `weir dev`: a cluster for the machine you sit at. Decides the settings that suit it, says how to use it, and leaves
//! nothing behind unless it was given a directory. One broker runs in this process, several in one process each.

mod alone;
mod child;
mod children;
mod greeting;
mod layout;
mod many;
mod ports;

pub(crate) use child::ChildOf;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use weir_model::config::Pairs;

use crate::cli::topic_spec::TopicSpec;

/// What is logged unless somebody says otherwise. The consensus library complains of what is usual when a cluster begins
/// and ends; what matters of it is said by the brokers themselves.
pub(crate) const QUIET: &str = "warn,openraft=off";
/// More brokers than anybody wants on one machine.
const MOST_BROKERS: i64 = 64;

/// Start a broker, or several, on this machine, for development
#[derive(Args, Debug)]
pub(crate) struct Dev {
    /// How many brokers; each of several is a process of its own
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MOST_BROKERS))]
    brokers: u16,
    /// Port for Kafka clients, further brokers take the ports above; 0 takes free ones
    #[arg(long, default_value_t = 9092)]
    port: u16,
    /// Keep the data in this directory; without it the data is gone with the brokers
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Create this topic: name or name:partitions; may be given more than once
    #[arg(long = "topic", value_name = "NAME[:PARTITIONS]")]
    topics: Vec<TopicSpec>,
    /// Address of /metrics, /livez and /readyz; none by default; further brokers take the ports above
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<String>,
    /// Any setting of a broker
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
}

impl Dev {
    /// Runs until Ctrl-C or SIGTERM. `logging` are the flags that brokers in processes of their own are given.
    pub(crate) async fn run(self, logging: Vec<String>) -> anyhow::Result<()> {
        let place = Place::take(self.data.as_deref())?;
        layout::check(&place.directory, self.brokers)?;
        let ran = if self.brokers == 1 {
            alone::run(&self, &place).await
        } else {
            many::run(&self, &place, logging).await
        };
        let left = place.leave();
        ran.and(left)
    }

    /// The settings that were given by hand; they win over ours.
    fn given(&self) -> anyhow::Result<Pairs> {
        let pairs = self.settings.iter().map(|setting| {
            let Some((name, value)) = setting.split_once('=') else {
                bail!("--set {setting:?}: write name=value")
            };
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        });
        pairs.collect()
    }
}

/// Where the data lies.
struct Place {
    directory: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl Place {
    fn take(wanted: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(directory) = wanted {
            return Ok(Self { directory: directory.to_owned(), temporary: None });
        }
        let temporary =
            tempfile::Builder::new().prefix("weir-dev-").tempdir().context("no temporary directory")?;
        Ok(Self { directory: temporary.path().to_owned(), temporary: Some(temporary) })
    }

    /// What becomes of the data at the end, in a word.
    fn fate(&self) -> &'static str {
        if self.temporary.is_some() { "gone when it stops" } else { "kept" }
    }

    fn leave(self) -> anyhow::Result<()> {
        match self.temporary {
            Some(temporary) => temporary.close().context("the temporary data is still there"),
            None => Ok(()),
        }
    }
}

/// What suits a machine that somebody sits at, for every broker.
fn comfortable() -> Pairs {
    // Nobody waits three seconds for a second consumer on a laptop.
    [("group.initial.rebalance.delay.ms".to_owned(), "0".to_owned())].into()
}
