//! Takes away children that are no longer wanted: Services of listeners that were taken out, the budget of a cluster that
//! has shrunk to one broker. Only what this very Cluster controls, and never the StatefulSet.

use crate::build::Desired;
use crate::object::Kind;
use crate::observed::Observed;
use crate::plan::{Plan, Step};
use crate::valid::ValidCluster;

pub(super) fn take_away(cluster: &ValidCluster, desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let unwanted = observed.children.iter().filter(|child| {
        child.kind != Kind::StatefulSet
            && !child.deleting
            && child.is_controlled_by(&cluster.uid)
            && desired.object(child.kind, &child.name).is_none()
    });
    plan.steps.extend(unwanted.map(|child| Step::Prune(child.reference())));
}
