//! Who owns a name: the oldest Topic that declares it. Two of the same second are told apart by their uids, so that
//! everybody who looks decides the same.

use std::collections::BTreeMap;

use super::Declaration;

/// The oldest Topic of each name.
pub(super) struct Claims<'a> {
    oldest: BTreeMap<&'a str, &'a Declaration>,
}

pub(super) fn oldest<'a>(topics: impl Iterator<Item = &'a Declaration>) -> Claims<'a> {
    let mut oldest: BTreeMap<&str, &Declaration> = BTreeMap::new();
    for topic in topics {
        let first = oldest.entry(topic.topic()).or_insert(topic);
        if age(topic) < age(first) {
            *first = topic;
        }
    }
    Claims { oldest }
}

fn age(topic: &Declaration) -> (Option<i64>, &str) {
    (topic.created, &topic.uid)
}

impl<'a> Claims<'a> {
    /// The Topic that owns the name instead of this one.
    pub(super) fn older_than(&self, topic: &Declaration) -> Option<&'a Declaration> {
        self.oldest.get(topic.topic()).copied().filter(|first| age(first) != age(topic))
    }
}
