//! Volumes of Clusters that are gone. Without a finalizer on the Cluster nothing can wedge a namespace; instead each
//! volume carries what becomes of it (`weir.dev/when-deleted`) and whose it was (`weir.dev/cluster-uid`), written while
//! the Cluster lives. The controller calls this when a Cluster goes, and when it starts, for those that went while it was
//! away.

use std::collections::BTreeSet;

use weir_operator_api::VolumePolicy;

use crate::observed::{PodSeen, VolumeSeen};
use crate::plan::Step;

/// A Cluster that there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Living {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// The volumes of one namespace that are to be deleted: marked so, by a Cluster that no longer exists, and used by no pod.
/// A living Cluster of the same name is about to take them over, so they are left to it. `living` are all Clusters of the
/// namespace, `pods` the pods that carry a Weir cluster's label: both from a fresh read of the API server, made after the
/// volumes were read, and never from a cache.
#[must_use]
pub fn volumes(volumes: &[VolumeSeen], living: &[Living], pods: &[PodSeen]) -> Vec<Step> {
    let used: BTreeSet<String> =
        pods.iter().map(|pod| format!("{}-{}", crate::names::VOLUME, pod.name)).collect();
    volumes
        .iter()
        .filter(|volume| {
            volume.broker.is_some()
                && !volume.deleting
                && volume.when_deleted.as_deref() == Some(VolumePolicy::Delete.word())
                && volume.cluster_uid.as_ref().is_some_and(|uid| !uid.is_empty())
                && !living.iter().any(|cluster| is_of(volume, cluster))
                && !used.contains(&volume.name)
        })
        .map(|volume| Step::DeleteVolume {
            name: volume.name.clone(),
            uid: volume.uid.clone(),
            resource_version: volume.resource_version.clone(),
        })
        .collect()
}

fn is_of(volume: &VolumeSeen, cluster: &Living) -> bool {
    volume.cluster_uid.as_ref() == Some(&cluster.uid) || volume.cluster.as_ref() == Some(&cluster.name)
}

#[cfg(test)]
mod tests {
    use weir_model::BrokerId;

    use super::*;

    fn volume(name: &str, policy: &str, uid: &str) -> VolumeSeen {
        VolumeSeen {
            name: name.to_owned(),
            uid: format!("uid-of-{name}"),
            resource_version: "7".to_owned(),
            broker: Some(BrokerId(0)),
            cluster: Some("logs".to_owned()),
            when_deleted: Some(policy.to_owned()),
            cluster_uid: Some(uid.to_owned()),
            ..VolumeSeen::default()
        }
    }

    fn deleted(seen: VolumeSeen, pods: &[&str]) -> bool {
        let living = [Living { name: "other".to_owned(), uid: "alive".to_owned() }];
        let pods: Vec<_> =
            pods.iter().map(|name| PodSeen { name: (*name).to_owned(), ..PodSeen::default() }).collect();
        !volumes(&[seen], &living, &pods).is_empty()
    }

    #[test]
    fn only_marked_volumes_of_clusters_that_are_gone_and_that_no_pod_uses_are_deleted() {
        assert!(deleted(volume("data-logs-0", "Delete", "gone"), &[]));
        assert!(deleted(volume("data-logs-0", "Delete", "gone"), &["logs-1"]));
        assert!(!deleted(volume("data-logs-0", "Delete", "gone"), &["logs-0"]), "a pod uses it");
        assert!(!deleted(volume("data-logs-0", "Delete", "alive"), &[]), "its cluster lives");
        assert!(!deleted(volume("data-logs-0", "Retain", "gone"), &[]), "it is to be kept");
        assert!(!deleted(volume("data-logs-0", "Delete", ""), &[]), "nobody wrote whose it was");
        let unmarked = VolumeSeen { when_deleted: None, ..volume("data-logs-0", "", "gone") };
        assert!(!deleted(unmarked, &[]), "nobody said what becomes of it");
        let foreign = VolumeSeen { broker: None, ..volume("backup", "Delete", "gone") };
        assert!(!deleted(foreign, &[]), "it is no broker's");
        let reborn =
            VolumeSeen { cluster: Some("other".to_owned()), ..volume("data-other-0", "Delete", "gone") };
        assert!(!deleted(reborn, &[]), "a new cluster of the name takes it over");
        let going = VolumeSeen { deleting: true, ..volume("data-logs-0", "Delete", "gone") };
        assert!(!deleted(going, &[]), "it is going already");
    }
}
