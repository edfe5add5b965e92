//! Which layer's value wins: the topic's own, then this broker's dynamic one, then the dynamic default of all
//! brokers, then the broker's file and flags, then the built-in default. Kafka's order.

use std::collections::BTreeMap;

use super::setting::{BrokerSynonym, Setting, Value};
use super::{ConfigError, broker_setting};

/// Settings of one layer as they were given: name to text.
pub type Pairs = BTreeMap<String, String>;

/// Where a value came from, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Set on the topic.
    Topic,
    /// Set on this broker while it ran.
    DynamicBroker,
    /// Set for all brokers while they ran.
    DynamicDefault,
    /// In the broker's file or on its command line.
    StaticBroker,
    /// Built in.
    Default,
}

/// The layers of one broker.
#[derive(Clone, Copy, Debug)]
pub struct BrokerLayers<'a> {
    /// Dynamic, this broker only.
    pub this_broker: &'a Pairs,
    /// Dynamic, every broker.
    pub all_brokers: &'a Pairs,
    /// The file and the flags.
    pub file: &'a Pairs,
}

/// One layer's word on a setting.
pub(super) struct Candidate<'a> {
    /// The name it was set under.
    pub(super) name: &'static str,
    pub(super) text: &'a str,
    pub(super) source: Source,
    /// The unit of `name` in units of the setting asked for.
    pub(super) factor: i64,
}

impl<'a> BrokerLayers<'a> {
    /// Every layer's word on a broker setting, the strongest first.
    pub(super) fn broker_candidates(self, setting: &'static Setting) -> impl Iterator<Item = Candidate<'a>> {
        let given = self.given().into_iter().filter_map(move |(pairs, source)| {
            let text = pairs.get(setting.name)?;
            Some(Candidate { name: setting.name, text, source, factor: 1 })
        });
        let built_in = setting.default.map(|text| Candidate {
            name: setting.name,
            text,
            source: Source::Default,
            factor: 1,
        });
        given.chain(built_in)
    }

    /// Every layer's word on a topic setting, the strongest first.
    pub(super) fn topic_candidates(
        self,
        setting: &'static Setting,
        topic: &'a Pairs,
    ) -> impl Iterator<Item = Candidate<'a>> {
        let own = topic.get(setting.name).map(|text| Candidate {
            name: setting.name,
            text,
            source: Source::Topic,
            factor: 1,
        });
        let given = self.given().into_iter().flat_map(move |(pairs, source)| {
            setting.synonyms.iter().filter_map(move |BrokerSynonym { name, factor }| {
                let text = pairs.get(*name)?;
                Some(Candidate { name, text, source, factor: *factor })
            })
        });
        let built_in = setting.synonyms.iter().filter_map(|BrokerSynonym { name, factor }| {
            let text = broker_setting(name).ok()?.default?;
            Some(Candidate { name, text, source: Source::Default, factor: *factor })
        });
        let last = setting.default.filter(|_| setting.synonyms.is_empty()).map(|text| Candidate {
            name: setting.name,
            text,
            source: Source::Default,
            factor: 1,
        });
        own.into_iter().chain(given).chain(built_in).chain(last)
    }

    fn given(self) -> [(&'a Pairs, Source); 3] {
        [
            (self.this_broker, Source::DynamicBroker),
            (self.all_brokers, Source::DynamicDefault),
            (self.file, Source::StaticBroker),
        ]
    }
}

impl Candidate<'_> {
    /// The checked value in units of `setting`. A negative number ("no limit") keeps its value in any unit.
    pub(super) fn value(&self, setting: &'static Setting) -> Result<Value, ConfigError> {
        let named = if self.name == setting.name { setting } else { broker_setting(self.name)? };
        Ok(match named.check(self.text)? {
            Value::Whole(n) if n > 0 => Value::Whole(n.saturating_mul(self.factor)),
            other => other,
        })
    }

    /// The value as text in units of `setting`.
    pub(super) fn converted(&self) -> String {
        match self.text.trim().parse::<i64>() {
            Ok(n) if self.factor != 1 && n > 0 => n.saturating_mul(self.factor).to_string(),
            _ => self.text.to_owned(),
        }
    }
}
