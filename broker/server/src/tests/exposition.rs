//! What Prometheus is shown: how far groups are behind, whoever leads what they read, and the names that dashboards for
//! Kafka look for.

use std::sync::Arc;

use super::cluster::{Three, within};
use super::readme::documents;
use super::*;
use crate::exposition::Exposition;
use crate::metrics::Metrics;
use weir_wire::messages::find_coordinator::FindCoordinatorRequest;

/// The value of a series, given as it is written.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

fn of(running: &Running) -> Exposition {
    let exposition = Exposition::new(Arc::clone(&running.broker.metrics));
    exposition.is_about(&running.broker);
    exposition
}

async fn produce_to(peer: &mut Peer, partition: i32, count: usize) {
    for _ in 0..count {
        let mut request = produce(-1, batch(10).build().unwrap().freeze());
        request.topic_data[0].partition_data[0].index = partition;
        let answer = peer.ask(9, &request).await;
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    }
}

/// One broker, whose group has read two of five records.
async fn behind_by_three(directory: &Path) -> Running {
    let running = broker(directory, &[]).await;
    let mut peer = Peer::of(&running).await;
    peer.create_topic(&[]).await;
    produce_to(&mut peer, 0, 5).await;
    peer.ask(3, &find_coordinator()).await;
    commit(&mut peer, 0, 2).await;
    running
}

