//! A broker that has started asks to be taken in.

use tonic::Status;
use weir_admin::peer::v1::register_reply::Outcome;
use weir_admin::peer::v1::{RegisterReply, RegisterRequest};
use weir_core::controller::register_broker::RegisterBroker;
use weir_core::controller::{BrokerEndpoint, VersionRange};
use weir_quorum::NodeId;

use super::service::PeerService;
use super::words;
use crate::duties::Admission;

/// Listeners that a broker may have.
const ENDPOINTS_MAX: usize = 64;

impl PeerService {
    pub(super) async fn take_in(
        &self,
        from: NodeId,
        request: RegisterRequest,
    ) -> Result<RegisterReply, Status> {
        let command = command(from, request).ok_or_else(|| Status::invalid_argument("a bad registration"))?;
        let outcome = match Box::pin(self.shared.duties.register(from, command)).await {
            Admission::Registered(epoch) => Outcome::Epoch(epoch),
            Admission::NotController => Outcome::NotController(self.leader()),
            Admission::Refused(refusal) => Outcome::Refused(words::refusal(refusal)),
        };
        Ok(RegisterReply { outcome: Some(outcome) })
    }
}

/// The registration as the controller's command; nothing when an address or a number can not be.
fn command(from: NodeId, request: RegisterRequest) -> Option<RegisterBroker> {
    if request.endpoints.is_empty() || request.endpoints.len() > ENDPOINTS_MAX {
        return None;
    }
    let endpoints = request.endpoints.iter().map(|endpoint| {
        let at = words::to_host_port(endpoint.address.as_ref()?)?;
        Some(BrokerEndpoint { listener: endpoint.listener.clone(), host: at.host, port: at.port })
    });
    let place = |address: &Option<weir_admin::peer::v1::Address>| match address {
        Some(address) => words::to_host_port(address).map(Some),
        None => Some(None),
    };
    Some(RegisterBroker {
        id: from.broker,
        incarnation: from.incarnation,
        rack: request.rack.clone(),
        endpoints: endpoints.collect::<Option<_>>()?,
        // A member that others can not reach is none.
        peer: Some(place(&request.peer)??),
        admin: place(&request.admin)?,
        versions: VersionRange {
            min: i16::try_from(request.metadata_version_min).ok()?,
            max: i16::try_from(request.metadata_version_max).ok()?,
        },
        fenced: true,
        clean: request.clean,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_admin::peer::v1::{Address, Endpoint};
    use weir_model::{BrokerId, Incarnation};

    use super::*;

    fn request() -> RegisterRequest {
        let address = |port| Some(Address { host: "h".to_owned(), port });
        RegisterRequest {
            header: None,
            rack: Some("r".to_owned()),
            endpoints: vec![Endpoint { listener: "L".to_owned(), address: address(1) }],
            peer: address(2),
            admin: None,
            clean: true,
            metadata_version_min: 1,
            metadata_version_max: 2,
        }
    }

    #[test]
    fn a_registration_with_what_can_not_be_is_refused() {
        let from = NodeId { broker: BrokerId(3), incarnation: Incarnation(Uuid::from_u128(1)) };
        let good = command(from, request()).unwrap();
        assert!(good.fenced && good.clean && good.id == BrokerId(3));
        assert_eq!((good.endpoints[0].port, good.peer.unwrap().port, good.admin), (1, 2, None));
        let damaged: [fn(&mut RegisterRequest); 5] = [
            |r| r.endpoints.clear(),
            |r| r.endpoints[0].address = None,
            |r| r.peer = None,
            |r| r.peer.as_mut().unwrap().port = 70_000,
            |r| r.metadata_version_max = 1 << 20,
        ];
        for damage in damaged {
            let mut bad = request();
            damage(&mut bad);
            assert!(command(from, bad).is_none());
        }
    }
}
