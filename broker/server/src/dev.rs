//! `weir dev`: a broker for the machine you sit at. Decides the settings that suit it, says how to use it, and leaves
//! nothing behind unless it was given a directory.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use weir_core::controller::ControllerError;
use weir_core::controller::create_topics::{self, CreateTopics, NewTopic};
use weir_model::config::Pairs;

use crate::cli::topic_spec::TopicSpec;
use crate::settings::StaticSettings;
use crate::start::{Running, start};
use crate::until_told;

/// Start a broker on this machine, for development
#[derive(Args, Debug)]
pub(crate) struct Dev {
    /// Port for Kafka clients; 0 takes a free one
    #[arg(long, default_value_t = 9092)]
    port: u16,
    /// Keep the data in this directory; without it the data is gone with the broker
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Create this topic: name or name:partitions; may be given more than once
    #[arg(long = "topic", value_name = "NAME[:PARTITIONS]")]
    topics: Vec<TopicSpec>,
    /// Address of /metrics, /livez and /readyz; none by default
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<String>,
    /// Any setting of a broker
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
}

impl Dev {
    /// Runs until Ctrl-C or SIGTERM.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let (directory, temporary) = match &self.data {
            Some(directory) => (directory.clone(), None),
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("weir-dev-")
                    .tempdir()
                    .context("no temporary directory")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let running = start(self.settings(&directory)?).await?;
        if let Err(error) = create(&running, &self.topics).await {
            running.stop().await;
            return Err(error);
        }
        greet(&running, &directory, temporary.is_some());
        until_told().await?;
        running.stop().await;
        if let Some(temporary) = temporary {
            temporary.close().context("the temporary data is still there")?;
        }
        Ok(())
    }

    fn settings(&self, directory: &std::path::Path) -> anyhow::Result<StaticSettings> {
        let mut pairs: Pairs = [
            ("listeners", format!("PLAINTEXT://localhost:{}", self.port)),
            ("log.dirs", directory.display().to_string()),
            ("weir.http.listener", self.http.clone().unwrap_or_default()),
            // Nobody waits three seconds for a second consumer on a laptop.
            ("group.initial.rebalance.delay.ms", "0".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        for setting in &self.settings {
            let Some((name, value)) = setting.split_once('=') else {
                bail!("--set {setting:?}: write name=value")
            };
            pairs.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        Ok(StaticSettings::from_pairs(pairs)?)
    }
}

async fn create(running: &Running, topics: &[TopicSpec]) -> anyhow::Result<()> {
    let topics = topics.iter().map(|topic| NewTopic {
        name: topic.name.as_str().to_owned(),
        partitions: topic.partitions.unwrap_or(-1),
        replication_factor: -1,
        assignments: Vec::new(),
        config: Vec::new(),
    });
    let command = CreateTopics { topics: topics.collect(), validate_only: false };
    let config = running.broker.config();
    let outcomes = running
        .broker
        .controller
        .decide(move |image, entropy| create_topics::decide(image, &command, &config, entropy))
        .await?;
    for (name, outcome) in outcomes {
        match outcome {
            Ok(_) | Err(ControllerError::TopicExists(_)) => {}
            Err(error) => bail!("--topic {name}: {error}"),
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn greet(running: &Running, directory: &std::path::Path, temporary: bool) {
    let bootstrap = running.bound.first().map(|bound| bound.advertised.to_string()).unwrap_or_default();
    let fate = if temporary { "gone when it stops" } else { "kept" };
    println!(
        "weir is ready: bootstrap address {bootstrap}, data in {} ({fate}). Ctrl-C stops it.\n\n\
         With kcat:\n  \
         echo hello | kcat -b {bootstrap} -t greetings -P\n  \
         kcat -b {bootstrap} -t greetings -C -e\n\n\
         With Python (pip install kafka-python):\n  \
         from kafka import KafkaProducer\n  \
         producer = KafkaProducer(bootstrap_servers=\"{bootstrap}\")\n  \
         producer.send(\"greetings\", b\"hello\").get()\n\n\
         With weir itself:\n  \
         echo hello | weir produce greetings --create --bootstrap {bootstrap}\n  \
         weir consume greetings --bootstrap {bootstrap}\n",
        directory.display()
    );
}
