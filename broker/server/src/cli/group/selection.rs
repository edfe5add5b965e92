//! Which partitions a command is about: `topic` for all of a topic's, `topic:0,2` for some. Pure.

use std::collections::BTreeSet;
use std::str::FromStr;

use weir_model::PartitionIndex;

/// A topic, and which of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) topic: String,
    /// Empty: all.
    pub(super) partitions: BTreeSet<PartitionIndex>,
}

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (topic, list) = match text.split_once(':') {
            Some((topic, list)) => (topic, Some(list)),
            None => (text, None),
        };
        if topic.is_empty() {
            return Err("write it as TOPIC or TOPIC:PARTITION,PARTITION".into());
        }
        let partition = |part: &str| {
            let index = part.trim().parse::<i32>().ok().filter(|index| *index >= 0);
            index.map(PartitionIndex).ok_or_else(|| format!("{part:?} is not a partition"))
        };
        let partitions =
            list.map_or_else(|| Ok(BTreeSet::new()), |list| list.split(',').map(partition).collect());
        Ok(Self { topic: topic.to_owned(), partitions: partitions? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_a_topic_with_all_or_some_partitions() {
        let some = |topic: &str, parts: &[i32]| {
            Ok(Selection {
                topic: topic.into(),
                partitions: parts.iter().map(|p| PartitionIndex(*p)).collect(),
            })
        };
        assert_eq!("t".parse(), some("t", &[]));
        assert_eq!("t:2,0".parse(), some("t", &[0, 2]));
        for bad in ["", ":1", "t:", "t:x", "t:-1", "t:1,"] {
            assert!(bad.parse::<Selection>().is_err(), "{bad}");
        }
    }
}
