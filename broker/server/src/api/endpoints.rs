//! Decides which of a broker's addresses a client is told: the one of the listener that the client came by. A broker
//! without that listener can not be reached from where the client is, so it has no address then.

use weir_core::controller::{BrokerEndpoint, Registration};

/// The broker's address for clients of `listener`.
pub(crate) fn endpoint_for<'a>(registration: &'a Registration, listener: &str) -> Option<&'a BrokerEndpoint> {
    registration.endpoints.iter().find(|endpoint| endpoint.listener == listener)
}

#[cfg(test)]
mod tests {
    use weir_model::{BrokerId, Incarnation};

    use super::*;

    #[test]
    fn a_client_is_told_the_address_of_its_own_listener_or_none() {
        let endpoint = |listener: &str, port| BrokerEndpoint {
            listener: listener.to_owned(),
            host: "weir-0.example".to_owned(),
            port,
        };
        let registration = Registration {
            id: BrokerId(0),
            incarnation: Incarnation::default(),
            epoch: 0,
            rack: None,
            endpoints: vec![endpoint("INSIDE", 9092), endpoint("OUTSIDE", 30_000)],
            fenced: false,
            ..Registration::default()
        };
        let cases = [("INSIDE", Some(9092)), ("OUTSIDE", Some(30_000)), ("inside", None), ("", None)];
        for (listener, port) in cases {
            assert_eq!(endpoint_for(&registration, listener).map(|e| e.port), port, "{listener:?}");
        }
    }
}
