//! A question of the metadata quorum. It says itself which disk it is meant for and who asks; the quorum checks that again.

use tonic::Status;
use tracing::info;
use weir_admin::peer::v1::QuorumMessage;
use weir_quorum::{AnswerError, NodeId};

use super::service::PeerService;

impl PeerService {
    pub(super) async fn answer_quorum(
        &self,
        from: NodeId,
        peer: &str,
        question: QuorumMessage,
    ) -> Result<QuorumMessage, Status> {
        let error = match self.shared.link.quorum().answer_to(from, &question.payload).await {
            Ok(payload) => return Ok(QuorumMessage { header: None, payload }),
            Err(error) => error,
        };
        if let Some(why) = refused(&error) {
            self.shared.metrics.peers_refused.with_label_values(&[why]).inc();
            info!(peer, why = %error, "a stranger's message to the quorum was refused");
        }
        Err(match error {
            AnswerError::Codec(_) => Status::invalid_argument(error.to_string()),
            AnswerError::NotMe { .. } | AnswerError::Stranger(_) | AnswerError::Impostor { .. } => {
                Status::failed_precondition(error.to_string())
            }
            AnswerError::Stopped(_) => Status::unavailable(error.to_string()),
        })
    }
}

/// The label of the metric, for what nobody who belongs here sends.
const fn refused(error: &AnswerError) -> Option<&'static str> {
    match error {
        AnswerError::Codec(_) => Some("bad_message"),
        AnswerError::NotMe { .. } => Some("other_incarnation"),
        AnswerError::Stranger(_) => Some("not_a_member"),
        AnswerError::Impostor { .. } => Some("impostor"),
        AnswerError::Stopped(_) => None,
    }
}
