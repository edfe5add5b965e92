//! Several brokers, each a process of its own, as they would be on several machines. Decides their settings.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, bail};
use weir_client::{Client, ClientOptions, NewTopic, parse_bootstrap};
use weir_model::config::{Endpoint, Pairs};
use weir_wire::ErrorCode;

use super::children::{Children, Ended};
use super::ports::{self, Ports};
use super::{Dev, Place, comfortable, greeting, layout};
use crate::cli::topic_spec::TopicSpec;
use crate::settings::StaticSettings;
use crate::told::Told;

/// The first voters of a quorum.
const VOTERS: usize = 3;

pub(super) async fn run(dev: &Dev, place: &Place, logging: Vec<String>) -> anyhow::Result<()> {
    std::fs::create_dir_all(&place.directory)
        .with_context(|| format!("{} can not be created", place.directory.display()))?;
    let ports = ports::choose(dev.brokers, dev.port, |id| layout::settings_of(&place.directory, id))?;
    let mut told = Told::listen()?;
    let mut children = Children::new(logging);
    let ran = tokio::select! {
        ran = serve(dev, place, &ports, &mut children) => ran,
        () = told.heard() => Ok(()),
    };
    let forced = children.stop().await;
    ran?;
    if !forced.is_empty() {
        bail!("brokers {forced:?} did not stop and were killed: the next start recovers their logs");
    }
    Ok(())
}

async fn serve(dev: &Dev, place: &Place, ports: &[Ports], children: &mut Children) -> anyhow::Result<()> {
    for (id, own) in (0..).zip(ports) {
        let settings = layout::settings_of(&place.directory, id);
        let pairs = settings_of(dev, &place.directory, id, ports)?;
        // A mistake is told once, here, and not by every broker.
        StaticSettings::from_pairs(pairs.clone())?;
        std::fs::write(&settings, as_properties(&pairs))
            .with_context(|| format!("{} can not be written", settings.display()))?;
        children.start(id, own.clone(), &settings)?;
    }
    children.serve().await?;
    let bootstrap: Vec<_> = ports.iter().map(|ports| format!("localhost:{}", ports.kafka)).collect();
    let bootstrap = bootstrap.join(",");
    create(&bootstrap, &dev.topics).await?;
    greeting::ready(&bootstrap, place);
    greeting::brokers(&children.all);
    greeting::first_steps(&bootstrap);
    while let Some(ended) = children.next_end().await {
        missed(&ended, place);
    }
    bail!("no broker is left")
}

fn settings_of(dev: &Dev, directory: &Path, id: u16, ports: &[Ports]) -> anyhow::Result<Pairs> {
    let own = ports.get(usize::from(id)).context("a broker without ports")?;
    let voters = (0..).zip(ports).take(VOTERS);
    let voters: Vec<_> =
        voters.map(|(id, ports): (u16, _)| format!("{id}@localhost:{}", ports.peer)).collect();
    let replicas = ports.len().min(3).to_string();
    let mut pairs = comfortable();
    let ours = [
        ("node.id", id.to_string()),
        ("listeners", format!("PLAINTEXT://localhost:{}", own.kafka)),
        ("weir.peer.listener", format!("localhost:{}", own.peer)),
        ("weir.peer.advertised", format!("localhost:{}", own.peer)),
        ("weir.admin.listener", format!("localhost:{}", own.admin)),
        ("weir.http.listener", http_of(dev.http.as_deref(), id)?),
        ("controller.quorum.voters", voters.join(",")),
        ("log.dirs", layout::data_of(directory, id).display().to_string()),
        ("default.replication.factor", replicas.clone()),
        ("offsets.topic.replication.factor", replicas),
        ("min.insync.replicas", if ports.len() >= 3 { "2" } else { "1" }.to_owned()),
    ];
    pairs.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    let given = dev.given()?;
    let apart: BTreeSet<_> = ["node.id", "log.dirs", "log.dir", "listeners"].into();
    if let Some(name) = given.keys().find(|name| apart.contains(name.as_str())) {
        bail!("--set {name}: several brokers can not share one; it is chosen for each");
    }
    pairs.extend(given);
    Ok(pairs)
}

