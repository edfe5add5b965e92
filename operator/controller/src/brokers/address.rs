//! Where the admin service of a broker is: by the names that the headless service gives to pods. Pure.

use crate::key::ClusterKey;

/// An address with places for the names.
#[derive(Clone, Debug)]
pub(crate) struct AddressPattern(String);

impl AddressPattern {
    pub(crate) fn new(pattern: String) -> Self {
        Self(pattern)
    }

    /// Host and port of the broker's admin service.
    pub(crate) fn of(&self, cluster: &ClusterKey, ordinal: i32) -> String {
        self.0
            .replace("{pod}", &format!("{}-{ordinal}", cluster.name))
            .replace("{ordinal}", &ordinal.to_string())
            .replace("{cluster}", &cluster.name)
            .replace("{namespace}", &cluster.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_found_by_the_name_of_its_pod() {
        let pattern = AddressPattern::new("{pod}.{cluster}-brokers.{namespace}.svc:9095".to_owned());
        let key = ClusterKey { namespace: "prod".to_owned(), name: "logs".to_owned() };
        assert_eq!(pattern.of(&key, 2), "logs-2.logs-brokers.prod.svc:9095");
        assert_eq!(key.to_string(), "prod/logs");
    }
}
