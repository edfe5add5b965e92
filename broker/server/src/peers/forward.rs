//! A client's request that only the controller can answer, handed on by the broker that got it. Answered as if the
//! client had asked here; never handed on again.

use weir_admin::peer::v1::forward_reply::Outcome;
use weir_admin::peer::v1::{ForwardReply, ForwardRequest, Refusal};
use weir_wire::ErrorCode;

use super::service::{PeerService, Shared};

impl PeerService {
    pub(super) async fn answer_forwarded(&self, request: ForwardRequest) -> ForwardReply {
        let Shared { link, .. } = &*self.shared;
        if !link.am_controller() {
            return ForwardReply { outcome: Some(Outcome::NotController(self.leader())) };
        }
        let ForwardRequest { frame, listener, .. } = request;
        let outcome = match link.answer_locally(frame, &listener).await {
            Ok(Some(answer)) => Outcome::Frame(answer),
            Ok(None) => Outcome::NotController(self.leader()),
            Err(message) => {
                Outcome::Refused(Refusal { code: i32::from(i16::from(ErrorCode::InvalidRequest)), message })
            }
        };
        ForwardReply { outcome: Some(outcome) }
    }
}
