//! How large partitions are: asked for once in a while, for nobody announces it. Between two questions the last answer
//! counts; it only decides which replica moves first.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use weir_admin::admin::v1;

/// How old sizes may be.
const AGE_MAX: Duration = Duration::from_secs(60);

/// The sizes that were told last.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    asked: Option<Instant>,
    by_topic: BTreeMap<String, BTreeMap<i32, u64>>,
}

impl Sizes {
    /// Whether it is time to ask.
    pub(super) fn are_old(&self) -> bool {
        self.asked.is_none_or(|asked| asked.elapsed() >= AGE_MAX)
    }

    /// Takes a description's sizes.
    pub(super) fn learn(&mut self, topics: &[v1::TopicDescription]) {
        self.asked = Some(Instant::now());
        self.by_topic.clear();
        for topic in topics {
            let sizes = topic.partitions.iter().filter_map(|p| Some((p.partition, p.size_bytes?)));
            self.by_topic.entry(topic.topic_id.clone()).or_default().extend(sizes);
        }
    }

    /// Bytes of a partition; 0 when nobody said.
    pub(super) fn of(&self, topic_id: &str, partition: i32) -> u64 {
        self.by_topic.get(topic_id).and_then(|topic| topic.get(&partition)).copied().unwrap_or(0)
    }
}
