//! Operators in the toy world: what one makes of what its mirrors show, and how it carries that out: to the end, until it is
//! killed, or step by step beside another one. They have no memory but the status.

use weir_operator_api::Cluster;

use super::World;
use super::steps::Refused;
use crate::build::{Desired, build};
use crate::decide::{decide, questions, stranded_volumes, unseen};
use crate::irrevocable::is_irrevocable;
use crate::observed::Observed;
use crate::observed::brokers::BrokersView;
use crate::plan::Plan;
use crate::status::{Outcome, status};
use crate::valid::ValidCluster;
use crate::validate::validate;

/// How many ticks mirrors may be behind.
pub(crate) const BEHIND_MAX: usize = 16;

/// What a pass has decided, and on what.
struct Thought {
    cluster: Cluster,
    observed: Observed,
    valid: ValidCluster,
    desired: Desired,
    plan: Plan,
}

impl World {
    /// One pass of the operator.
    pub(crate) fn pass(&mut self) -> Plan {
        self.pass_until(usize::MAX)
    }

    /// One pass of an operator that is killed after that many steps: the rest is not done, and nothing is written down.
    pub(crate) fn pass_and_die(&mut self, steps: usize) {
        self.pass_until(steps);
    }

    fn pass_until(&mut self, steps: usize) -> Plan {
        self.begin_pass();
        let thought = self.think(0);
        for step in thought.plan.steps.iter().take(steps) {
            let taken = self.take(step, 1);
            assert!(
                taken.is_ok(),
                "{step:?} was decided on what is true, and is refused: {:?}",
                self.history
            );
        }
        if steps == usize::MAX {
            self.write_down(&thought);
        }
        thought.plan
    }

    fn begin_pass(&mut self) {
        self.passes += 1;
        self.moved_beside.clear();
    }

    /// Two operators decide at the same moment, each on mirrors that are that many ticks behind, and carry it out at the
    /// same time: `order` says which of them takes its next step. One that is refused something ends its pass.
    pub(crate) fn pass_of_two(&mut self, behind: [usize; 2], order: &[bool]) {
        self.begin_pass();
        let thoughts = behind.map(|behind| self.think(behind));
        let mut next = [0, 0];
        for who in order.iter().map(|second| usize::from(*second)) {
            let Some(step) = thoughts[who].plan.steps.get(next[who]) else { continue };
            next[who] = match self.take(step, 2) {
                Ok(()) => next[who] + 1,
                Err(Refused) => usize::MAX,
            };
        }
        for (thought, next) in thoughts.iter().zip(next) {
            // The others were killed on their way.
            if next >= thought.plan.steps.len() {
                self.write_down(thought);
            }
        }
    }

    /// Passes and ticks until nothing is left to do, and nothing happens by itself; the number of passes that did something.
    pub(crate) fn converge(&mut self) -> usize {
        let mut busy = 0;
        for _ in 0..400 {
            let plan = self.pass();
            if self.pass_over_topic() && plan.is_settled() && self.is_at_rest() {
                return busy;
            }
            busy += usize::from(!plan.steps.is_empty());
            self.tick();
        }
        let last = self.pass();
        panic!("does not converge: {:?}\n{last:#?}", self.history);
    }

    /// Whether nothing happens by itself any more that some operator would hear of.
    fn is_at_rest(&self) -> bool {
        self.silent == 0
            && self.under_replicated() == 0
            && self.flapping.is_empty()
            && self.fencing.is_empty()
    }

    /// What the controller does before it takes a step: what can not be taken back is decided once more on what is true.
    fn think(&self, behind: usize) -> Thought {
        let (cluster, observed) = self.mirrored(behind);
        let thought = self.decide(cluster, observed);
        if is_irrevocable(&thought.plan, &thought.observed) {
            return self.decide(self.cluster.clone(), self.observe());
        }
        thought
    }

    /// The brokers are asked at once; everything else is as old as the mirrors.
    fn mirrored(&self, behind: usize) -> (Cluster, Observed) {
        let past = behind.checked_sub(1).and_then(|back| self.past.iter().rev().nth(back));
        match past {
            Some((cluster, observed)) => {
                (cluster.clone(), Observed { now: self.now(), brokers: self.ask(), ..observed.clone() })
            }
            None => (self.cluster.clone(), self.observe()),
        }
    }

    fn decide(&self, cluster: Cluster, mut observed: Observed) -> Thought {
        let valid = match validate(&cluster, &observed) {
            Ok(valid) => valid,
            Err(wrong) => panic!("{wrong:?}"),
        };
        let desired = build(&valid, &observed);
        let looked_for = unseen(&desired, &observed);
        let found = looked_for.filter_map(|object| self.child(object.kind, &object.name).cloned());
        let found: Vec<_> = found.collect();
        observed.children.extend(found);
        for volume in stranded_volumes(&valid, &observed) {
            let of = self.volumes.iter().find(|(_, claim)| claim.volume.as_ref() == Some(&volume));
            if let Some((broker, _)) = of {
                observed.whereabouts.insert(volume, self.whereabouts(*broker));
            }
        }
        for broker in questions(&valid, &desired, &observed) {
            let answer = self.may_stop(broker);
            let BrokersView::Known(seen) = &mut observed.brokers else { continue };
            seen.may_stop.insert(broker.id, answer);
        }
        let plan = decide(&valid, &desired, &observed);
        Thought { cluster, observed, valid, desired, plan }
    }

    /// The API server takes a status only over the Cluster that was looked at.
    fn write_down(&mut self, thought: &Thought) {
        if thought.cluster != self.cluster {
            return;
        }
        let Thought { cluster, observed, valid, desired, plan } = thought;
        let outcome = Outcome::Planned { cluster: valid, desired, plan };
        self.cluster.status = Some(status(cluster, observed, outcome));
    }
}
