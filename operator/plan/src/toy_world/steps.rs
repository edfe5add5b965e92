//! What steps do to the toy world. Whatever names what it was decided on is refused when that is not so any more, as the API
//! server and the brokers' controller do it. What no operator may ever do, however late, fails the test.

use serde_json::{Value, json};
use weir_model::BrokerId;

use super::World;
use crate::object::{Kind, Object, ObjectRef};
use crate::observed::brokers::{BrokerRef, BrokerSeen, BrokerState, MayStop};
use crate::observed::{Child, Whereabouts};
use crate::plan::Step;
use crate::quantity::Bytes;

/// A write that rests on what is not so any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

impl World {
    /// `writers`: how many operators begin moves at the same time without knowing of each other.
    pub(super) fn take(&mut self, step: &Step, writers: usize) -> Result<(), Refused> {
        match step {
            Step::Apply(object) => self.apply(object),
            Step::Orphan(set) => self.remove("orphan", set),
            Step::Prune(child) => self.remove("prune", child),
            Step::DeletePod { uid, broker, .. } => self.stop(*broker, uid),
            Step::PatchVolume { name, patch } => self.patch(name, patch),
            Step::DeleteVolume { name, uid, .. } => self.delete_volume(name, uid),
            Step::Drain(broker) => {
                self.broker(*broker)?.drained = true;
                Ok(())
            }
            Step::Undrain(broker) => {
                self.broker(*broker)?.drained = false;
                self.note(format!("undrain {}", broker.id));
                Ok(())
            }
            Step::Unregister(broker) => self.unregister(*broker),
            Step::Move(moves) => {
                if writers > 1 {
                    self.moved_beside.extend(moves.iter().map(|order| order.partition.number));
                }
                let at_once = self.cluster.spec.rebalance.max_concurrent_moves.unwrap_or(10);
                let at_once = usize::try_from(at_once).unwrap() * writers;
                self.partitions.begin(moves, &self.brokers, at_once)
            }
            Step::CancelMoves(cancelled) => {
                self.partitions.cancel(cancelled);
                Ok(())
            }
            Step::ElectPreferred(elected) => {
                self.partitions.elect(elected, &self.brokers);
                Ok(())
            }
            Step::Event(_) => Ok(()),
        }
    }

    fn apply(&mut self, object: &Object) -> Result<(), Refused> {
        let serial = self.serial();
        let key = (object.kind, object.name.clone());
        let before = self.children.get(&key);
        let mut manifest = object.manifest.clone();
        is_what_was_looked_at(&manifest, before)?;
        manifest["metadata"]["uid"] =
            before.map_or_else(|| json!(format!("u{serial}")), |before| json!(before.uid));
        manifest["metadata"]["resourceVersion"] = json!(serial.to_string());
        if object.kind == Kind::Service && manifest["spec"]["type"] == "NodePort" {
            let given = before.and_then(|before| crate::build::node_port(&before.manifest));
            let port = given.unwrap_or_else(|| 30_000 + u16::try_from(serial % 2_000).unwrap());
            if manifest["spec"]["ports"][0].get("nodePort").is_none() {
                manifest["spec"]["ports"][0]["nodePort"] = json!(port);
            }
        }
        if let (Kind::StatefulSet, Some(before)) = (object.kind, before) {
            let at = "/spec/volumeClaimTemplates";
            assert_eq!(manifest.pointer(at), before.manifest.pointer(at), "the API server refuses it");
            self.may_shrink(
                before.manifest["spec"]["replicas"].as_u64(),
                manifest["spec"]["replicas"].as_u64(),
            );
        }
        self.children.insert(key, Child::of_manifest(object.kind, manifest));
        Ok(())
    }

    fn may_shrink(&self, before: Option<u64>, after: Option<u64>) {
        for gone in after.unwrap()..before.unwrap() {
            let broker = BrokerId(i32::try_from(gone).unwrap());
            let held = self.counted().get(&broker).map_or(0, |broker| broker.replicas);
            assert_eq!(held, 0, "broker {broker} is taken away with its replicas: {:?}", self.history);
        }
    }

    fn remove(&mut self, how: &str, child: &ObjectRef) -> Result<(), Refused> {
        let key = (child.kind, child.name.clone());
        self.children.get(&key).filter(|there| there.uid == child.uid).ok_or(Refused)?;
        self.children.remove(&key);
        self.note(format!("{how} {}", child.name));
        Ok(())
    }

    fn patch(&mut self, name: &str, patch: &Value) -> Result<(), Refused> {
        let broker = self.names().broker_of_volume(name).unwrap();
        let volume = self.volumes.get_mut(&broker).ok_or(Refused)?;
        if patch["metadata"]["uid"] != volume.uid.as_str() {
            return Err(Refused);
        }
        let annotation = |name: &str| patch["metadata"]["annotations"][name].as_str().map(str::to_owned);
        let asked = patch.pointer("/spec/resources/requests/storage").and_then(Value::as_str);
        if let Some(size) = asked {
            let size = amount(size);
            if size < volume.requested {
                // No volume shrinks.
                return Err(Refused);
            }
            volume.requested = size;
        }
        volume.when_deleted = annotation("weir.dev/when-deleted").or(volume.when_deleted.take());
        volume.cluster_uid = annotation("weir.dev/cluster-uid").or(volume.cluster_uid.take());
        Ok(())
    }

