//! FindCoordinator: which broker owns a group, and at which address the caller reaches it. One key up to version 3, many
//! after. Only groups are found: a transaction or share key gets INVALID_REQUEST, which clients take as final and report
//! with our message. The retriable COORDINATOR_NOT_AVAILABLE would have a transactional producer ask in vain until its
//! timeout.

use weir_core::controller::Image;
use weir_model::BrokerId;
use weir_wire::messages::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use weir_wire::{ErrorCode, Str};

use super::endpoints::endpoint_for;
use crate::broker::Broker;
use crate::dispatch::Caller;

/// The only kind of key that is served.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// The address of a coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    node_id: i32,
    host: Str,
    port: i32,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NotFound {
    code: ErrorCode,
    message: &'static str,
}

const NOT_AVAILABLE: NotFound =
    NotFound { code: ErrorCode::CoordinatorNotAvailable, message: "the coordinator is not available" };

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let listener = &caller.session.listener;
    if caller.version < 4 {
        return single(find(broker, listener, request.key_type, &request.key).await);
    }
    let mut coordinators = Vec::with_capacity(request.coordinator_keys.len());
    for key in request.coordinator_keys {
        let found = find(broker, listener, request.key_type, &key).await;
        coordinators.push(one_of_many(key, found));
    }
    FindCoordinatorResponse { coordinators, ..nothing() }
}

async fn find(broker: &Broker, listener: &str, key_type: i8, key: &str) -> Result<Found, NotFound> {
    served(key_type)?;
    let coordinator = broker.coordinators.coordinator_of(key).await.map_err(|error| {
        tracing::warn!(%error, "the offsets topic can not be made");
        NOT_AVAILABLE
    })?;
    located(&broker.image(), coordinator, listener)
}

fn served(key_type: i8) -> Result<(), NotFound> {
    let message = match key_type {
        GROUP => return Ok(()),
        TRANSACTION => "this broker does not serve transactions yet",
        _ => "this broker coordinates groups only",
    };
    Err(NotFound { code: ErrorCode::InvalidRequest, message })
}

/// A coordinator that is not there, or not on the caller's listener, may come.
fn located(image: &Image, coordinator: Option<BrokerId>, listener: &str) -> Result<Found, NotFound> {
    let broker = coordinator.and_then(|id| image.broker(id)).ok_or(NOT_AVAILABLE)?;
    let endpoint = endpoint_for(&broker.registration, listener).ok_or(NOT_AVAILABLE)?;
    Ok(Found {
        node_id: broker.registration.id.0,
        host: endpoint.host.as_str().into(),
        port: endpoint.port.into(),
    })
}

fn single(found: Result<Found, NotFound>) -> FindCoordinatorResponse {
    match found {
        Ok(Found { node_id, host, port }) => FindCoordinatorResponse { node_id, host, port, ..nothing() },
        Err(NotFound { code, message }) => FindCoordinatorResponse {
            error_code: code.into(),
            error_message: Some(Str::from_static(message)),
            node_id: -1,
            port: -1,
            ..nothing()
        },
    }
}

fn one_of_many(key: Str, found: Result<Found, NotFound>) -> Coordinator {
    match found {
        Ok(Found { node_id, host, port }) => {
            Coordinator { key, node_id, host, port, error_code: 0, error_message: None }
        }
        Err(NotFound { code, message }) => Coordinator {
            key,
            node_id: -1,
            host: Str::new(),
            port: -1,
            error_code: code.into(),
            error_message: Some(Str::from_static(message)),
        },
    }
}

fn nothing() -> FindCoordinatorResponse {
    FindCoordinatorResponse { error_message: None, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        Found { node_id: 2, host: Str::from_static("weir-2"), port: 9092 }
    }

    #[test]
    fn only_groups_are_served_and_the_rest_is_refused_for_good() {
        assert_eq!(served(GROUP), Ok(()));
        for key_type in [TRANSACTION, 2, 3, -1] {
            let refused = served(key_type).unwrap_err();
            assert!(!refused.code.is_retriable(), "{key_type}");
            assert_eq!(refused.code, ErrorCode::InvalidRequest);
        }
    }

    #[test]
    fn a_coordinator_without_an_address_may_come_later() {
        for coordinator in [None, Some(BrokerId(7))] {
            let refused = located(&Image::default(), coordinator, "PLAINTEXT").unwrap_err();
            assert_eq!(refused, NOT_AVAILABLE);
            assert!(refused.code.is_retriable());
        }
    }

    #[test]
    fn one_key_is_answered_at_the_top_and_many_in_a_list() {
        for outcome in [Ok(found()), Err(NOT_AVAILABLE)] {
            let node = outcome.as_ref().map_or((-1, -1), |f| (f.node_id, f.port));
            for version in 0..=3 {
                let response = single(outcome.clone());
                assert_eq!((response.node_id, response.port), node);
                weir_wire::frame::encode_response(version, 1, &response).unwrap();
            }
            for version in 4..=6 {
                let one = one_of_many(Str::from_static("g"), outcome.clone());
                assert_eq!((one.node_id, one.port, one.key.as_str()), (node.0, node.1, "g"));
                let response = FindCoordinatorResponse { coordinators: vec![one], ..nothing() };
                weir_wire::frame::encode_response(version, 1, &response).unwrap();
            }
        }
    }
}
