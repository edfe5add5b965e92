//! Decides whether a set of settings may be taken, as a whole: known names, legal values, and no contradiction
//! between two of them.

use super::setting::{Setting, Value, words};
use super::similar::nearest;
use super::{BROKER_SETTINGS, BrokerConfig, BrokerLayers, ConfigError, Pairs, TOPIC_SETTINGS};

/// The topic setting of that name.
pub fn topic_setting(name: &str) -> Result<&'static Setting, ConfigError> {
    find(TOPIC_SETTINGS, "topic", name)
}

/// The broker setting of that name.
pub fn broker_setting(name: &str) -> Result<&'static Setting, ConfigError> {
    find(BROKER_SETTINGS, "broker", name)
}

fn find(table: &'static [Setting], scope: &'static str, name: &str) -> Result<&'static Setting, ConfigError> {
    match table.binary_search_by(|s| s.name.cmp(name)) {
        Ok(at) => Ok(&table[at]),
        Err(_) => Err(ConfigError::Unknown {
            scope,
            name: name.chars().take(256).collect(),
            near: nearest(name, table.iter().map(|s| s.name)),
        }),
    }
}

/// Splits the value of a list setting into its words.
#[must_use]
pub fn split_list(text: &str) -> Vec<String> {
    words(text.trim())
}

/// Checks a topic's own settings.
pub fn validate_topic(pairs: &Pairs) -> Result<(), ConfigError> {
    for (name, text) in pairs {
        topic_setting(name)?.check(text)?;
    }
    not_above(pairs, "min.compaction.lag.ms", "max.compaction.lag.ms")
}

/// Checks what an operator wants to set while brokers run: for one broker or for all.
pub fn validate_dynamic_broker(pairs: &Pairs) -> Result<(), ConfigError> {
    for (name, text) in pairs {
        let setting = broker_setting(name)?;
        setting.check(text)?;
        if setting.is_read_only() {
            return Err(ConfigError::ReadOnly { name: setting.name });
        }
    }
    not_above(pairs, "log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms")
}

/// Checks a broker's file and flags, and reads them.
pub fn validate_broker_file(file: &Pairs) -> Result<BrokerConfig, ConfigError> {
    for (name, text) in file {
        broker_setting(name)?.check(text)?;
    }
    not_above(file, "log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms")?;
    let none = Pairs::new();
    BrokerConfig::resolve(BrokerLayers { this_broker: &none, all_brokers: &none, file })
}

/// Both set in one layer: the first must not exceed the second.
fn not_above(pairs: &Pairs, low: &str, high: &str) -> Result<(), ConfigError> {
    let read = |name: &str| -> Option<(&'static str, i64)> {
        // Looked for first: a name of the other table is compared with every one of this.
        let text = pairs.get(name)?;
        let setting = topic_setting(name).or_else(|_| broker_setting(name)).ok()?;
        match setting.check(text) {
            Ok(Value::Whole(n)) => Some((setting.name, n)),
            _ => None,
        }
    };
    match (read(low), read(high)) {
        (Some((name, value)), Some((limit_name, limit))) if value > limit => {
            Err(ConfigError::Conflict { name, value, limit_name, limit })
        }
        _ => Ok(()),
    }
}
