//! What one pass has found out: the world, and what the plan says about it. Looks by name for children that are about
//! to be made and for volumes that pods wait for, and asks the controller of the brokers what the plan wants to know;
//! decides nothing itself.

use std::time::Duration;

use kube::Client;
use kube::runtime::controller::Action;
use weir_operator_api::{Cluster, ClusterStatus};
use weir_operator_plan::observed::brokers::{BrokerRef, MayStop};
use weir_operator_plan::{BrokersView, Desired, Invalid, Observed, Outcome, Plan, Step, ValidCluster};

use super::observe::look_for;
use super::whereabouts;
use crate::brokers::Session;
use crate::error::Error;

/// How often a cluster is looked at of which nothing is heard: watches tell of everything, this is for what they miss.
const LOOK_ANYWAY: Duration = Duration::from_secs(600);

/// One pass.
pub(crate) struct Pass {
    pub(crate) cluster: Cluster,
    observed: Observed,
    verdict: Result<Verdict, Vec<Invalid>>,
}

/// What the plan says of a legal spec.
struct Verdict {
    valid: ValidCluster,
    desired: Desired,
    plan: Plan,
}

impl Pass {
    /// Validates, builds, asks and decides.
    pub(crate) async fn think(
        cluster: Cluster,
        mut observed: Observed,
        session: &Session,
        client: &Client,
    ) -> Result<Self, Error> {
        let verdict = match weir_operator_plan::validate(&cluster, &observed) {
            Err(invalid) => Err(invalid),
            Ok(valid) => {
                let desired = weir_operator_plan::build(&valid, &observed);
                let unseen = weir_operator_plan::unseen(&desired, &observed);
                let found = look_for(client, &valid.namespace, unseen).await?;
                observed.children.extend(found);
                for volume in weir_operator_plan::stranded_volumes(&valid, &observed) {
                    let found = whereabouts::of(client, &volume).await;
                    observed.whereabouts.insert(volume, found);
                }
                for broker in weir_operator_plan::questions(&valid, &desired, &observed) {
                    ask(&mut observed, broker, session).await;
                }
                let plan = weir_operator_plan::decide(&valid, &desired, &observed);
                Ok(Verdict { valid, desired, plan })
            }
        };
        Ok(Self { cluster, observed, verdict })
    }

    /// What to do, in this order.
    pub(crate) fn steps(&self) -> &[Step] {
        self.verdict.as_ref().map_or(&[], |verdict| &verdict.plan.steps)
    }

    /// What was decided, where the spec is legal.
    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.verdict.as_ref().ok().map(|verdict| &verdict.plan)
    }

    /// Whether some step can not be taken back: then it is decided once more, on what is read from the API server itself.
    pub(crate) fn is_irrevocable(&self) -> bool {
        self.plan().is_some_and(|plan| weir_operator_plan::is_irrevocable(plan, &self.observed))
    }

    /// The id that the cluster has had since it first had one; brokers of another one refuse what is meant for it.
    pub(crate) fn cluster_id(&self) -> &str {
        let pinned = self.cluster.status.as_ref().and_then(|status| status.cluster_id.as_deref());
        let told = || self.observed.brokers.known().map(|snapshot| snapshot.cluster_id.as_str());
        pinned.or_else(told).unwrap_or_default()
    }

    /// The status that says so.
    pub(crate) fn status(&self) -> ClusterStatus {
        weir_operator_plan::status(&self.cluster, &self.observed, self.outcome())
    }

    fn outcome(&self) -> Outcome<'_> {
        match &self.verdict {
            Ok(Verdict { valid, desired, plan }) => Outcome::Planned { cluster: valid, desired, plan },
            Err(invalid) => Outcome::Invalid(invalid),
        }
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Action {
        let asked = self.verdict.as_ref().ok().and_then(|verdict| verdict.plan.requeue);
        Action::requeue(asked.unwrap_or(LOOK_ANYWAY).min(LOOK_ANYWAY))
    }
}

/// Has the controller say whether that broker may stop.
async fn ask(observed: &mut Observed, broker: BrokerRef, session: &Session) {
    let BrokersView::Known(snapshot) = &mut observed.brokers else { return };
    let answer: MayStop = session.may_stop(&snapshot.cluster_id, broker).await;
    snapshot.may_stop.insert(broker.id, answer);
}
