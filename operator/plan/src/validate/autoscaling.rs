//! `spec.autoscaling`: bounds, targets, and how long load must ask; with what status says of the last choice.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use weir_operator_api::{Cluster, ClusterSpec};

use super::Invalid;
use super::duration::duration;
use crate::quantity::Bytes;
use crate::scaling::{Bounds, Course, Windows};
use crate::valid::{ValidAutoscaling, ValidTargets};
use crate::wanted;

/// Of the requested processor time, where nobody says.
const CPU_PERCENT: u64 = 70;
/// Of the room for logs, where nobody says.
const DISK_PERCENT: u64 = 75;
/// Moves leave 15 % of each disk free: what is more would never be balanced.
const DISK_PERCENT_MAX: u64 = 85;
/// Where nobody says.
const OUT_AFTER: Duration = Duration::from_secs(60);
const IN_AFTER: Duration = Duration::from_secs(1_800);
/// What brokers say of themselves is of the last ten seconds: less than a few of these is no trend.
const AFTER_MIN: Duration = Duration::from_secs(30);

/// `replicas`: how many brokers there shall be now.
pub(super) fn read(cluster: &Cluster, replicas: u32, wrong: &mut Vec<Invalid>) -> Option<ValidAutoscaling> {
    let spec = cluster.spec.autoscaling.as_ref()?;
    let bounds = match (u32::try_from(spec.min_replicas), u32::try_from(spec.max_replicas)) {
        (Ok(min @ 1..), Ok(max @ ..=1000)) if min <= max => Bounds { min, max },
        _ => {
            let message = "minReplicas must be at least 1 and at most maxReplicas, and that at most 1000";
            wrong.push(Invalid::at("spec.autoscaling", message));
            Bounds::NONE
        }
    };
    let stabilization = &spec.stabilization;
    let mut window =
        |text: Option<&String>, name: &str, otherwise: Duration| match text.map(|text| duration(text)) {
            None => otherwise,
            Some(Some(window)) if window >= AFTER_MIN => window,
            Some(_) => {
                let message = "it must be a time of 30s or more, such as 1m or 30m".to_owned();
                wrong.push(Invalid::at(format!("spec.autoscaling.stabilization.{name}"), message));
                otherwise
            }
        };
    let windows = Windows {
        scale_out: window(stabilization.scale_out.as_ref(), "scaleOut", OUT_AFTER),
        scale_in: window(stabilization.scale_in.as_ref(), "scaleIn", IN_AFTER),
    };
    let status = cluster.status.as_ref().and_then(|status| status.autoscaling.as_ref());
    let before = status.filter(|before| wanted::holds(before, cluster));
    let course = match before {
        Some(before) => Course {
            replicas,
            recommended: u32::try_from(before.recommended).unwrap_or(replicas).clamp(bounds.min, bounds.max),
            reason: before.reason.clone(),
            message: before.message.clone(),
            since: before.since.as_ref().map_or(Timestamp::UNIX_EPOCH, |since| since.0),
        },
        None => Course::beginning(replicas),
    };
    Some(ValidAutoscaling {
        bounds,
        windows,
        course,
        started_from: cluster.spec.replicas,
        last_change: before.and_then(|before| before.last_change.clone()),
    })
}

/// What a broker shall bear at most, also where nobody scales by it: metrics tell how far from it brokers are.
pub(super) fn targets(spec: &ClusterSpec, wrong: &mut Vec<Invalid>) -> ValidTargets {
    let targets = spec.autoscaling.as_ref().map(|autoscaling| &autoscaling.targets);
    let said = |percent: Option<i32>| percent.map(|percent| u64::try_from(percent).unwrap_or(0));
    let cpu_percent = said(targets.and_then(|targets| targets.cpu_percent));
    let disk_percent = said(targets.and_then(|targets| targets.disk_percent)).unwrap_or(DISK_PERCENT);
    let mut refuse = |name: &str, message: &str| {
        wrong.push(Invalid::at(format!("spec.autoscaling.targets.{name}"), message));
    };
    let requests = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let requested = requests.and_then(|requests| crate::quantity::millis(requests.get("cpu")?));
    if cpu_percent == Some(0) || cpu_percent.is_some_and(|percent| percent > 1000) {
        refuse("cpuPercent", "it must be from 1 to 1000");
    } else if cpu_percent.is_some() && requested.is_none() {
        refuse("cpuPercent", "it is a share of resources.requests.cpu: set that too");
    }
    if !(1..=DISK_PERCENT_MAX).contains(&disk_percent) {
        refuse("diskPercent", "it must be from 1 to 85: moves leave 15 % of each disk free");
    }
    let network = targets.and_then(|targets| targets.network_bytes_per_second.as_ref()).map(Bytes::parse);
    if matches!(network, Some(None | Some(Bytes(0)))) {
        refuse("networkBytesPerSecond", "it must be a number of bytes such as 100Mi");
    }
    let share = |millis: u64| millis.saturating_mul(cpu_percent.unwrap_or(CPU_PERCENT)) / 100;
    ValidTargets {
        cpu_millicores: requested.filter(|millis| *millis > 0).map(share),
        disk_percent,
        network_bytes: network.flatten().map(|Bytes(bytes)| bytes),
    }
}
