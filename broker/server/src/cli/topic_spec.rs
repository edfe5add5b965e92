//! A topic to be made, as a word on the command line: `name` or `name:partitions`. Pure.

use std::str::FromStr;

use thiserror::Error;
use weir_model::TopicName;
use weir_model::ids::BadTopicName;

/// A legal name, and perhaps a number of partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicSpec {
    pub(crate) name: TopicName,
    pub(crate) partitions: Option<i32>,
}

/// Why a word is not a topic to be made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum BadTopicSpec {
    #[error("{0}")]
    Name(#[from] BadTopicName),
    #[error("{0:?} is not a number of partitions, write name or name:partitions")]
    Partitions(String),
}

impl FromStr for TopicSpec {
    type Err = BadTopicSpec;

    fn from_str(text: &str) -> Result<Self, BadTopicSpec> {
        let (name, partitions) = match text.split_once(':') {
            None => (text, None),
            Some((name, count)) => {
                let parsed = count.parse::<i32>().ok().filter(|count| *count > 0);
                (name, Some(parsed.ok_or_else(|| BadTopicSpec::Partitions(count.to_owned()))?))
            }
        };
        Ok(Self { name: TopicName::new(name)?, partitions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_name_with_or_without_partitions() {
        for (text, name, partitions) in [("orders", "orders", None), ("a.b_c-D:12", "a.b_c-D", Some(12))] {
            let spec: TopicSpec = text.parse().unwrap();
            assert_eq!((spec.name.as_str(), spec.partitions), (name, partitions));
        }
    }

    #[test]
    fn what_is_not_a_topic_says_why() {
        let partitions = |text: &str| BadTopicSpec::Partitions(text.into());
        let cases = [
            ("t:", partitions("")),
            ("t:0", partitions("0")),
            ("t:-1", partitions("-1")),
            ("t:x", partitions("x")),
            ("t:1:2", partitions("1:2")),
            ("", BadTopicSpec::Name(BadTopicName::Empty)),
            (":3", BadTopicSpec::Name(BadTopicName::Empty)),
            ("a/b", BadTopicSpec::Name(BadTopicName::Character('/'))),
        ];
        for (text, why) in cases {
            assert_eq!(text.parse::<TopicSpec>(), Err(why), "{text}");
        }
    }
}
