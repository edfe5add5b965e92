//! DescribeCluster: the cluster's id, its brokers as the caller's listener shows them, and who takes administration.

use weir_core::controller::{Broker as Registered, Image};
use weir_wire::messages::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use weir_wire::{ErrorCode, Str};

use super::refusal::Refusal;
use super::{allowed_operations, cluster_id, endpoints};
use crate::broker::Broker;
use crate::dispatch::Caller;

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    match check_endpoint_type(caller.version, request.endpoint_type) {
        Ok(()) => describe(&broker.image(), broker.controller_id(), &caller.session.listener, &request),
        Err(refusal) => DescribeClusterResponse {
            error_code: refusal.code.into(),
            error_message: Some(Str::from(refusal.message)),
            ..DescribeClusterResponse::default()
        },
    }
}

/// This is a broker; clients that want to talk to controllers directly asked the wrong one.
fn check_endpoint_type(version: i16, endpoint_type: i8) -> Result<(), Refusal> {
    let refuse = |code, message: String| {
        // Version 0 knows neither types nor these codes.
        Err(Refusal::new(if version == 0 { ErrorCode::InvalidRequest } else { code }, message))
    };
    match endpoint_type {
        BROKERS => Ok(()),
        CONTROLLERS => refuse(
            ErrorCode::MismatchedEndpointType,
            "the request was sent to a broker, but asks for controllers".to_owned(),
        ),
        other => refuse(ErrorCode::UnsupportedEndpointType, format!("unsupported endpoint type {other}")),
    }
}

fn describe(
    image: &Image,
    controller: i32,
    listener: &str,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    let shown = image.brokers().filter(|b| request.include_fenced_brokers || !b.registration.fenced);
    let operations = if request.include_cluster_authorized_operations {
        allowed_operations::CLUSTER
    } else {
        allowed_operations::NOT_ASKED
    };
    DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: image.cluster_id().map_or_else(Str::new, |id| Str::from(cluster_id::as_text(id))),
        controller_id: controller,
        brokers: shown.filter_map(|broker| row(broker, listener)).collect(),
        cluster_authorized_operations: operations,
        ..DescribeClusterResponse::default()
    }
}

/// A broker without an address that the caller could reach is not shown.
fn row(broker: &Registered, listener: &str) -> Option<DescribeClusterBroker> {
    let registration = &broker.registration;
    let endpoint = endpoints::endpoint_for(registration, listener)?;
    Some(DescribeClusterBroker {
        broker_id: registration.id.0,
        host: Str::from(endpoint.host.as_str()),
        port: i32::from(endpoint.port),
        rack: registration.rack.as_deref().map(Str::from),
        is_fenced: registration.fenced,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_core::controller::{BrokerEndpoint, Record, Registration};
    use weir_model::Incarnation;

    use super::*;

    fn image() -> Image {
        let broker = |id, fenced| {
            let endpoint = |listener: &str, port| BrokerEndpoint {
                listener: listener.to_owned(),
                host: format!("{listener}-{id}"),
                port,
            };
            Record::BrokerRegistered(Registration {
                id: weir_model::BrokerId(id),
                incarnation: Incarnation::default(),
                epoch: 0,
                rack: Some("r".to_owned()),
                endpoints: vec![endpoint("inside", 1), endpoint("outside", 2)],
                fenced,
                ..Registration::default()
            })
        };
        let mut image = Image::default();
        let created = Record::ClusterCreated { id: Uuid::from_u128(1) };
        for record in [created, broker(0, false), broker(1, true)] {
            image.apply(&record).unwrap();
        }
        image
    }

    #[test]
    fn only_brokers_can_be_asked_for_and_version_0_has_one_code_for_the_rest() {
        let cases = [
            (0, 1, None),
            (1, 1, None),
            (0, 2, Some(ErrorCode::InvalidRequest)),
            (1, 2, Some(ErrorCode::MismatchedEndpointType)),
            (2, 7, Some(ErrorCode::UnsupportedEndpointType)),
            (2, 0, Some(ErrorCode::UnsupportedEndpointType)),
        ];
        for (version, endpoint_type, wanted) in cases {
            let code = check_endpoint_type(version, endpoint_type).err().map(|refusal| refusal.code);
            assert_eq!(code, wanted, "v{version} {endpoint_type}");
        }
    }

    #[test]
    fn brokers_are_shown_at_the_callers_listener_and_fenced_ones_when_asked_for() {
        let ask = |include_fenced_brokers| {
            let request = DescribeClusterRequest { include_fenced_brokers, ..Default::default() };
            describe(&image(), 0, "outside", &request)
        };
        let told = ask(false);
        assert_eq!((told.cluster_id.as_str(), told.controller_id), ("AAAAAAAAAAAAAAAAAAAAAQ", 0));
        assert_eq!(told.brokers.len(), 1);
        let broker = &told.brokers[0];
        assert_eq!((broker.host.as_str(), broker.port, broker.rack.as_deref()), ("outside-0", 2, Some("r")));
        let fenced: Vec<_> = ask(true).brokers.iter().map(|b| (b.broker_id, b.is_fenced)).collect();
        assert_eq!(fenced, [(0, false), (1, true)]);
    }

    #[test]
    fn operations_are_told_only_when_asked_for() {
        let ask = |include_cluster_authorized_operations| {
            let request =
                DescribeClusterRequest { include_cluster_authorized_operations, ..Default::default() };
            describe(&image(), 0, "inside", &request).cluster_authorized_operations
        };
        assert_eq!((ask(true), ask(false)), (8096, i32::MIN));
    }
}
