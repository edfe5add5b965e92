//! `weir topic describe`: partitions with leader, replicas, ISR, ELR and offsets, and the settings that are not defaults.

use std::collections::BTreeMap;

use serde::Serialize;
use weir_client::{At, ConfigEntry, ConfigSource, Found, PartitionInfo, Place, Resource, TopicInfo};
use weir_model::{BrokerId, Offset};

use crate::cli::failure::Failure;
use crate::cli::output::Line;
use crate::cli::session::Session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Show all settings, defaults too
    #[arg(long, short)]
    all_configs: bool,
}

#[derive(Serialize)]
struct View {
    name: String,
    id: String,
    internal: bool,
    replication_factor: usize,
    partitions: Vec<PartitionView>,
    configs: Vec<ConfigView>,
}

#[derive(Serialize)]
struct PartitionView {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    /// Out of sync, but holding everything that was acknowledged (KIP-966).
    elr: Vec<i32>,
    offline: Vec<i32>,
    start_offset: Option<i64>,
    end_offset: Option<i64>,
    records: Option<i64>,
}

#[derive(Serialize)]
struct ConfigView {
    name: String,
    value: Option<String>,
    source: &'static str,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let mut views = Vec::new();
    for name in &args.topics {
        views.push(view(session, name, args.all_configs).await?);
    }
    session.output.print(&views, || {
        let texts: Vec<String> = views.iter().map(|view| text(session, view)).collect();
        texts.join("\n")
    })
}

async fn view(session: &Session, name: &str, all_configs: bool) -> Result<View, Failure> {
    let topic = session.topic(name).await?;
    // Partitions without a leader have no offsets to tell, and must not hide those of the others.
    let led = topic.partitions.iter().filter(|partition| partition.leader.is_some());
    let places: Vec<Place> = led.map(|partition| (name.to_owned(), partition.index)).collect();
    let starts = session.client.offsets(&places, At::Earliest).await?;
    let ends = session.client.offsets(&places, At::Latest).await?;
    let eligible = session.client.eligible_replicas(name).await?;
    let partitions = topic.partitions.iter().map(|partition| {
        let elr = eligible.get(&partition.index).map_or(&[][..], |ids| ids);
        PartitionView {
            elr: elr.iter().map(|id| id.0).collect(),
            ..partition_view(&topic, partition, &starts, &ends)
        }
    });
    let configs = session.client.describe_configs(&Resource::Topic(name.to_owned())).await?;
    Ok(View {
        name: name.to_owned(),
        id: topic.id.to_string(),
        internal: topic.is_internal,
        replication_factor: topic.partitions.iter().map(|p| p.replicas.len()).max().unwrap_or(0),
        partitions: partitions.collect(),
        configs: configs.iter().filter(|config| all_configs || is_set(config)).map(config_view).collect(),
    })
}

fn partition_view(
    topic: &TopicInfo,
    partition: &PartitionInfo,
    starts: &BTreeMap<Place, Found>,
    ends: &BTreeMap<Place, Found>,
) -> PartitionView {
    let place = (topic.name.clone(), partition.index);
    let offset = |of: &BTreeMap<Place, Found>| of.get(&place).and_then(|found| found.offset);
    let (start, end): (Option<Offset>, Option<Offset>) = (offset(starts), offset(ends));
    let ids = |ids: &[BrokerId]| ids.iter().map(|id| id.0).collect();
    PartitionView {
        partition: partition.index.0,
        leader: partition.leader.map(|id| id.0),
        leader_epoch: partition.leader_epoch.0,
        replicas: ids(&partition.replicas),
        isr: ids(&partition.isr),
        elr: Vec::new(),
        offline: ids(&partition.offline),
        start_offset: start.map(|offset| offset.0),
        end_offset: end.map(|offset| offset.0),
        records: start.zip(end).map(|(start, end)| end - start),
    }
}

/// Was it set by somebody?
fn is_set(config: &ConfigEntry) -> bool {
    config.source == ConfigSource::Topic
        || matches!(config.source, ConfigSource::DynamicBroker | ConfigSource::DynamicDefaultBroker)
}

fn config_view(config: &ConfigEntry) -> ConfigView {
    let source = match config.source {
        ConfigSource::Topic => "topic",
        ConfigSource::DynamicBroker => "broker, set while running",
        ConfigSource::DynamicDefaultBroker => "all brokers, set while running",
        ConfigSource::StaticBroker => "broker's configuration",
        ConfigSource::Default => "default",
        ConfigSource::Other(_) => "other",
    };
    let value = if config.sensitive { None } else { config.value.clone() };
    ConfigView { name: config.name.clone(), value, source }
}

fn text(session: &Session, view: &View) -> String {
    let mut text = format!(
        "topic {}  id {}  partitions {}  replicas {}\n\n",
        view.name,
        view.id,
        view.partitions.len(),
        view.replication_factor
    );
    let wide = session.output.is_wide();
    let mut headings = vec!["PARTITION", "LEADER", "REPLICAS", "ISR", "ELR", "START", "END", "RECORDS"];
    if wide {
        headings.extend(["EPOCH", "OFFLINE"]);
    }
    let lines = view.partitions.iter().map(|partition| line(partition, wide)).collect();
    text += &session.output.table(&headings, lines);
    if view.configs.is_empty() {
        return text + "\nall settings are defaults\n";
    }
    let lines = view.configs.iter().map(|config| {
        let value = config.value.clone().unwrap_or_else(|| "(hidden)".into());
        Line::new([config.name.clone(), value, config.source.to_owned()])
    });
    text + "\n" + &session.output.table(&["SETTING", "VALUE", "SET BY"], lines.collect())
}

fn line(partition: &PartitionView, wide: bool) -> Line {
    let list = |ids: &[i32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let or_dash = |number: Option<i64>| number.map_or_else(|| "-".into(), |number| number.to_string());
    let mut cells = vec![
        partition.partition.to_string(),
        partition.leader.map_or_else(|| "none".into(), |id| id.to_string()),
        list(&partition.replicas),
        list(&partition.isr),
        if partition.elr.is_empty() { "-".into() } else { list(&partition.elr) },
        or_dash(partition.start_offset),
        or_dash(partition.end_offset),
        or_dash(partition.records),
    ];
    if wide {
        cells.push(partition.leader_epoch.to_string());
        cells.push(list(&partition.offline));
    }
    let unwell = partition.leader.is_none() || partition.isr.len() < partition.replicas.len();
    Line::new(cells).warn_if(unwell)
}
