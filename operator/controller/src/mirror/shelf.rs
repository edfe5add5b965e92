//! The Topics of one scope, by the Cluster that they name. Of all kinds there are many of this one only, so each is kept once,
//! as far as anybody reads it, and found without looking at those of other Clusters. Pure but for the lock: it absorbs what a watch says, and tells
//! whose Topics have changed.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use kube::runtime::watcher::Event;
use tokio::sync::watch;
use weir_operator_api::Topic;
use weir_operator_plan::topics::Declaration;

use super::Fingerprint;
use crate::key::ClusterKey;

/// The Topics that readers see.
pub(crate) struct Shelf {
    topics: RwLock<Topics>,
    filled: watch::Sender<bool>,
}

impl Shelf {
    fn new() -> Self {
        Self { topics: RwLock::default(), filled: watch::Sender::new(false) }
    }

    /// All that name this Cluster, in the order of their own names.
    pub(crate) fn of(&self, cluster: &ClusterKey) -> Vec<Arc<Declaration>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        let own = topics.0.get(cluster).into_iter().flatten();
        own.map(|kept| Arc::clone(&kept.topic)).collect()
    }

    /// Whether any names this Cluster.
    pub(crate) fn has_any_of(&self, cluster: &ClusterKey) -> bool {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).0.contains_key(cluster)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).0.values().map(Vec::len).sum()
    }

    /// Waits until the first list was read to its end.
    pub(crate) async fn wait_until_filled(&self) {
        let mut filled = self.filled.subscribe();
        // The sender lives as long as this shelf: it can not be gone.
        let _ = filled.wait_for(|filled| *filled).await;
    }
}

/// One Topic, and what of it mattered when it was told of.
#[derive(Debug)]
struct Kept {
    print: u64,
    topic: Arc<Declaration>,
}

/// By Cluster, then in the order of names. A Cluster without Topics is not among them.
#[derive(Debug, Default)]
struct Topics(BTreeMap<ClusterKey, Vec<Kept>>);

impl Topics {
    /// Gives back the one that stood there.
    fn put(&mut self, cluster: &ClusterKey, now: Kept) -> Option<Kept> {
        if !self.0.contains_key(cluster) {
            self.0.insert(cluster.clone(), Vec::new());
        }
        let own = self.0.get_mut(cluster)?;
        match place(own, &now.topic) {
            Ok(at) => own.get_mut(at).map(|kept| std::mem::replace(kept, now)),
            Err(at) => {
                own.insert(at, now);
                None
            }
        }
    }

    fn find(&self, cluster: &ClusterKey, topic: &Declaration) -> Option<&Kept> {
        let own = self.0.get(cluster)?;
        own.get(place(own, topic).ok()?)
    }

    fn remove(&mut self, cluster: &ClusterKey, topic: &Declaration) {
        let Some(own) = self.0.get_mut(cluster) else { return };
        if let Ok(at) = place(own, topic) {
            own.remove(at);
        }
        if own.is_empty() {
            self.0.remove(cluster);
        }
    }
}

fn place(own: &[Kept], topic: &Declaration) -> Result<usize, usize> {
    own.binary_search_by(|kept| kept.topic.name.cmp(&topic.name))
}

/// Fills a shelf with what a watch says.
pub(super) struct Filler {
    shelf: Arc<Shelf>,
    /// While a list is read: what it has brought so far. Readers see what was there before until its end.
    listed: Option<Topics>,
}

impl Filler {
    pub(super) fn new() -> (Arc<Shelf>, Self) {
        let shelf = Arc::new(Shelf::new());
        (Arc::clone(&shelf), Self { shelf, listed: None })
    }

    /// Takes one event in, and tells whose Topics it has changed.
    pub(super) fn take(&mut self, event: Event<Topic>) -> Vec<ClusterKey> {
        let mut topics = self.shelf.topics.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => {
                self.listed = Some(Topics::default());
                Vec::new()
            }
            Event::InitApply(topic) => {
                let (cluster, now) = look(topic);
                let is_known =
                    topics.find(&cluster, &now.topic).is_some_and(|before| before.print == now.print);
                self.listed.get_or_insert_default().put(&cluster, now);
                if is_known { Vec::new() } else { vec![cluster] }
            }
            Event::InitDone => {
                let mut listed = self.listed.take().unwrap_or_default();
                // Read one by one, with room for more.
                listed.0.values_mut().for_each(Vec::shrink_to_fit);
                let before = std::mem::replace(&mut *topics, listed);
                self.shelf.filled.send_replace(true);
                let lacks = |cluster: &ClusterKey, own: &[Kept]| {
                    own.iter().any(|kept| topics.find(cluster, &kept.topic).is_none())
                };
                before
                    .0
                    .into_iter()
                    .filter(|(cluster, own)| lacks(cluster, own))
                    .map(|(key, _)| key)
                    .collect()
            }
            Event::Apply(topic) => {
                let (cluster, now) = look(topic);
                let print = now.print;
                let is_known = topics.put(&cluster, now).is_some_and(|before| before.print == print);
                if is_known { Vec::new() } else { vec![cluster] }
            }
            Event::Delete(topic) => {
                let (cluster, gone) = look(topic);
                topics.remove(&cluster, &gone.topic);
                vec![cluster]
            }
        }
    }
}

