//! One broker, in this process.

use anyhow::bail;
use weir_core::controller::ControllerError;
use weir_core::controller::create_topics::{self, CreateTopics, NewTopic};

use super::{Dev, Place, comfortable, greeting};
use crate::cli::topic_spec::TopicSpec;
use crate::settings::StaticSettings;
use crate::start::{Running, start};
use crate::told::Told;

pub(super) async fn run(dev: &Dev, place: &Place) -> anyhow::Result<()> {
    let mut told = Told::listen()?;
    let running = start(settings(dev, place)?).await?;
    if let Err(error) = create(&running, &dev.topics).await {
        running.stop().await;
        return Err(error);
    }
    let bootstrap = running.bound.first().map(|bound| bound.advertised.to_string()).unwrap_or_default();
    greeting::ready(&bootstrap, place);
    greeting::first_steps(&bootstrap);
    told.heard().await;
    running.stop().await;
    Ok(())
}

fn settings(dev: &Dev, place: &Place) -> anyhow::Result<StaticSettings> {
    let mut pairs = comfortable();
    pairs.insert("listeners".to_owned(), format!("PLAINTEXT://localhost:{}", dev.port));
    pairs.insert("log.dirs".to_owned(), place.directory.display().to_string());
    pairs.insert("weir.http.listener".to_owned(), dev.http.clone().unwrap_or_default());
    pairs.extend(dev.given()?);
    Ok(StaticSettings::from_pairs(pairs)?)
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
