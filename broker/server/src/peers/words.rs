//! Between our types and the peer service's messages, where more than one call needs them.

use weir_admin::peer::v1;
use weir_core::controller::HostPort;
use weir_model::config::Endpoint;
use weir_quorum::NodeId;

use super::identity::bytes_of;
use crate::api::refusal::Refusal;

pub(super) fn node(node: NodeId) -> v1::Node {
    v1::Node { broker: node.broker.0, incarnation: bytes_of(node.incarnation.0) }
}

pub(super) fn address(endpoint: &Endpoint) -> v1::Address {
    v1::Address { host: endpoint.host.clone(), port: u32::from(endpoint.port) }
}

pub(super) fn to_host_port(address: &v1::Address) -> Option<HostPort> {
    Some(HostPort { host: address.host.clone(), port: u16::try_from(address.port).ok()? })
}

pub(super) fn refusal(refusal: Refusal) -> v1::Refusal {
    v1::Refusal { code: i32::from(i16::from(refusal.code)), message: refusal.message }
}
