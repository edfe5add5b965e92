//! What DescribeConfigs and `weir topic describe` show: each setting's effective value, where it comes from, and
//! every layer's word on it.

use super::layers::{BrokerLayers, Candidate, Pairs, Source};
use super::setting::{ConfigType, Scope, Setting};
use super::{BROKER_SETTINGS, TOPIC_SETTINGS};

/// One setting as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The setting's name.
    pub name: &'static str,
    /// The effective value; `None` when unset or secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// Whether only a restart changes it.
    pub read_only: bool,
    /// Whether the value is withheld.
    pub sensitive: bool,
    /// Its type.
    pub config_type: ConfigType,
    /// Every layer's word, the strongest first.
    pub synonyms: Vec<Synonym>,
    /// What it means.
    pub doc: &'static str,
}

/// One layer's word on a setting, under the name and in the unit it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The name it was set under.
    pub name: &'static str,
    /// The value; `None` when secret.
    pub value: Option<String>,
    /// The layer.
    pub source: Source,
}

/// Every topic setting of one topic, sorted by name.
pub fn describe_topic<'a>(
    topic: &'a Pairs,
    broker: BrokerLayers<'a>,
) -> impl Iterator<Item = Described> + 'a {
    TOPIC_SETTINGS.iter().map(move |setting| row(setting, broker.topic_candidates(setting, topic)))
}

/// Every broker setting of one broker, sorted by name.
pub fn describe_broker<'a>(broker: BrokerLayers<'a>) -> impl Iterator<Item = Described> + 'a {
    BROKER_SETTINGS.iter().map(move |setting| row(setting, broker.broker_candidates(setting)))
}

fn row<'a>(setting: &'static Setting, candidates: impl Iterator<Item = Candidate<'a>>) -> Described {
    let sensitive = setting.is_sensitive();
    let mut strongest = None;
    let mut synonyms = Vec::new();
    for candidate in candidates {
        strongest.get_or_insert_with(|| (candidate.converted(), candidate.source));
        synonyms.push(Synonym {
            name: candidate.name,
            value: (!sensitive).then(|| candidate.text.to_owned()),
            source: candidate.source,
        });
    }
    let (value, source) = strongest.map_or((None, Source::Default), |(text, source)| (Some(text), source));
    Described {
        name: setting.name,
        value: value.filter(|_| !sensitive),
        source,
        read_only: setting.scope == Scope::BrokerReadOnly,
        sensitive,
        config_type: setting.kind.config_type(),
        synonyms,
        doc: setting.doc,
    }
}
