//! What brokers ask of the controller for themselves: to be taken in when they have started, the first one beginning the
//! cluster's metadata, and to say who is in sync where they lead.

use std::sync::Arc;

use tracing::info;
use uuid::Uuid;
use weir_core::controller::alter_partitions::{self, AlterPartitions, Outcomes};
use weir_core::controller::register_broker::{self, RegisterBroker};
use weir_core::controller::{Entropy, Image, bootstrap};
use weir_quorum::NodeId;

use super::keeper::Word;
use super::{Duties, Means};
use crate::api::refusal::Refusal;
use crate::metadata::MetadataError;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// With this epoch.
    Registered(i64),
    NotController,
    Refused(Refusal),
}

impl Duties {
    /// Registers a broker, if this is the controller.
    pub(crate) async fn register(&self, node: NodeId, command: RegisterBroker) -> Admission {
        let Means { controller, view, file, .. } = &self.means;
        if view.image().cluster_id().is_none() {
            let fresh = Uuid::new_v4();
            if let Err(error) = controller.decide(move |image, _| bootstrap::decide(image, fresh)).await {
                return refused(error);
            }
        }
        let file = Arc::clone(file);
        let decide = move |image: &Image, _: &mut Entropy<'_>| register_broker::decide(image, command, &file);
        match controller.decide(decide).await {
            Ok(Ok(epoch)) => {
                info!(%node, epoch, "a broker has registered");
                let _ = self.words.send(Word::Registered(node, epoch)).await;
                Admission::Registered(epoch)
            }
            Ok(Err(why)) => Admission::Refused(why.into()),
            Err(error) => refused(error),
        }
    }
}

impl Duties {
    /// Decides on ISR changes, if this is the controller.
    pub(crate) async fn alter(
        &self,
        command: AlterPartitions,
    ) -> Result<Result<Outcomes, Refusal>, MetadataError> {
        let file = Arc::clone(&self.means.file);
        let decide =
            move |image: &Image, _: &mut Entropy<'_>| alter_partitions::decide(image, &command, &file);
        Ok(self.means.controller.decide(decide).await?.map_err(Refusal::from))
    }
}

fn refused(error: MetadataError) -> Admission {
    match error {
        MetadataError::NotController(_) | MetadataError::Stopping => Admission::NotController,
        other => Admission::Refused(other.into()),
    }
}
