//! Mirrors of what the API server holds: one watch a kind and scope, limited by label, kept small, and a note to whoever
//! cares when something relevant changed. Reads only.

mod fingerprint;
mod prune;
mod set;
mod shelf;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use futures_util::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use kube::api::Api;
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use weir_operator_api::Topic;

use shelf::Filler;

pub(crate) use fingerprint::Fingerprint;
pub(crate) use prune::Prune;
pub(crate) use set::{Change, Mirrors};
pub(crate) use shelf::Shelf;

/// Where to look: one namespace, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope(Option<String>);

impl Scope {
    /// One for each namespace, or one for all when none is named.
    pub(crate) fn of(namespaces: &[String]) -> Vec<Self> {
        // An environment variable without a value is a list with one empty name.
        let names: BTreeSet<_> = namespaces.iter().filter(|name| !name.is_empty()).cloned().collect();
        if names.is_empty() {
            return vec![Self(None)];
        }
        names.into_iter().map(|name| Self(Some(name))).collect()
    }

    /// The API of one kind in this scope.
    pub(crate) fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match &self.0 {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        }
    }
}

/// What a kind must be able to do to be mirrored.
pub(crate) trait Mirrored:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Prune + Fingerprint + Send + Sync + 'static
{
}

impl<K> Mirrored for K where
    K: Resource<DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Prune
        + Fingerprint
        + Send
        + Sync
        + 'static
{
}

/// Mirrors one kind until `stop`. Of every object that appeared, changed in what matters, or went, `changes` hears what it
/// concerns.
pub(crate) fn mirror<K: Mirrored, C: Clone + Send + 'static>(
    api: Api<K>,
    config: watcher::Config,
    stop: CancellationToken,
    concerns: fn(&K) -> Option<C>,
    changes: mpsc::Sender<C>,
) -> Store<K> {
    let (store, mut writer) = reflector::store();
    let mut seen = Seen::new(concerns);
    let take = move |event| {
        let mut told = Vec::new();
        writer.apply_watcher_event(&event);
        seen.take(event, &mut |change| told.push(change));
        told
    };
    follow(api, config, stop, take, changes);
    store
}

/// Mirrors Topics until `stop`. Of every Cluster of which one appeared, changed in what matters, or went, `changes` hears.
pub(crate) fn mirror_topics(
    api: Api<Topic>,
    config: watcher::Config,
    stop: CancellationToken,
    changes: mpsc::Sender<Change>,
) -> Arc<Shelf> {
    let (shelf, mut filler) = Filler::new();
    let take = move |event| filler.take(event).into_iter().map(Change::Topic).collect();
    follow(api, config, stop, take, changes);
    shelf
}

/// Follows one kind until `stop`: each event goes to `take`, and what that makes of it to `changes`.
fn follow<K: Mirrored, C: Send + 'static>(
    api: Api<K>,
    config: watcher::Config,
    stop: CancellationToken,
    mut take: impl FnMut(watcher::Event<K>) -> Vec<C> + Send + 'static,
    changes: mpsc::Sender<C>,
) {
    let events = watcher(api, config).default_backoff().modify(Prune::prune);
    tokio::spawn(async move {
        let mut events = std::pin::pin!(events);
        let watching = async {
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => {
                        for change in take(event) {
                            if changes.send(change).await.is_err() {
                                return;
                            }
                        }
                    }
                    Err(error) => warn!(kind = %K::kind(&()), %error, "the watch is broken, it begins anew"),
                }
            }
        };
        stop.run_until_cancelled(watching).await;
    });
}

/// By namespace and name.
type Known<C> = BTreeMap<(String, String), (u64, Option<C>)>;

/// What was told of objects already.
struct Seen<K, C> {
    concerns: fn(&K) -> Option<C>,
    known: Known<C>,
    /// While a list is read: what it has brought so far. What is missing at its end is gone.
    listed: Option<Known<C>>,
}

