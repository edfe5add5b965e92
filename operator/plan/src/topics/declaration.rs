//! What of a Topic is read here, and nothing else: a cluster may have ten thousand of them, and most of what an object
//! carries is of no concern. Translation only.

use weir_operator_api::{TOPIC_FINALIZER, Topic, TopicSpec, TopicStatus};

/// A Topic, as far as it is decided on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declaration {
    /// The name of the object.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Box<str>,
    /// Grows with every change of the spec.
    pub generation: Option<i64>,
    /// When it was made, in seconds since 1970.
    pub created: Option<i64>,
    /// Whether somebody has deleted it.
    pub deleting: bool,
    /// Whether our finalizer is on it.
    pub held: bool,
    /// What it declares.
    pub spec: TopicSpec,
    /// What was written to it last.
    pub status: Option<TopicStatus>,
}

impl Declaration {
    /// The topic's name: the object's own where the spec gives none.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.spec.name.as_deref().unwrap_or(&self.name)
    }
}

impl From<Topic> for Declaration {
    fn from(topic: Topic) -> Self {
        let Topic { metadata, spec, mut status } = topic;
        if let Some(status) = &mut status {
            // Read with room for four, and there is one.
            status.conditions.shrink_to_fit();
        }
        Self {
            name: metadata.name.unwrap_or_default().into(),
            uid: metadata.uid.unwrap_or_default().into(),
            generation: metadata.generation,
            created: metadata.creation_timestamp.map(|at| at.0.as_second()),
            deleting: metadata.deletion_timestamp.is_some(),
            held: metadata.finalizers.iter().flatten().any(|finalizer| finalizer == TOPIC_FINALIZER),
            spec,
            status,
        }
    }
}
