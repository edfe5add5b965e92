//! What a topic asks of its replicas, as everybody must see it: the topic's own settings, then the dynamic defaults
//! of all brokers, then the file of whoever decides. The dynamic settings of single brokers have no say.

use weir_model::config::{BrokerLayers, Pairs, TopicRules};

use super::{Image, Topic};

impl Image {
    /// The topic's rules. `defaults` is the file and the flags of the broker that decides.
    #[must_use]
    pub fn topic_rules(&self, topic: &Topic, defaults: &Pairs) -> TopicRules {
        static NONE: Pairs = Pairs::new();
        let layers =
            BrokerLayers { this_broker: &NONE, all_brokers: self.all_brokers_config(), file: defaults };
        // Settings are checked before they are stored.
        TopicRules::resolve(&topic.config, layers).unwrap_or(TopicRules::BUILT_IN)
    }

    /// How many replicas must be in sync for a write with acks=all.
    #[must_use]
    pub fn min_isr(&self, topic: &Topic, defaults: &Pairs) -> usize {
        self.topic_rules(topic, defaults).min_isr
    }
}
