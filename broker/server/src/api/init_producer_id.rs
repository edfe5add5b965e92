//! InitProducerId: an identity for an idempotent producer. Transactions are not served yet: their coordinator is not
//! advertised, so a transactional producer fails before it gets here.

use tracing::warn;
use weir_wire::ErrorCode;
use weir_wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::errors;
use super::producer_ids::ProducerIdError;
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    if request.transactional_id.is_some() {
        return refusal(ErrorCode::CoordinatorNotAvailable);
    }
    match broker.producer_ids.next().await {
        // A producer without transactions that asks again after an error gets a new identity: its old one may have
        // batches under way that must not be taken for new ones.
        Ok(id) => InitProducerIdResponse { producer_id: id.0, producer_epoch: 0, ..Default::default() },
        Err(error) => {
            warn!(%error, "no producer id");
            refusal(match &error {
                ProducerIdError::Link(error) => error.code(),
                ProducerIdError::Refused(error) => errors::of_controller(error),
            })
        }
    }
}

fn refusal(code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: code.into(),
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    }
}
