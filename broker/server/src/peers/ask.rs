//! A question of the metadata quorum. It says itself which disk it is meant for; the quorum checks that again.

use tonic::Status;
use weir_admin::peer::v1::QuorumMessage;
use weir_quorum::AnswerError;

use super::service::PeerService;

impl PeerService {
    pub(super) async fn answer_quorum(&self, question: QuorumMessage) -> Result<QuorumMessage, Status> {
        match self.shared.link.quorum().answer(&question.payload).await {
            Ok(payload) => Ok(QuorumMessage { header: None, payload }),
            Err(error @ AnswerError::Codec(_)) => Err(Status::invalid_argument(error.to_string())),
            Err(error @ AnswerError::NotMe { .. }) => Err(Status::failed_precondition(error.to_string())),
            Err(error @ AnswerError::Stopped(_)) => Err(Status::unavailable(error.to_string())),
        }
    }
}
