//! The brokers' settings: one file for all of them, and a small one for each.

use std::fmt::Write;

use serde_json::{Map, Value, json};
use weir_model::BrokerId;
use weir_operator_api::port;

use super::addresses::Addresses;
use super::metadata;
use crate::names::INTERNAL;
use crate::object::{Kind, Object};
use crate::valid::ValidCluster;

/// The data directory: below the volume's root, which may hold a `lost+found`.
const DATA: &str = "/var/lib/weir/data";

pub(super) fn build(cluster: &ValidCluster, addresses: &Addresses) -> Object {
    let mut data = Map::new();
    data.insert("broker.properties".to_owned(), Value::String(of_all(cluster)));
    for broker in cluster.brokers() {
        let file = format!("broker-{broker}.properties");
        data.insert(file, Value::String(of_one(cluster, broker, addresses)));
    }
    let name = cluster.names.config();
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata::of(cluster, &name),
        "data": data,
    });
    Object::new(Kind::ConfigMap, &name, manifest)
}

/// The user's settings come last, and where they name one of these, theirs alone is written. Those that the operator owns
/// can not be named.
fn of_all(cluster: &ValidCluster) -> String {
    let listeners: Vec<_> =
        cluster.listeners.iter().map(|l| format!("{}://:{}", l.broker_name(), l.port)).collect();
    let voters: Vec<_> = cluster
        .voters()
        .map(|voter| format!("{voter}@{}:{}", cluster.names.host(voter), port::PEERS))
        .collect();
    let mut text = String::from("# Written by weir-operator. Change spec.config of the Cluster instead.\n");
    let own = [
        ("listeners", listeners.join(",")),
        ("inter.broker.listener.name", INTERNAL.to_ascii_uppercase()),
        ("controller.quorum.voters", voters.join(",")),
        ("weir.peer.listener", format!(":{}", port::PEERS)),
        ("weir.admin.listener", format!(":{}", port::ADMIN)),
        ("weir.http.listener", format!(":{}", port::HTTP)),
        ("log.dirs", DATA.to_owned()),
        ("default.replication.factor", cluster.replicas.min(3).to_string()),
    ];
    for (name, value) in own.iter().filter(|(name, _)| !cluster.config.contains_key(*name)) {
        let _ = writeln!(text, "{name}={value}");
    }
    for (name, value) in &cluster.config {
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

fn of_one(cluster: &ValidCluster, broker: BrokerId, addresses: &Addresses) -> String {
    let told: Vec<_> = addresses
        .get(&broker)
        .into_iter()
        .flatten()
        .map(|(listener, at)| format!("{listener}://{}:{}", bracketed(at.host.setting()), at.port))
        .collect();
    format!(
        "node.id={broker}\nadvertised.listeners={}\nweir.peer.advertised={}:{}\n",
        told.join(","),
        cluster.names.host(broker),
        port::PEERS
    )
}

/// An address of IPv6 needs brackets before a port.
fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}
