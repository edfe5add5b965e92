//! Who owns a name: the oldest Topic that declares it. Two of the same second are told apart by their uids, so that
//! everybody who looks decides the same.

use std::collections::BTreeMap;

use weir_operator_api::Topic;

/// The oldest Topic of each name.
pub(super) struct Claims<'a> {
    oldest: BTreeMap<&'a str, &'a Topic>,
}

pub(super) fn oldest<'a>(topics: impl Iterator<Item = &'a Topic>) -> Claims<'a> {
    let mut oldest: BTreeMap<&str, &Topic> = BTreeMap::new();
    for topic in topics {
        let first = oldest.entry(super::name(topic)).or_insert(topic);
        if age(topic) < age(first) {
            *first = topic;
        }
    }
    Claims { oldest }
}

fn age(topic: &Topic) -> (Option<i64>, Option<&str>) {
    let created = topic.metadata.creation_timestamp.as_ref().map(|at| at.0.as_second());
    (created, topic.metadata.uid.as_deref())
}

impl<'a> Claims<'a> {
    /// The Topic that owns the name instead of this one.
    pub(super) fn older_than(&self, topic: &Topic) -> Option<&'a Topic> {
        self.oldest.get(super::name(topic)).copied().filter(|first| age(first) != age(topic))
    }
}