/// Commits when the coordinator is ready for it.
async fn commit(peer: &mut Peer, partition: i32, offset: i64) {
    within(async { while peer.commit(partition, offset).await != 0 {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_shown_with_its_lag_in_all_and_by_partition() {
    let directory = tempfile::tempdir().unwrap();
    let running = behind_by_three(directory.path()).await;
    let exposition = of(&running);
    let summary = exposition.summary().await.unwrap();
    assert_eq!(value(&summary, "weir_group_lag_records{group=\"g\",topic=\"t\"}"), Some(3.0), "{summary}");
    let waited = value(&summary, "weir_group_lag_seconds{group=\"g\",topic=\"t\"}").unwrap();
    assert!((0.0..PATIENCE.as_secs_f64()).contains(&waited), "{waited}");
    assert_eq!(value(&summary, "weir_group_lag_unknown"), Some(0.0));
    for (name, expected) in [
        ("kafka_brokers", 1.0),
        ("weir_brokers{state=\"active\"}", 1.0),
        ("kafka_server_brokertopicmetrics_messagesin_total", 5.0),
        ("kafka_controller_kafkacontroller_activecontrollercount", 1.0),
        ("weir_leaderless_partitions", 0.0),
        ("weir_under_min_isr_partitions", 0.0),
    ] {
        assert!(value(&summary, name).is_some_and(|got| got >= expected), "{name}\n{summary}");
    }
    assert!(value(&summary, "weir_worker_busy_seconds_total").unwrap() > 0.0);
    assert!(!summary.contains("partition="), "nothing in the summary grows with partitions\n{summary}");
    let detailed = exposition.detailed().await.unwrap();
    for (series, expected) in [
        ("kafka_consumergroup_lag{consumergroup=\"g\",partition=\"0\",topic=\"t\"}", 3.0),
        ("kafka_consumergroup_current_offset{consumergroup=\"g\",partition=\"0\",topic=\"t\"}", 2.0),
        ("kafka_topic_partition_current_offset{partition=\"0\",topic=\"t\"}", 5.0),
        ("kafka_topic_partition_under_replicated_partition{partition=\"0\",topic=\"t\"}", 0.0),
    ] {
        assert_eq!(value(&detailed, series), Some(expected), "{series}\n{detailed}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_reads_everything_lags_by_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[]).await;
    let mut peer = Peer::of(&running).await;
    peer.create_topic(&[]).await;
    produce_to(&mut peer, 0, 3).await;
    peer.ask(3, &find_coordinator()).await;
    commit(&mut peer, 0, 3).await;
    let summary = of(&running).summary().await.unwrap();
    assert_eq!(value(&summary, "weir_group_lag_records{group=\"g\",topic=\"t\"}"), Some(0.0));
    assert_eq!(value(&summary, "weir_group_lag_seconds{group=\"g\",topic=\"t\"}"), Some(0.0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lag_is_found_out_whoever_leads_and_what_nobody_tells_is_counted() {
    let mut three = Three::form().await;
    for id in 0..3 {
        let view = &three.broker(id).broker.view;
        within(view.until(|image| image.brokers().filter(|b| b.is_active()).count() == 3)).await;
    }
    let mut peer = Peer::of(three.broker(0)).await;
    let topic = CreatableTopic {
        name: TOPIC.into(),
        num_partitions: 3,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
    assert_eq!(peer.ask(5, &request).await.topics[0].error_code, 0);
    let coordinator = within(async {
        loop {
            match peer.ask(3, &find_coordinator()).await.node_id {
                -1 => tokio::time::sleep(Duration::from_millis(5)).await,
                id => return usize::try_from(id).unwrap(),
            }
        }
    })
    .await;
    let mut elsewhere = None;
    let mut at_coordinator = Peer::of(three.broker(coordinator)).await;
    for partition in 0..3 {
        let leader = leader_of(three.broker(coordinator), partition).await;
        elsewhere = elsewhere.or((leader != coordinator).then_some(leader));
        let view = &three.broker(leader).broker.view;
        within(view.until(|image| image.topic(TOPIC).is_some())).await;
        let mut peer = Peer::of(three.broker(leader)).await;
        produce_to(&mut peer, partition, 4).await;
        commit(&mut at_coordinator, partition, 1).await;
    }
    let series = "weir_group_lag_records{group=\"g\",topic=\"t\"}";
    let summary = of(three.broker(coordinator)).summary().await.unwrap();
    assert_eq!(value(&summary, series), Some(9.0), "{summary}");
    assert_eq!(value(&summary, "weir_group_lag_unknown"), Some(0.0));
    let gone = elsewhere.expect("three partitions of one replica are not all on one broker");
    three.brokers[gone].take().unwrap().kill();
    let summary = of(three.broker(coordinator)).summary().await.unwrap();
    assert_eq!(value(&summary, series), Some(6.0), "{summary}");
    assert_eq!(value(&summary, "weir_group_lag_unknown"), Some(1.0));
}

/// Which broker leads a partition of the topic.
async fn leader_of(running: &Running, partition: i32) -> usize {
    let leader = |image: &weir_core::controller::Image| {
        image.topic(TOPIC)?.partition(weir_model::PartitionIndex(partition))?.leader
    };
    let view = &running.broker.view;
    within(view.until(|image| leader(image).is_some())).await;
    usize::try_from(leader(&view.image()).unwrap().0).unwrap()
}

fn find_coordinator() -> FindCoordinatorRequest {
    FindCoordinatorRequest { key: GROUP.into(), ..FindCoordinatorRequest::default() }
}

/// A row for each family, from the text as Prometheus reads it.
fn as_markdown(path: &str, text: &str) -> String {
    let mut families =
        std::collections::BTreeMap::<&str, (&str, &str, std::collections::BTreeSet<&str>)>::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name).or_default().0 = help;
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            families.entry(name).or_default().1 = kind;
        } else if let Some((series, labels)) = line.split_once('{') {
            let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| series.strip_suffix(end));
            let family = families.get_mut(
                name.filter(|name| text.contains(&format!("# TYPE {name} histogram"))).unwrap_or(series),
            );
            let names = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0));
            family.expect("a series of a family").2.extend(names.filter(|name| *name != "le"));
        }
    }
    let rows = families.iter().map(|(name, (help, kind, labels))| {
        let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        format!("| `{name}` | {kind} | {labels} | {help} |\n")
    });
    format!(
        "\n`{path}`\n\n| Metric | Type | By | What it tells |\n|---|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_documents_every_metric() {
    let directory = tempfile::tempdir().unwrap();
    let running = behind_by_three(directory.path()).await;
    let exposition = of(&running);
    let summary = as_markdown("/metrics", &exposition.summary().await.unwrap());
    let detailed = as_markdown("/metrics/detailed", &exposition.detailed().await.unwrap());
    running.stop().await;
    documents("metrics", &(summary + &detailed + "\n"));
}

#[tokio::test]
async fn before_there_is_a_broker_the_counters_are_shown_alone() {
    let exposition = Exposition::new(Arc::new(Metrics::register().unwrap()));
    let summary = exposition.summary().await.unwrap();
    assert_eq!(value(&summary, "weir_ready"), Some(0.0));
    assert!(!summary.contains("weir_group_lag"));
    assert_eq!(exposition.detailed().await.unwrap(), "");
}
