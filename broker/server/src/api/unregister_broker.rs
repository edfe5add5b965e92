//! UnregisterBroker: a broker that has left for good is forgotten. Kafka's request does not say which disk is meant; the
//! controller's other conditions hold: it must be fenced and hold nothing.

use std::sync::Arc;

use weir_core::controller::unregister_broker;
use weir_model::BrokerId;
use weir_wire::messages::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};

use super::refusal::{Refusal, told};
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: UnregisterBrokerRequest,
) -> UnregisterBrokerResponse {
    let (id, defaults) = (BrokerId(request.broker_id), Arc::clone(&broker.file));
    let decided =
        broker.controller.decide(move |image, _| unregister_broker::decide(image, id, None, &defaults)).await;
    let outcome = match decided {
        Ok(outcome) => outcome.map_err(Refusal::from),
        Err(error) => Err(Refusal::from(error)),
    };
    let (error_code, error_message) = told(outcome);
    UnregisterBrokerResponse { error_code, error_message, ..UnregisterBrokerResponse::default() }
}
