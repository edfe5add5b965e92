//! Children as desired: applied where they differ, in their order, and over nothing but what was looked at. Held back:
//! what brokers would start with while an address is not known, and whatever belongs to somebody else.

use super::{calm, tell};
use crate::build::Desired;
use crate::object::{Kind, Object, covers};
use crate::observed::{Child, Observed};
use crate::plan::{Plan, Step, Waiting};
use crate::valid::ValidCluster;

/// The children that nothing is seen of. Objects are watched by the Cluster's label: one of the same name without it is
/// found only by looking for it, which the controller does before the first apply.
pub fn unseen<'a>(desired: &'a Desired, observed: &'a Observed) -> impl Iterator<Item = &'a Object> {
    desired.objects.iter().filter(|object| observed.child(object.kind, &object.name).is_none())
}

pub(super) fn apply(
    cluster: &ValidCluster,
    desired: &Desired,
    observed: &Observed,
    replicas: u32,
    plan: &mut Plan,
) {
    plan.waiting.extend(desired.waiting.iter().cloned());
    for object in &desired.objects {
        let held = matches!(object.kind, Kind::ConfigMap | Kind::StatefulSet) && !desired.waiting.is_empty();
        let live = observed.child(object.kind, &object.name);
        match live {
            Some(live) if live.is_somebody_elses(&cluster.name, &cluster.uid) => {
                plan.waiting.push(Waiting::NameTaken { kind: object.kind, name: object.name.clone() });
            }
            Some(live) if live.deleting => plan.waiting.push(going(live)),
            _ if held => {}
            _ if object.kind == Kind::StatefulSet => {
                stateful_set(cluster, object, live, replicas, observed, plan)
            }
            Some(live) if object.is_covered_by(&live.manifest) => {}
            Some(live) => plan.steps.push(Step::Apply(object.clone().over(&live.manifest))),
            None => plan.steps.push(Step::Apply(object.clone())),
        }
    }
}

fn going(live: &Child) -> Waiting {
    match live.kind {
        Kind::StatefulSet => Waiting::StatefulSetReplaced,
        kind => Waiting::NameTaken { kind, name: live.name.clone() },
    }
}

/// What Kubernetes does not let change of a StatefulSet is changed by making it anew around its pods. They run on
/// meanwhile, and a new StatefulSet takes them over by their names. For a moment only the pods tell how many brokers there
/// are, so that moment is chosen: every pod is there, and none is to go. Until then the rest is kept up to date.
fn stateful_set(
    cluster: &ValidCluster,
    object: &Object,
    live: Option<&Child>,
    replicas: u32,
    observed: &Observed,
    plan: &mut Plan,
) {
    let object = object.with("replicas", replicas);
    let Some(live) = live else {
        plan.steps.push(Step::Apply(object));
        return;
    };
    let volumes = live.manifest["spec"]["volumeClaimTemplates"].clone();
    let replaced = !covers(&volumes, &object.manifest["spec"]["volumeClaimTemplates"]);
    if replaced && cluster.extent == cluster.replicas && calm::all_there(replicas, observed) {
        let note = "its volumes changed, which Kubernetes does not allow: made anew around the running pods";
        plan.steps.push(tell("StatefulSetReplaced", "Replace", note.to_owned()));
        plan.steps.push(Step::Orphan(live.reference()));
        plan.waiting.push(Waiting::StatefulSetReplaced);
        return;
    }
    let object = if replaced { object.with("volumeClaimTemplates", volumes) } else { object };
    if !object.is_covered_by(&live.manifest) {
        plan.steps.push(Step::Apply(object.over(&live.manifest)));
    }
    if replaced {
        plan.waiting.push(Waiting::StatefulSetReplaced);
    }
}