    fn delete_volume(&mut self, name: &str, uid: &str) -> Result<(), Refused> {
        let broker = self.names().broker_of_volume(name).unwrap();
        self.volumes.get(&broker).filter(|volume| volume.uid == uid).ok_or(Refused)?;
        let told = format!("{name} of {:?}: {:?}", self.brokers.get(&broker), self.history);
        let held = self.counted().get(&broker).map(|seen| (seen.fenced, seen.replicas));
        assert!(held.is_none_or(|held| held == (true, 0)), "it may hold records, {told}");
        assert!(
            held.is_none() || self.whereabouts(broker) != Whereabouts::Reachable,
            "its node is there, {told}"
        );
        assert!(self.pods.get(&broker).is_none_or(|(pod, _)| pod.node.is_none()), "it is used, {told}");
        self.note(format!("delete {name}"));
        self.forget_disk(broker);
        Ok(())
    }

    /// The broker with that disk.
    fn broker(&mut self, broker: BrokerRef) -> Result<&mut BrokerSeen, Refused> {
        let seen = self.brokers.get_mut(&broker.id);
        seen.filter(|seen| seen.incarnation == broker.incarnation).ok_or(Refused)
    }

    fn unregister(&mut self, broker: BrokerRef) -> Result<(), Refused> {
        let held = self.counted().get(&broker.id).map_or(0, |seen| seen.replicas);
        if !self.broker(broker)?.fenced || held > 0 {
            return Err(Refused);
        }
        self.brokers.remove(&broker.id);
        Ok(())
    }

    /// The controller's word.
    pub(super) fn may_stop(&self, broker: BrokerRef) -> MayStop {
        let no = self.refusing > 0
            || self.partitions.moves_of(broker.id) > 0
            || self.partitions.would_miss(broker.id, &self.brokers);
        if no {
            MayStop::No { reasons: vec!["not now".to_owned()] }
        } else {
            MayStop::Yes { incarnation: broker.incarnation }
        }
    }

    fn stop(&mut self, broker: BrokerId, uid: &str) -> Result<(), Refused> {
        let pod = self.pods.get(&broker).map(|(pod, _)| pod);
        let ready = pod.filter(|pod| pod.uid == uid).ok_or(Refused)?.ready;
        if ready {
            self.nobody_is_missed_beside(broker);
            self.stopped.insert(broker, self.passes);
        }
        self.note(format!("restart {broker}"));
        self.kill(broker);
        Ok(())
    }

    /// A broker that serves is stopped only while every other one is there, or was stopped together with it: one voter, one
    /// zone, no partition in common. No partition falls below its min.insync.replicas.
    fn nobody_is_missed_beside(&self, broker: BrokerId) {
        let told = format!("broker {broker} is stopped in pass {}: {:?}", self.passes, self.history);
        let with: Vec<_> =
            self.stopped.iter().filter(|(_, pass)| **pass == self.passes).map(|(id, _)| *id).collect();
        for (id, seen) in self.counted().iter().filter(|(id, _)| **id != broker && !with.contains(id)) {
            let ready = self.pods.get(id).is_some_and(|(pod, _)| pod.ready);
            assert!((ready && !seen.fenced) || seen.replicas == 0, "without {id}, {told}");
        }
        for (id, (other, _)) in self.pods.iter().filter(|(id, _)| **id != broker && !with.contains(id)) {
            assert!(other.ready, "{id} is not ready, {told}");
        }
        if with.is_empty() {
            let lacking = self.under_replicated_beside(&self.moved_beside);
            assert_eq!((self.silent, self.refusing, lacking), (0, 0, 0), "{told}");
        }
        let at_most = usize::try_from(self.cluster.spec.rollout.max_unavailable).unwrap().max(1);
        assert!(with.len() < at_most, "{} others with it, {told}", with.len());
        let rack = |id: BrokerId| self.brokers.get(&id).and_then(|broker| broker.rack.clone());
        for other in with {
            assert_eq!(rack(broker), rack(other), "{other} is of another zone, {told}");
            assert!(!self.partitions.share(broker, other), "{other} has partitions of it, {told}");
            assert!(broker.0 > 2 || other.0 > 2, "{other} has a vote, too, {told}");
        }
        assert!(!self.partitions.would_miss(broker, &self.brokers), "below min ISR, {told}");
    }

    /// A pod goes, for whatever reason.
    pub(crate) fn kill(&mut self, broker: BrokerId) {
        if self.pods.remove(&broker).is_some() {
            self.flapping.remove(&broker);
            self.fencing.insert(broker, self.fences_after);
            self.fence();
        }
    }

    /// Brokers that have been away for long enough are not counted on any more.
    pub(super) fn fence(&mut self) {
        let gone: Vec<_> =
            self.fencing.iter().filter(|(_, ticks)| **ticks == 0).map(|(broker, _)| *broker).collect();
        for broker in gone {
            self.fencing.remove(&broker);
            if let Some(seen) = self.brokers.get_mut(&broker) {
                seen.fenced = true;
                seen.state = BrokerState::Fenced;
            }
        }
    }
}

/// An object that names another uid or version than there is was decided on an older one.
fn is_what_was_looked_at(manifest: &Value, live: Option<&Child>) -> Result<(), Refused> {
    let same = ["uid", "resourceVersion"].iter().all(|field| {
        let named = &manifest["metadata"][*field];
        named.is_null() || live.is_some_and(|live| live.manifest["metadata"][*field] == *named)
    });
    if same { Ok(()) } else { Err(Refused) }
}

pub(super) fn amount(text: &str) -> Option<Bytes> {
    Bytes::parse(&k8s_openapi::apimachinery::pkg::api::resource::Quantity(text.to_owned()))
}
