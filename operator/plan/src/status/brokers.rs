//! The brokers in status: what each is doing, from its pod and from the controller's word together.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use weir_model::BrokerId;
use weir_operator_api::{BrokerPhase, BrokerStatus, label};

use super::seconds;
use crate::names::Names;
use crate::observed::brokers::{BrokerSeen, BrokerState};
use crate::observed::{Observed, PodSeen};
use crate::valid::up_to;

pub(super) fn all(
    names: &Names,
    replicas: i32,
    observed: &Observed,
    before: &[BrokerStatus],
) -> Vec<BrokerStatus> {
    let mut ids: BTreeSet<BrokerId> = up_to(u32::try_from(replicas).unwrap_or(0)).collect();
    ids.extend(observed.pods.iter().filter_map(|pod| pod.broker));
    ids.extend(observed.brokers.known().into_iter().flat_map(|seen| seen.brokers.keys().copied()));
    let known = observed.brokers.known().is_some();
    ids.into_iter()
        .map(|id| {
            let seen = observed.brokers.known().and_then(|seen| seen.brokers.get(&id));
            let before = before.iter().find(|broker| broker.id == id.0);
            let pod = observed.pod(id);
            BrokerStatus {
                id: id.0,
                pod: names.pod(id),
                zone: zone(pod, seen, observed).or_else(|| before.and_then(|before| before.zone.clone())),
                phase: phase(pod, seen, known, before),
                replicas: seen.map(|seen| wide(seen.replicas)),
                leaders: seen.map(|seen| wide(seen.leaders)),
                unheard_since: unheard_since(seen, known, before, observed.now),
            }
        })
        .collect()
}

/// Told as long as the others know the broker and do not hear of it. While nobody can be asked, it stays as it was.
fn unheard_since(
    seen: Option<&BrokerSeen>,
    known: bool,
    before: Option<&BrokerStatus>,
    now: Timestamp,
) -> Option<Time> {
    let before = before.and_then(|before| before.unheard_since.clone());
    match seen {
        None if !known => before,
        Some(seen) if seen.fenced => Some(before.unwrap_or_else(|| seconds(now))),
        Some(_) | None => None,
    }
}

fn wide(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn zone(pod: Option<&PodSeen>, seen: Option<&BrokerSeen>, observed: &Observed) -> Option<String> {
    let own = seen.and_then(|seen| seen.rack.clone()).or_else(|| pod?.zone.clone());
    own.or_else(|| {
        let node = pod?.node.as_ref()?;
        observed.nodes.iter().find(|seen| seen.name == *node)?.labels.get(label::ZONE).cloned()
    })
}

/// When the brokers can not be asked, one that was active and whose pod is ready is believed to be so still.
fn phase(
    pod: Option<&PodSeen>,
    seen: Option<&BrokerSeen>,
    known: bool,
    before: Option<&BrokerStatus>,
) -> BrokerPhase {
    let ready = pod.is_some_and(|pod| pod.ready);
    match seen {
        Some(seen) if seen.drained && seen.replicas == 0 => BrokerPhase::Drained,
        Some(seen)
            if seen.fenced && !matches!(seen.state, BrokerState::Starting | BrokerState::Recovering) =>
        {
            if pod.is_some() { BrokerPhase::Joining } else { BrokerPhase::Lost }
        }
        Some(seen) if seen.fenced => BrokerPhase::Joining,
        Some(seen) if seen.drained => BrokerPhase::Draining,
        Some(_) => BrokerPhase::Active,
        None if !known && ready => before.map_or(BrokerPhase::Joining, |before| before.phase),
        None => BrokerPhase::Joining,
    }
}
