//! Producer ids, given out from a block that the controller reserved. A block that was not used up when the broker stops
//! is lost, which is harmless: an id is never given out twice.

use std::time::Duration;

use thiserror::Error;
use tokio::sync::Mutex;
use weir_core::controller::ControllerError;
use weir_core::controller::producer_ids::ProducerIdBlock;
use weir_model::{BrokerId, ProducerId};

use crate::metadata::Controller;
use crate::peers::{Link, LinkError};

/// How long getting a block may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no producer id.
#[derive(Debug, Error)]
pub(crate) enum ProducerIdError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Refused(#[from] ControllerError),
}

/// The broker's current block.
pub(crate) struct ProducerIds {
    me: BrokerId,
    /// The broker's registration; a newer one of the same broker makes this one's requests stale.
    epoch: i64,
    link: Link,
    controller: Controller,
    /// Held while a new block is asked for, so that a thousand new producers ask once.
    block: Mutex<Option<ProducerIdBlock>>,
}

impl ProducerIds {
    pub(crate) fn new(me: BrokerId, epoch: i64, link: Link, controller: Controller) -> Self {
        Self { me, epoch, link, controller, block: Mutex::const_new(None) }
    }

    /// An id that nobody was given before.
    pub(crate) async fn next(&self) -> Result<ProducerId, ProducerIdError> {
        let mut block = self.block.lock().await;
        if let Some(id) = block.as_mut().and_then(ProducerIdBlock::take) {
            return Ok(id);
        }
        let mut fresh =
            self.link.allocate_producer_ids(&self.controller, self.me, self.epoch, PATIENCE).await?;
        let id = fresh.take().ok_or(ControllerError::ProducerIdsExhausted)?;
        *block = Some(fresh);
        Ok(id)
    }
}
