//! How many brokers a Cluster shall have now: what the spec says, or what autoscaling has made of it.
//!
//! With `spec.autoscaling` the number stands in status, so that whoever applies the same manifest again changes nothing.
//! `spec.replicas` is where it begins. A number that is changed there is a person's word, by `kubectl scale` too: it holds
//! at once, and autoscaling goes on from it.

use weir_operator_api::{AutoscalingStatus, Cluster};

/// How many brokers the Cluster shall have, as far as spec and status say.
#[must_use]
pub fn wanted(cluster: &Cluster) -> i32 {
    of(cluster, 0)
}

/// `there`: how many there are. Where status says nothing of an earlier choice, none of them is taken away at once: status
/// may have been lost, or autoscaling has just been turned on.
pub(crate) fn of(cluster: &Cluster, there: u32) -> i32 {
    let spec = &cluster.spec;
    let Some(autoscaling) = &spec.autoscaling else { return spec.replicas };
    let chosen = match cluster.status.as_ref().and_then(|status| status.autoscaling.as_ref()) {
        None => spec.replicas.max(i32::try_from(there).unwrap_or(i32::MAX)),
        Some(before) if holds(before, cluster) => before.replicas,
        Some(_) => spec.replicas,
    };
    chosen.min(autoscaling.max_replicas).max(autoscaling.min_replicas)
}

/// Whether what was chosen is still to be gone on from.
pub(crate) fn holds(before: &AutoscalingStatus, cluster: &Cluster) -> bool {
    before.started_from == cluster.spec.replicas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::cluster;

    #[test]
    fn the_spec_says_where_to_begin_and_a_change_of_it_where_to_begin_anew() {
        let scaled = "storage: {size: 10Gi}\nautoscaling: {minReplicas: 3, maxReplicas: 9}\n";
        let chosen = |replicas, started_from| {
            Some(AutoscalingStatus { replicas, started_from, ..AutoscalingStatus::default() })
        };
        let cases = [
            ("nobody scales", "storage: {size: 10Gi}\nreplicas: 5".to_owned(), chosen(8, 5), 2, 5),
            ("a new cluster", format!("{scaled}replicas: 4"), None, 0, 4),
            ("a cluster that is there", format!("{scaled}replicas: 3"), None, 7, 7),
            ("what was chosen", format!("{scaled}replicas: 4"), chosen(7, 4), 7, 7),
            ("kubectl scale", format!("{scaled}replicas: 5"), chosen(7, 4), 7, 5),
            ("below the fewest", format!("{scaled}replicas: 1"), None, 0, 3),
            ("above the most", format!("{scaled}replicas: 4"), chosen(20, 4), 20, 9),
        ];
        for (name, spec, status, there, expected) in cases {
            let mut cluster = cluster(&spec);
            cluster.status =
                Some(weir_operator_api::ClusterStatus { autoscaling: status, ..Default::default() });
            assert_eq!(of(&cluster, there), expected, "{name}");
        }
    }
}
