//! A broker asks for a block of producer ids.

use std::time::Duration;

use tokio::time::Instant;
use weir_admin::peer::v1::allocate_producer_ids_reply::Outcome;
use weir_admin::peer::v1::{AllocateProducerIdsReply, AllocateProducerIdsRequest, ProducerIds};
use weir_core::controller::producer_ids::{self, ProducerIdBlock};
use weir_model::{BrokerId, ProducerId};
use weir_quorum::NodeId;

use super::link::{Link, LinkError, Outcome as Asked, Place, Way};
use super::service::PeerService;
use super::words;
use crate::api::refusal::Refusal;
use crate::metadata::{Controller, MetadataError};

impl PeerService {
    pub(super) async fn allocate(
        &self,
        from: NodeId,
        request: AllocateProducerIdsRequest,
    ) -> AllocateProducerIdsReply {
        let (broker, epoch) = (from.broker, request.broker_epoch);
        let decided =
            self.shared.controller.decide(move |image, _| producer_ids::decide(image, broker, epoch)).await;
        let outcome = match decided {
            Ok(Ok(block)) => Outcome::Block(ProducerIds { first: block.first().0, count: block.len() }),
            Ok(Err(why)) => Outcome::Refused(words::refusal(Refusal::from(why))),
            Err(MetadataError::NotController(_) | MetadataError::Stopping) => {
                Outcome::NotController(self.leader())
            }
            Err(error) => Outcome::Refused(words::refusal(error.into())),
        };
        AllocateProducerIdsReply { outcome: Some(outcome) }
    }
}

impl Link {
    /// A block of producer ids from the controller. A block whose answer is lost is lost too, which is harmless.
    pub(crate) async fn allocate_producer_ids(
        &self,
        controller: &Controller,
        broker: BrokerId,
        epoch: i64,
        patience: Duration,
    ) -> Result<ProducerIdBlock, LinkError> {
        self.ask(Instant::now() + patience, true, |place| {
            let controller = controller.clone();
            Box::pin(async move {
                match place {
                    Place::Here => here(&controller, broker, epoch).await,
                    Place::There(way) => there(*way, epoch).await,
                }
            })
        })
        .await
    }
}

async fn here(controller: &Controller, broker: BrokerId, epoch: i64) -> Asked<ProducerIdBlock> {
    match controller.decide(move |image, _| producer_ids::decide(image, broker, epoch)).await {
        Ok(Ok(block)) => Asked::Done(block),
        Ok(Err(why)) => Asked::Refused(words::refusal(Refusal::from(why))),
        Err(MetadataError::NotController(_)) => Asked::Elsewhere,
        Err(error) => Asked::Refused(words::refusal(error.into())),
    }
}

async fn there(mut way: Way, epoch: i64) -> Asked<ProducerIdBlock> {
    let request = AllocateProducerIdsRequest { header: Some(way.header), broker_epoch: epoch };
    match way.client.allocate_producer_ids(request).await.map(|reply| reply.into_inner().outcome) {
        Ok(Some(Outcome::Block(ids))) => Asked::Done(ProducerIdBlock::new(ProducerId(ids.first), ids.count)),
        Ok(Some(Outcome::Refused(refused))) => Asked::Refused(refused),
        Ok(Some(Outcome::NotController(_)) | None) => Asked::Elsewhere,
        Err(status) => Asked::lost(&status),
    }
}
