//! Who and what: brokers, topics, partitions, producers. Decides which topic names are legal.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

/// A broker's number: its StatefulSet ordinal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub i32);

/// The identity of one disk's content. An empty disk gets a new one, so it can never pass for an old replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub Uuid);

/// A topic's identity; never reused, unlike its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub Uuid);

impl TopicId {
    /// What the protocol sends for "no id, look at the name".
    pub const ZERO: Self = Self(Uuid::nil());

    /// Ids that Kafka reserves (all zero, and the metadata topic's one).
    #[must_use]
    pub fn is_reserved(self) -> bool {
        self.0.is_nil() || self.0 == Uuid::from_u128(1)
    }
}

/// A partition's number within its topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionIndex(pub i32);

/// An idempotent producer's identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerId(pub i64);

impl ProducerId {
    /// What the protocol sends for "not idempotent".
    pub const NONE: Self = Self(-1);
}

/// A legal topic name: 1 to 249 of `[a-zA-Z0-9._-]`, and neither `.` nor `..`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Why a string is not a topic name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadTopicName {
    /// The empty string.
    #[error("topic name is empty")]
    Empty,
    /// `.` or `..`.
    #[error("topic name can not be \".\" or \"..\"")]
    Dots,
    /// Too long for a directory name with its suffixes.
    #[error("topic name is {0} characters long, the most is 249")]
    TooLong(usize),
    /// Holds a character outside the alphabet.
    #[error("topic name holds {0:?}; legal are ASCII letters, digits, '.', '_' and '-'")]
    Character(char),
}

impl TopicName {
    /// Checks the name by Kafka's rules.
    pub fn new(name: &str) -> Result<Self, BadTopicName> {
        if name.is_empty() {
            return Err(BadTopicName::Empty);
        }
        if name == "." || name == ".." {
            return Err(BadTopicName::Dots);
        }
        if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
        {
            return Err(BadTopicName::Character(bad));
        }
        if name.len() > 249 {
            return Err(BadTopicName::TooLong(name.len()));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Two topics whose names have equal keys collide in metric names (`.` against `_`).
    #[must_use]
    pub fn collision_key(&self) -> String {
        self.0.replace('.', "_")
    }
}

/// One partition of one topic, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition's number in it.
    pub partition: PartitionIndex,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

macro_rules! display_inner {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display_inner!(BrokerId, Incarnation, TopicId, PartitionIndex, ProducerId, TopicName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_follow_kafkas_rules() {
        let longest = "x".repeat(249);
        for good in ["a", "a.b_c-D9", "...", "__consumer_offsets", &longest] {
            assert_eq!(TopicName::new(good).unwrap().as_str(), good);
        }
        let cases = [
            ("", BadTopicName::Empty),
            (".", BadTopicName::Dots),
            ("..", BadTopicName::Dots),
            ("a/b", BadTopicName::Character('/')),
            ("ü", BadTopicName::Character('ü')),
            ("a\0", BadTopicName::Character('\0')),
        ];
        for (bad, why) in cases {
            assert_eq!(TopicName::new(bad).unwrap_err(), why);
        }
        assert_eq!(TopicName::new(&"x".repeat(250)).unwrap_err(), BadTopicName::TooLong(250));
    }

    #[test]
    fn dots_and_underscores_collide() {
        let key = |name| TopicName::new(name).unwrap().collision_key();
        assert_eq!(key("a.b"), key("a_b"));
        assert_ne!(key("a.b"), key("a-b"));
    }
}