impl<K: Mirrored, C: Clone> Seen<K, C> {
    fn new(concerns: fn(&K) -> Option<C>) -> Self {
        Self { concerns, known: BTreeMap::new(), listed: None }
    }

    fn take(&mut self, event: watcher::Event<K>, changed: &mut impl FnMut(C)) {
        match event {
            watcher::Event::Init => self.listed = Some(BTreeMap::new()),
            watcher::Event::InitApply(object) => {
                let (key, now) = self.look(&object);
                let known = self.known.remove(&key).is_some_and(|before| before.0 == now.0);
                if let (false, Some(concern)) = (known, now.1.clone()) {
                    changed(concern);
                }
                self.listed.get_or_insert_default().insert(key, now);
            }
            watcher::Event::InitDone => {
                let listed = self.listed.take().unwrap_or_default();
                let gone = std::mem::replace(&mut self.known, listed);
                gone.into_values().filter_map(|before| before.1).for_each(changed);
            }
            watcher::Event::Apply(object) => {
                let (key, now) = self.look(&object);
                let (print, concern) = now.clone();
                let known = self.known.insert(key, now).is_some_and(|before| before.0 == print);
                if let (false, Some(concern)) = (known, concern) {
                    changed(concern);
                }
            }
            watcher::Event::Delete(object) => {
                let (key, now) = self.look(&object);
                self.known.remove(&key);
                if let Some(concern) = now.1 {
                    changed(concern);
                }
            }
        }
    }

    fn look(&self, object: &K) -> ((String, String), (u64, Option<C>)) {
        let key = (object.namespace().unwrap_or_default(), object.name_any());
        (key, (object.fingerprint(), (self.concerns)(object)))
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::ObjectMeta;
    use kube::runtime::watcher::Event;

    use super::*;

    fn map(name: &str, version: &str) -> ConfigMap {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        ConfigMap { metadata, ..ConfigMap::default() }
    }

    fn seen() -> Seen<ConfigMap, String> {
        Seen::new(|map| map.metadata.name.clone())
    }

    fn told(seen: &mut Seen<ConfigMap, String>, event: Event<ConfigMap>) -> Vec<String> {
        let mut names = Vec::new();
        seen.take(event, &mut |name| names.push(name));
        names
    }

    #[test]
    fn what_is_heard_twice_is_told_once_and_a_deletion_always() {
        let mut seen = seen();
        assert_eq!(told(&mut seen, Event::Apply(map("a", "1"))), ["a"]);
        assert!(told(&mut seen, Event::Apply(map("a", "1"))).is_empty());
        assert_eq!(told(&mut seen, Event::Apply(map("a", "2"))), ["a"]);
        assert_eq!(told(&mut seen, Event::Delete(map("a", "2"))), ["a"]);
        assert_eq!(told(&mut seen, Event::Apply(map("a", "2"))), ["a"]);
    }

    #[test]
    fn a_list_that_is_read_again_tells_what_is_new_and_what_is_gone() {
        let mut seen = seen();
        told(&mut seen, Event::Apply(map("a", "1")));
        told(&mut seen, Event::Apply(map("gone", "1")));
        told(&mut seen, Event::Init);
        assert!(told(&mut seen, Event::InitApply(map("a", "1"))).is_empty());
        assert_eq!(told(&mut seen, Event::InitApply(map("b", "1"))), ["b"]);
        assert_eq!(told(&mut seen, Event::InitDone), ["gone"]);
        assert!(told(&mut seen, Event::Apply(map("a", "1"))).is_empty());
    }

    #[test]
    fn namespaces_are_watched_once_each_and_none_means_all() {
        assert_eq!(Scope::of(&[]), [Scope(None)]);
        assert_eq!(Scope::of(&[String::new()]), [Scope(None)]);
        let names = ["b".to_owned(), "a".to_owned(), "b".to_owned()];
        assert_eq!(Scope::of(&names), [Scope(Some("a".to_owned())), Scope(Some("b".to_owned()))]);
    }
}
