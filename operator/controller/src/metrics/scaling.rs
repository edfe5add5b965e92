//! Series for whoever decides how many brokers there should be: what the plan judges, and what moves. Where something is
//! not known its series are absent, never a guess.

use prometheus::{GaugeVec, IntGaugeVec};
use weir_operator_plan::Left;
use weir_operator_plan::scaling::{Judgement, Resource};

use super::{CLUSTER, Registrar};
use crate::key::ClusterKey;

/// What is told of every cluster.
#[derive(Debug)]
pub(super) struct Scaling {
    recommended: IntGaugeVec,
    limited: IntGaugeVec,
    headroom: GaugeVec,
    one_more_helps: IntGaugeVec,
    one_fewer_safe: IntGaugeVec,
    moves: IntGaugeVec,
    moving_bytes: IntGaugeVec,
}

impl Scaling {
    pub(super) fn register(at: &Registrar<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            recommended: at.gauges(
                "weir_cluster_brokers_recommended",
                "Brokers that the load asks for, as autoscaling would choose",
                &CLUSTER,
            )?,
            limited: at.gauges(
                "weir_cluster_autoscaling_limited",
                "1 when the load asks for more brokers than autoscaling.maxReplicas allows",
                &CLUSTER,
            )?,
            headroom: at.times(
                "weir_cluster_headroom_ratio",
                "The part of the target that brokers do not bear yet, by resource; negative when they bear more",
                &["namespace", "cluster", "resource"],
            )?,
            one_more_helps: at.gauges(
                "weir_cluster_one_more_broker_helps",
                "1 when brokers bear more than their target and another one would take of it",
                &CLUSTER,
            )?,
            one_fewer_safe: at.gauges(
                "weir_cluster_one_fewer_broker_safe",
                "1 when the last broker could go: replicas, racks and load fit on the others",
                &CLUSTER,
            )?,
            moves: at.gauges("weir_cluster_moves_in_flight", "Partitions that are being moved", &CLUSTER)?,
            moving_bytes: at.gauges(
                "weir_cluster_moves_in_flight_bytes",
                "Bytes of the replicas that moves add",
                &CLUSTER,
            )?,
        })
    }

    pub(super) fn judged(&self, key: &ClusterKey, judgement: Option<&Judgement>, moving: Option<Left>) {
        let names = [&*key.namespace, &*key.name];
        let Some(judgement) = judgement.filter(|judgement| judgement.one_more.helps().is_some()) else {
            self.forget_judgement(names);
            self.moving(names, moving);
            return;
        };
        self.recommended.with_label_values(&names).set(judgement.recommended.into());
        self.limited.with_label_values(&names).set(judgement.is_limited().into());
        self.one_fewer_safe.with_label_values(&names).set(judgement.one_fewer.is_none().into());
        let helps = judgement.one_more.helps() == Some(true);
        self.one_more_helps.with_label_values(&names).set(helps.into());
        for resource in Resource::ALL {
            let labels = [names[0], names[1], resource.word()];
            match judgement.borne(resource) {
                Some(borne) => {
                    let ratio = real(borne.load) / real(borne.target.max(1));
                    self.headroom.with_label_values(&labels).set(1.0 - ratio);
                }
                // An error says that there was no such series.
                None => drop(self.headroom.remove_label_values(&labels)),
            }
        }
        self.moving(names, moving);
    }

    fn moving(&self, names: [&str; 2], moving: Option<Left>) {
        // While it is not known for a moment, it is what it was.
        let Some(left) = moving else { return };
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.moves.with_label_values(&names).set(whole(left.moves));
        self.moving_bytes.with_label_values(&names).set(whole(left.bytes));
    }

    fn forget_judgement(&self, names: [&str; 2]) {
        for gauge in [&self.recommended, &self.limited, &self.one_more_helps, &self.one_fewer_safe] {
            let _ = gauge.remove_label_values(&names);
        }
        for resource in Resource::ALL {
            let _ = self.headroom.remove_label_values(&[names[0], names[1], resource.word()]);
        }
    }

    pub(super) fn forget(&self, names: [&str; 2]) {
        self.forget_judgement(names);
        let _ = self.moves.remove_label_values(&names);
        let _ = self.moving_bytes.remove_label_values(&names);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no 53 bits")]
const fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use weir_operator_plan::scaling::{Because, Borne, OneMore};

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn what_is_judged_is_told_and_what_is_not_known_is_absent() {
        let metrics = Metrics::register().unwrap();
        let key = ClusterKey { namespace: "prod".to_owned(), name: "logs".to_owned() };
        let judgement = Judgement {
            recommended: 5,
            because: Because::AtMost { resource: Resource::Cpu, needed: 7 },
            borne: vec![Borne { resource: Resource::Cpu, load: 1_500, target: 1_000 }],
            one_more: OneMore::Helps(Resource::Cpu),
            one_fewer: None,
        };
        metrics.judged(&key, Some(&judgement), Some(Left { moves: 2, bytes: 10 }));
        let told = metrics.render().unwrap();
        for line in [
            "weir_cluster_brokers_recommended{cluster=\"logs\",namespace=\"prod\"} 5",
            "weir_cluster_autoscaling_limited{cluster=\"logs\",namespace=\"prod\"} 1",
            "weir_cluster_headroom_ratio{cluster=\"logs\",namespace=\"prod\",resource=\"cpu\"} -0.5",
            "weir_cluster_one_more_broker_helps{cluster=\"logs\",namespace=\"prod\"} 1",
            "weir_cluster_one_fewer_broker_safe{cluster=\"logs\",namespace=\"prod\"} 1",
            "weir_cluster_moves_in_flight{cluster=\"logs\",namespace=\"prod\"} 2",
            "weir_cluster_moves_in_flight_bytes{cluster=\"logs\",namespace=\"prod\"} 10",
        ] {
            assert!(told.contains(line), "{line}\n{told}");
        }
        let unknown = Judgement { one_more: OneMore::NotKnown, ..judgement };
        metrics.judged(&key, Some(&unknown), None);
        let told = metrics.render().unwrap();
        assert!(!told.contains("weir_cluster_brokers_recommended{"), "{told}");
        assert!(told.contains("weir_cluster_moves_in_flight{"), "{told}");
        metrics.forget("Cluster", "prod", "logs");
        assert!(!metrics.render().unwrap().contains("weir_cluster_"));
    }
}