fn look(topic: Topic) -> (ClusterKey, Kept) {
    let namespace = topic.metadata.namespace.clone().unwrap_or_default();
    let cluster = ClusterKey { namespace, name: topic.spec.cluster_ref.name.clone() };
    (cluster, Kept { print: topic.fingerprint(), topic: Arc::new(Declaration::from(topic)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(cluster: &str, name: &str, generation: i64) -> Topic {
        let mut topic = Topic::new(name, Default::default());
        cluster.clone_into(&mut topic.spec.cluster_ref.name);
        topic.metadata.namespace = Some("ns".to_owned());
        topic.metadata.generation = Some(generation);
        topic
    }

    fn key(name: &str) -> ClusterKey {
        ClusterKey { namespace: "ns".to_owned(), name: name.to_owned() }
    }

    fn told(filler: &mut Filler, event: Event<Topic>) -> Vec<String> {
        filler.take(event).into_iter().map(|key| key.name).collect()
    }

    fn names(shelf: &Shelf, cluster: &str) -> Vec<String> {
        shelf.of(&key(cluster)).iter().map(|topic| topic.name.to_string()).collect()
    }

    #[test]
    fn what_is_heard_twice_is_told_once_and_a_deletion_always() {
        let (shelf, mut filler) = Filler::new();
        assert_eq!(told(&mut filler, Event::Apply(topic("c", "a", 1))), ["c"]);
        assert!(told(&mut filler, Event::Apply(topic("c", "a", 1))).is_empty());
        assert_eq!(told(&mut filler, Event::Apply(topic("c", "a", 2))), ["c"]);
        assert_eq!(told(&mut filler, Event::Delete(topic("c", "a", 2))), ["c"]);
        assert!(!shelf.has_any_of(&key("c")));
        assert_eq!(told(&mut filler, Event::Apply(topic("c", "a", 2))), ["c"]);
        assert_eq!((shelf.len(), shelf.has_any_of(&key("c"))), (1, true));
    }

    #[test]
    fn what_is_no_news_is_kept_in_its_newest_form() {
        let (shelf, mut filler) = Filler::new();
        told(&mut filler, Event::Apply(topic("c", "a", 1)));
        let mut written = topic("c", "a", 1);
        written.status = Some(Default::default());
        assert!(told(&mut filler, Event::Apply(written)).is_empty(), "our own status");
        assert!(shelf.of(&key("c"))[0].status.is_some());
    }

    #[test]
    fn topics_stand_by_their_cluster_in_the_order_of_names() {
        let (shelf, mut filler) = Filler::new();
        for (cluster, name) in [("c", "b"), ("d", "x"), ("c", "c"), ("c", "a")] {
            told(&mut filler, Event::Apply(topic(cluster, name, 1)));
        }
        assert_eq!(names(&shelf, "c"), ["a", "b", "c"]);
        assert_eq!(names(&shelf, "d"), ["x"]);
        assert!(names(&shelf, "e").is_empty());
    }

    #[test]
    fn a_list_that_is_read_again_tells_what_is_new_and_what_is_gone_and_is_seen_at_its_end() {
        let (shelf, mut filler) = Filler::new();
        for (cluster, name) in [("c", "a"), ("c", "gone"), ("left", "x"), ("same", "y")] {
            told(&mut filler, Event::Apply(topic(cluster, name, 1)));
        }
        told(&mut filler, Event::Init);
        assert!(told(&mut filler, Event::InitApply(topic("c", "a", 1))).is_empty());
        assert_eq!(told(&mut filler, Event::InitApply(topic("c", "b", 1))), ["c"]);
        assert!(told(&mut filler, Event::InitApply(topic("same", "y", 1))).is_empty());
        assert_eq!(names(&shelf, "c"), ["a", "gone"], "as it was, until the list is whole");
        assert_eq!(told(&mut filler, Event::InitDone), ["c", "left"]);
        assert_eq!(names(&shelf, "c"), ["a", "b"]);
        assert!(!shelf.has_any_of(&key("left")));
    }

    #[test]
    fn a_name_that_went_to_another_cluster_unseen_is_told_to_both() {
        let (shelf, mut filler) = Filler::new();
        told(&mut filler, Event::Apply(topic("before", "a", 1)));
        told(&mut filler, Event::Init);
        assert_eq!(told(&mut filler, Event::InitApply(topic("after", "a", 1))), ["after"]);
        assert_eq!(told(&mut filler, Event::InitDone), ["before"]);
        assert_eq!((names(&shelf, "before").len(), names(&shelf, "after")), (0, vec!["a".to_owned()]));
    }

    #[tokio::test]
    async fn it_is_filled_once_the_first_list_was_read_to_its_end() {
        let (shelf, mut filler) = Filler::new();
        told(&mut filler, Event::Init);
        told(&mut filler, Event::InitApply(topic("c", "a", 1)));
        assert!(!*shelf.filled.borrow());
        told(&mut filler, Event::InitDone);
        shelf.wait_until_filled().await;
        assert_eq!(shelf.len(), 1);
    }
}
