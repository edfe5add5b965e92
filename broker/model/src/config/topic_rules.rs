//! The few settings of a topic that decide who may lead it. The same answer on every broker, so only layers that all
//! of them share are read, and the file of whoever decides.

use super::ConfigError;
use super::layers::{BrokerLayers, Pairs};
use super::topic::{Durability, Reader};

/// What a topic asks of its replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicRules {
    /// In-sync replicas that a write with acks=all needs; before it is capped by the number of replicas.
    pub min_isr: usize,
    /// What an acknowledgement promised.
    pub durability: Durability,
    /// Whether a replica that may miss acknowledged records may lead when no other can.
    pub unclean: bool,
}

impl TopicRules {
    /// The rules of a topic that sets nothing, on brokers that set nothing.
    pub const BUILT_IN: Self = Self { min_isr: 1, durability: Durability::Fsync, unclean: false };

    /// Reads the rules through the layers. Fails only when a stored value is not legal (any more).
    pub fn resolve(topic: &Pairs, broker: BrokerLayers<'_>) -> Result<Self, ConfigError> {
        let read = Reader { topic, broker };
        Ok(Self {
            min_isr: read.narrow("min.insync.replicas")? as usize,
            durability: read.durability()?,
            unclean: read.truth("unclean.leader.election.enable")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_agree_with_the_whole_configuration() {
        let none = Pairs::new();
        let all = Pairs::from([("min.insync.replicas".to_owned(), "2".to_owned())]);
        let own = Pairs::from([
            ("weir.durability".to_owned(), "replicated".to_owned()),
            ("unclean.leader.election.enable".to_owned(), "true".to_owned()),
        ]);
        let layers = |all| BrokerLayers { this_broker: &none, all_brokers: all, file: &none };
        assert_eq!(TopicRules::resolve(&none, layers(&none)), Ok(TopicRules::BUILT_IN));
        let rules = TopicRules::resolve(&own, layers(&all)).unwrap();
        assert_eq!(rules, TopicRules { min_isr: 2, durability: Durability::Replicated, unclean: true });
        let whole = super::super::TopicConfig::resolve(&own, layers(&all)).unwrap();
        assert_eq!(whole.min_insync_replicas as usize, rules.min_isr);
        assert_eq!(whole.durability, rules.durability);
        assert_eq!(whole.unclean_leader_election, rules.unclean);
    }
}
