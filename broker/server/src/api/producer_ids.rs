//! Producer ids, given out from a block that the controller reserved. A block that was not used up when the broker stops
//! is lost, which is harmless: an id is never given out twice.

use thiserror::Error;
use tokio::sync::Mutex;
use weir_core::controller::ControllerError;
use weir_core::controller::producer_ids::{self, ProducerIdBlock};
use weir_model::{BrokerId, ProducerId};

use crate::metadata::{Controller, MetadataError};

/// Why there is no producer id.
#[derive(Debug, Error)]
pub(crate) enum ProducerIdError {
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error(transparent)]
    Refused(#[from] ControllerError),
}

/// The broker's current block.
pub(crate) struct ProducerIds {
    me: BrokerId,
    /// The broker's registration; a newer one of the same broker makes this one's requests stale.
    epoch: i64,
    controller: Controller,
    /// Held while a new block is asked for, so that a thousand new producers ask once.
    block: Mutex<Option<ProducerIdBlock>>,
}

impl ProducerIds {
    pub(crate) fn new(me: BrokerId, epoch: i64, controller: Controller) -> Self {
        Self { me, epoch, controller, block: Mutex::const_new(None) }
    }

    /// An id that nobody was given before.
    pub(crate) async fn next(&self) -> Result<ProducerId, ProducerIdError> {
        let mut block = self.block.lock().await;
        if let Some(id) = block.as_mut().and_then(ProducerIdBlock::take) {
            return Ok(id);
        }
        let (me, epoch) = (self.me, self.epoch);
        let mut fresh =
            self.controller.decide(move |image, _| producer_ids::decide(image, me, epoch)).await??;
        let id = fresh.take().ok_or(ControllerError::ProducerIdsExhausted)?;
        *block = Some(fresh);
        Ok(id)
    }
}
