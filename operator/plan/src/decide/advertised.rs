//! Whether a broker tells its clients the address that it should. What it tells is its own word, in its registration:
//! nothing else knows what a running process has read.

use weir_model::BrokerId;

use crate::build::{Desired, Host};
use crate::observed::Observed;

/// Whether the broker is known to tell clients something else than it would after a restart.
pub(super) fn is_stale(broker: BrokerId, desired: &Desired, observed: &Observed) -> bool {
    let Some(seen) = observed.brokers.known().and_then(|seen| seen.brokers.get(&broker)) else {
        return false;
    };
    let Some(addresses) = desired.addresses.get(&broker) else { return false };
    let node = observed.pod(broker).and_then(|pod| pod.host_ip.as_deref());
    addresses.iter().any(|(listener, address)| {
        // A listener that it does not have yet is a change of its content, and decided there.
        seen.listeners.get(listener).is_some_and(|told| {
            let host = match &address.host {
                Host::Named(name) => Some(name.as_str()),
                Host::Node => node,
            };
            told.port != address.port || host.is_some_and(|host| told.host != host)
        })
    })
}
