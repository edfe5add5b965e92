//! Clusters and worlds for tests, in as few words as a test can bear.

use k8s_openapi::jiff::Timestamp;
use weir_model::{BrokerId, Incarnation};
use weir_operator_api::{Cluster, Topic};

use crate::build::{Desired, build};
use crate::observed::{Defaults, Observed};
use crate::valid::ValidCluster;
use crate::validate::validate;

/// Some moment.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

pub(crate) fn nothing() -> Observed {
    let defaults = Defaults {
        image: "ghcr.io/weir/weir:0.1.0".to_owned(),
        operator_namespace: "weir-system".to_owned(),
    };
    Observed::nothing(now(), defaults)
}

/// The Cluster `logs` with this spec, in YAML.
pub(crate) fn cluster(spec: &str) -> Cluster {
    let text = format!(
        "apiVersion: weir.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: logs, namespace: default, uid: uid-of-logs, generation: 1}}\n\
         spec:\n{}",
        indented(spec)
    );
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A Topic of that name with this spec, in YAML, made as many seconds after the first.
pub(crate) fn topic(name: &str, age_s: i64, spec: &str) -> Topic {
    let created = Timestamp::from_second(now().as_second() - 3600 + age_s).unwrap();
    let text = format!(
        "apiVersion: weir.dev/v1alpha1\nkind: Topic\n\
         metadata: {{name: {name}, namespace: default, uid: uid-of-{name}, generation: 1, creationTimestamp: \"{created}\"}}\n\
         spec:\n  clusterRef: {{name: logs}}\n{}",
        indented(spec)
    );
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// A valid cluster.
pub(crate) fn valid(spec: &str, observed: &Observed) -> ValidCluster {
    validate(&cluster(spec), observed).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

/// What it shall have.
pub(crate) fn desired(spec: &str, observed: &Observed) -> Desired {
    build(&valid(spec, observed), observed)
}

/// The disk of a broker, told apart from its next one.
pub(crate) fn incarnation(broker: BrokerId, generation: u32) -> Incarnation {
    let number = (1 << 64) | (u128::from(generation) << 32) | u128::from(broker.0.unsigned_abs());
    Incarnation(uuid::Uuid::from_u128(number))
}
