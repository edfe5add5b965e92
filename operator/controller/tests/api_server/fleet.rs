//! Keeps the brokers that are stood in true to their pods: one whose pod is ready is registered and counted on, one whose
//! pod is not is fenced. Watches meanwhile who is away, and who was restarted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use tokio::task::JoinHandle;

use crate::brokers::{Brokers, Member};
use crate::world::World;

const PACE: Duration = Duration::from_millis(50);

/// The watching.
pub(crate) struct Fleet {
    seen: Arc<Mutex<Seen>>,
    working: JoinHandle<()>,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The pods that each broker has had, in the order in which they came.
    pub(crate) pods: BTreeMap<i32, Vec<String>>,
    /// The most brokers that were away at once after having been there, of those that were to stay.
    pub(crate) most_away: usize,
}

impl Fleet {
    /// Begins. `staying`: brokers below it are never to go for good.
    pub(crate) fn follow(world: &World, staying: i32) -> Self {
        let (pods, brokers) = (world.api::<Pod>(), world.brokers.clone());
        brokers.become_members(BTreeMap::clear);
        let seen = Arc::<Mutex<Seen>>::default();
        let kept = Arc::clone(&seen);
        let working = tokio::spawn(async move {
            loop {
                // An API server that is busy is asked again.
                if let Some(ready) = ready(&pods).await {
                    note(&kept, &ready, staying);
                    follow(&brokers, &ready.keys().copied().collect());
                }
                tokio::time::sleep(PACE).await;
            }
        });
        Self { seen, working }
    }

    /// What was seen so far.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("not poisoned")
    }

    /// How often each broker was restarted that is to stay.
    pub(crate) fn restarts(&self, staying: i32) -> Vec<usize> {
        let seen = self.seen();
        (0..staying).map(|id| seen.pods.get(&id).map_or(0, |pods| pods.len().saturating_sub(1))).collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.working.abort();
    }
}

/// The pods that are ready and not going, by broker.
async fn ready(pods: &Api<Pod>) -> Option<BTreeMap<i32, String>> {
    let listed = pods.list(&ListParams::default()).await.ok()?;
    let is_ready = |pod: &&Pod| {
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
        let ready = conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
        ready && pod.metadata.deletion_timestamp.is_none()
    };
    let of = |pod: &Pod| Some((pod.name_any().rsplit('-').next()?.parse().ok()?, pod.uid()?));
    Some(listed.items.iter().filter(is_ready).filter_map(of).collect())
}

fn note(seen: &Mutex<Seen>, ready: &BTreeMap<i32, String>, staying: i32) {
    let mut seen = seen.lock().expect("not poisoned");
    for (id, uid) in ready {
        let pods = seen.pods.entry(*id).or_default();
        if !pods.contains(uid) {
            pods.push(uid.clone());
        }
    }
    let away = (0..staying).filter(|id| seen.pods.contains_key(id) && !ready.contains_key(id)).count();
    seen.most_away = seen.most_away.max(away);
}

fn follow(brokers: &Brokers, ready: &BTreeSet<i32>) {
    let true_already = {
        let state = brokers.state();
        let counted_on = state.members.iter().filter(|(_, member)| !member.fenced).map(|(id, _)| *id);
        counted_on.collect::<BTreeSet<_>>() == *ready
    };
    if true_already {
        return;
    }
    brokers.become_members(|members| {
        for (id, member) in members.iter_mut() {
            member.fenced = !ready.contains(id);
        }
        for id in ready {
            members.entry(*id).or_insert_with(Member::default);
        }
    });
}