/// Each broker has a port of its own, counted from the one that was asked for.
fn http_of(asked: Option<&str>, id: u16) -> anyhow::Result<String> {
    let Some(asked) = asked else { return Ok(String::new()) };
    let first = Endpoint::parse(asked).with_context(|| format!("--http {asked:?}: write HOST:PORT"))?;
    let port = match first.port {
        0 => 0,
        first => first.checked_add(id).with_context(|| format!("--http {asked}: too few ports above it"))?,
    };
    Ok(Endpoint { port, ..first }.to_string())
}

fn as_properties(pairs: &Pairs) -> String {
    let mut text =
        "# Written by `weir dev`. Start this broker by hand: weir broker --config THIS-FILE\n".to_owned();
    for (name, value) in pairs {
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

async fn create(bootstrap: &str, topics: &[TopicSpec]) -> anyhow::Result<()> {
    if topics.is_empty() {
        return Ok(());
    }
    let options = ClientOptions { client_id: "weir-dev".into(), ..Default::default() };
    let client = Client::new(parse_bootstrap(bootstrap)?, options);
    for topic in topics {
        let name = topic.name.as_str().to_owned();
        let new = NewTopic { name, partitions: topic.partitions, ..NewTopic::default() };
        match client.create_topic(&new, false).await {
            Ok(_) => {}
            Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
            Err(error) => bail!("--topic {}: {error}", topic.name),
        }
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "this is what the command is for")]
fn missed(ended: &Ended, place: &Place) {
    eprintln!(
        "broker {} (pid {}) has ended: {}. The others go on. Start it again with: weir broker --config {}",
        ended.id,
        ended.pid,
        ended.how,
        layout::settings_of(&place.directory, ended.id).display()
    );
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        dev: Dev,
    }

    fn settings(line: &[&str], id: u16) -> anyhow::Result<Pairs> {
        let dev = Line::parse_from([&["weir"], line].concat()).dev;
        let ports: Vec<_> =
            (0..dev.brokers).map(|n| Ports { kafka: 9092 + n, peer: 7000 + n, admin: 8000 + n }).collect();
        settings_of(&dev, Path::new("/d"), id, &ports)
    }

    #[test]
    fn brokers_have_what_they_need_to_find_each_other_and_replicas_as_far_as_there_are_brokers() {
        let three = settings(&["--brokers", "3"], 1).unwrap();
        let wanted = [
            ("node.id", "1"),
            ("listeners", "PLAINTEXT://localhost:9093"),
            ("controller.quorum.voters", "0@localhost:7000,1@localhost:7001,2@localhost:7002"),
            ("log.dirs", "/d/broker-1"),
            ("default.replication.factor", "3"),
            ("min.insync.replicas", "2"),
        ];
        wanted.iter().for_each(|(name, value)| assert_eq!(three[*name], *value, "{name}"));
        let two = settings(&["--brokers", "2"], 1).unwrap();
        assert_eq!((&*two["default.replication.factor"], &*two["min.insync.replicas"]), ("2", "1"));
        let five = settings(&["--brokers", "5"], 4).unwrap();
        assert_eq!(five["controller.quorum.voters"], three["controller.quorum.voters"]);
        assert!(StaticSettings::from_pairs(five).is_ok());
    }

    #[test]
    fn settings_given_by_hand_win_unless_brokers_can_not_share_them() {
        let given = settings(&["--brokers", "3", "--set", "min.insync.replicas=3"], 0).unwrap();
        assert_eq!(given["min.insync.replicas"], "3");
        let refused = settings(&["--brokers", "3", "--set", "log.dirs=/x"], 0).unwrap_err();
        assert!(refused.to_string().contains("log.dirs"), "{refused}");
    }

    #[test]
    fn http_ports_count_upward() {
        assert_eq!(http_of(None, 2).unwrap(), "");
        assert_eq!(http_of(Some("localhost:9644"), 2).unwrap(), "localhost:9646");
        assert_eq!(http_of(Some("localhost:0"), 2).unwrap(), "localhost:0");
        assert!(http_of(Some("localhost:65535"), 2).is_err());
    }
}
