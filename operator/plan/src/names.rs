//! What a Cluster's children are called. Pods and volumes are found by these names, never by the labels that they should
//! have.

use weir_model::BrokerId;
use weir_operator_api::port;

/// The listener that brokers use among themselves.
pub(crate) const INTERNAL: &str = "internal";
/// The container of the broker in its pod.
pub(crate) const CONTAINER: &str = "weir";
/// The volume claim template; volumes are `data-<cluster>-<n>`.
pub(crate) const VOLUME: &str = "data";

/// The names of one Cluster's children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    cluster: String,
    namespace: String,
}

impl Names {
    /// The names of the Cluster's children.
    #[must_use]
    pub fn new(cluster: &str, namespace: &str) -> Self {
        Self { cluster: cluster.to_owned(), namespace: namespace.to_owned() }
    }

    /// The StatefulSet.
    #[must_use]
    pub fn stateful_set(&self) -> String {
        self.cluster.clone()
    }

    /// A broker's pod.
    #[must_use]
    pub fn pod(&self, broker: BrokerId) -> String {
        format!("{}-{broker}", self.cluster)
    }

    /// A broker's volume claim.
    #[must_use]
    pub fn volume(&self, broker: BrokerId) -> String {
        format!("{VOLUME}-{}-{broker}", self.cluster)
    }

    /// The broker of a pod's name, if it is one of this cluster.
    #[must_use]
    pub fn broker_of_pod(&self, pod: &str) -> Option<BrokerId> {
        ordinal(pod.strip_prefix(&self.cluster)?.strip_prefix('-')?)
    }

    /// The broker of a volume claim's name, if it is one of this cluster.
    #[must_use]
    pub fn broker_of_volume(&self, volume: &str) -> Option<BrokerId> {
        self.broker_of_pod(volume.strip_prefix(VOLUME)?.strip_prefix('-')?)
    }

    /// The headless Service that gives each pod a name of its own.
    #[must_use]
    pub fn headless(&self) -> String {
        format!("{}-brokers", self.cluster)
    }

    /// The Service where clients of a listener begin.
    #[must_use]
    pub fn bootstrap(&self, listener: &str) -> String {
        if listener == INTERNAL {
            format!("{}-bootstrap", self.cluster)
        } else {
            format!("{}-{listener}-bootstrap", self.cluster)
        }
    }

    /// The Service of one broker for an outside listener.
    #[must_use]
    pub fn of_broker(&self, listener: &str, broker: BrokerId) -> String {
        format!("{}-{listener}-{broker}", self.cluster)
    }

    /// The ConfigMap of the brokers.
    #[must_use]
    pub fn config(&self) -> String {
        format!("{}-config", self.cluster)
    }

    /// The ServiceAccount of the brokers' pods.
    #[must_use]
    pub fn service_account(&self) -> String {
        format!("{}-broker", self.cluster)
    }

    /// The PodDisruptionBudget.
    #[must_use]
    pub fn disruption_budget(&self) -> String {
        self.cluster.clone()
    }

    /// The NetworkPolicy.
    #[must_use]
    pub fn network_policy(&self) -> String {
        self.cluster.clone()
    }

    /// The host name by which pods of the same Kubernetes cluster reach a broker. Completed by the search list of every
    /// pod, so that the cluster's domain need not be known.
    #[must_use]
    pub fn host(&self, broker: BrokerId) -> String {
        format!("{}.{}.{}.svc", self.pod(broker), self.headless(), self.namespace)
    }

    /// Where a broker's admin service is.
    #[must_use]
    pub fn admin(&self, broker: BrokerId) -> String {
        format!("{}:{}", self.host(broker), port::ADMIN)
    }
}

/// An ordinal as a StatefulSet writes it: no sign, no leading zero.
fn ordinal(text: &str) -> Option<BrokerId> {
    let legal = text == "0" || (!text.starts_with('0') && text.bytes().all(|digit| digit.is_ascii_digit()));
    legal.then(|| text.parse().ok().map(BrokerId)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_belongs_to_a_cluster_by_its_whole_name() {
        let names = Names::new("logs", "default");
        assert_eq!(names.broker_of_pod("logs-0"), Some(BrokerId(0)));
        assert_eq!(names.broker_of_pod("logs-12"), Some(BrokerId(12)));
        for other in
            ["logs", "logs-", "logs-01", "logs-+1", "logs-a", "logs-a-1", "log-1", "logs-99999999999"]
        {
            assert_eq!(names.broker_of_pod(other), None, "{other}");
        }
        assert_eq!(names.broker_of_volume("data-logs-3"), Some(BrokerId(3)));
        assert_eq!(names.broker_of_volume("logs-3"), None);
    }
}
