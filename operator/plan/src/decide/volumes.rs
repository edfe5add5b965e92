//! Volumes: as large as the spec says, and marked with what becomes of them when the Cluster is deleted. Growth made by
//! somebody else is accepted; a full volume grows like any other.

use serde_json::{Value, json};
use weir_operator_api::{VolumePolicy, annotation};

use super::tell;
use crate::names::Names;
use crate::observed::{Observed, VolumeSeen};
use crate::plan::{Plan, Step, Waiting};
use crate::valid::{ValidCluster, up_to};

pub(super) fn tend(cluster: &ValidCluster, observed: &Observed, plan: &mut Plan) {
    let mut own: Vec<_> = observed.volumes.iter().filter(|v| v.broker.is_some() && !v.deleting).collect();
    own.sort_by_key(|volume| volume.broker);
    for volume in own {
        let used = up_to(cluster.extent).any(|broker| volume.broker == Some(broker));
        let grow = used && volume.requested.is_some_and(|requested| requested < cluster.storage.size);
        let fixed = grow.then(|| fixed_class(volume, observed)).flatten();
        if let Some(storage_class) = fixed.clone() {
            plan.waiting.push(Waiting::VolumeCanNotGrow { volume: volume.name.clone(), storage_class });
        } else if grow || (used && is_growing(volume)) {
            let trouble = volume.resize_trouble.clone();
            plan.waiting.push(Waiting::VolumeGrowing { volume: volume.name.clone(), trouble });
        }
        patch(cluster, volume, grow && fixed.is_none(), plan);
    }
    delete_one(cluster, observed, plan);
}

fn is_growing(volume: &VolumeSeen) -> bool {
    volume.bound && matches!((volume.capacity, volume.requested), (Some(has), Some(wants)) if has < wants)
}

/// The volume's class, if it is known not to let volumes grow. Where classes can not be read, the API server decides.
fn fixed_class(volume: &VolumeSeen, observed: &Observed) -> Option<String> {
    let name = volume.storage_class.as_ref()?;
    let class = observed.storage_classes.as_ref()?.iter().find(|class| class.name == *name)?;
    (!class.expandable).then(|| name.clone())
}

/// One patch for all that is to change of a claim. It names the uid, so that a claim of the same name which was made
/// meanwhile is refused.
fn patch(cluster: &ValidCluster, volume: &VolumeSeen, grow: bool, plan: &mut Plan) {
    let word = cluster.storage.when_deleted.word();
    let marked = volume.when_deleted.as_deref() == Some(word)
        && volume.cluster_uid.as_deref() == Some(cluster.uid.as_str());
    if marked && !grow {
        return;
    }
    let mut patch = json!({ "metadata": { "uid": volume.uid } });
    if !marked {
        patch["metadata"]["annotations"] =
            json!({ annotation::WHEN_DELETED: word, annotation::CLUSTER_UID: cluster.uid });
    }
    if grow {
        let size = &cluster.storage.size_text;
        patch["spec"] = json!({ "resources": { "requests": { "storage": Value::String(size.clone()) } } });
        plan.steps.push(tell("VolumeGrows", "GrowVolume", format!("volume {} grows to {size}", volume.name)));
    }
    plan.steps.push(Step::PatchVolume { name: volume.name.clone(), patch });
}

/// The volume of a broker that was scaled away, where the user wants that: one in a pass, and only when the brokers do not
/// know the broker any more and no pod could use it.
fn delete_one(cluster: &ValidCluster, observed: &Observed, plan: &mut Plan) {
    let Some(seen) = observed.brokers.known() else { return };
    if cluster.storage.when_scaled == VolumePolicy::Retain || cluster.extent != cluster.replicas {
        return;
    }
    let names = Names::new(&cluster.name, &cluster.namespace);
    let left = observed.volumes.iter().find(|volume| {
        volume.broker.is_some_and(|broker| {
            !volume.deleting
                && volume.cluster_uid.as_deref() == Some(cluster.uid.as_str())
                && u32::try_from(broker.0).is_ok_and(|ordinal| ordinal >= cluster.extent)
                && !seen.brokers.contains_key(&broker)
                && observed.pods.iter().all(|pod| pod.name != names.pod(broker))
        })
    });
    if let Some(volume) = left {
        let note =
            format!("volume {} belonged to a broker that was scaled away (whenScaled: Delete)", volume.name);
        plan.steps.push(tell("VolumeDeleted", "DeleteVolume", note));
        plan.steps.push(Step::DeleteVolume {
            name: volume.name.clone(),
            uid: volume.uid.clone(),
            resource_version: volume.resource_version.clone(),
        });
    }
}
