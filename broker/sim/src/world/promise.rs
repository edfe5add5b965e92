//! What a topic promises of a record that was acknowledged: what the checks hold it to.

use super::message::NewTopic;

/// A promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promise {
    /// It stays, whatever happens to the disks and the power.
    #[default]
    Kept,
    /// It stays until newer ones fill the topic's size. It is far too young to go for its age, whatever a clock shows.
    Trimmed,
    /// It stays until a newer one of the same key is there.
    Compacted,
    /// It stays unless machines lose power: `weir.durability=replicated` does not wait for disks.
    Replicated,
}

/// Stands for every value of a setting.
const ANY: &str = "";
/// Records differ by key in a compacted topic: so many keys there are.
const KEYS: u64 = 7;

impl Promise {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Kept, Self::Trimmed, Self::Compacted, Self::Replicated];

    /// The settings that make a topic promise it.
    const fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Kept => &[],
            // Clocks jump by an hour, and a run is minutes.
            Self::Trimmed => &[("retention.bytes", "12000"), ("retention.ms", "7200000")],
            Self::Compacted => &[
                ("cleanup.policy", "compact"),
                ("min.cleanable.dirty.ratio", "0.1"),
                ("delete.retention.ms", "3000"),
            ],
            Self::Replicated => &[("weir.durability", "replicated")],
        }
    }

    /// The topic with settings that make it promise this.
    #[must_use]
    pub fn made_by(self, mut topic: NewTopic) -> NewTopic {
        topic.settings.extend(self.settings());
        topic
    }

    /// What a topic with such settings promises.
    #[must_use]
    pub fn of(topic: &NewTopic) -> Self {
        let has =
            |name, value| topic.settings.iter().any(|(n, v)| *n == name && (*v == value || value == ANY));
        if has("cleanup.policy", "compact") {
            Self::Compacted
        } else if has("retention.bytes", ANY) || has("retention.ms", ANY) {
            Self::Trimmed
        } else if has("weir.durability", "replicated") {
            Self::Replicated
        } else {
            Self::Kept
        }
    }

    /// Records may be gone that were once there, but for those that it keeps.
    #[must_use]
    pub const fn lets_go(self) -> bool {
        matches!(self, Self::Trimmed | Self::Compacted)
    }
}

/// The key that a value is written under.
#[must_use]
pub const fn key_of(value: u64) -> u64 {
    value % KEYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_promises_what_its_settings_say() {
        for promise in Promise::ALL {
            assert_eq!(Promise::of(&promise.made_by(NewTopic::anywhere("a", 1, 2))), promise);
        }
    }
}
