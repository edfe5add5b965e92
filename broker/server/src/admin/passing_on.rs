//! Passing a call on to the controller: where it is, what is said to it, and what a caller is told whose answer was lost.
//! A call is passed on once, and never beyond the reign of the controller that it was passed to. Must never say that
//! nothing was done where that is not known.

use std::future::Future;
use std::time::Duration;

use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Response, Status};
use weir_admin::admin::v1;
use weir_core::controller::Image;
use weir_model::BrokerId;

use super::reach::Client;
use super::refusal::Refused;
use super::service::AdminService;
use super::standing::Standing;
use crate::api::cluster_id;

/// How long a call that was passed on may take.
const PASSED_ON_MAX: Duration = Duration::from_secs(30);
/// What marks a call that another broker has passed on.
const PASSED_ON: &str = "weir-passed-on";

/// The controller, where it is another broker.
pub(super) struct Controller {
    pub(super) id: BrokerId,
    pub(super) client: Client,
}

/// A call that means a cluster.
pub(super) trait Addressed {
    fn cluster_id(&mut self) -> &mut String;
}

macro_rules! addressed {
    ($($request:ident),+ $(,)?) => {
        $(impl Addressed for v1::$request {
            fn cluster_id(&mut self) -> &mut String {
                &mut self.cluster_id
            }
        })+
    };
}

addressed!(
    MayStopRequest,
    DrainRequest,
    UndrainRequest,
    UnregisterRequest,
    MovePartitionsRequest,
    CancelMovesRequest,
    ElectLeadersRequest,
    CreateTopicsRequest,
    AlterTopicsRequest,
    DeleteTopicsRequest,
);

impl AdminService {
    /// The controller, if it is another broker; a refusal where it can not be found.
    pub(super) fn elsewhere<T>(&self, request: &Request<T>) -> Result<Option<Controller>, Refused> {
        let Some(id) = Standing::of(&self.broker).controller else {
            return Err(Refused::no_controller("nobody leads the quorum now"));
        };
        if id == self.broker.id {
            return Ok(None);
        }
        if request.metadata().contains_key(PASSED_ON) {
            return Err(Refused::no_controller("the controller has just changed"));
        }
        let image = self.broker.image();
        let address = image.broker(id).and_then(|broker| broker.registration.admin.as_ref());
        let address = address.ok_or_else(|| {
            Refused::no_controller(format!("the controller, broker {id}, has no weir.admin.listener"))
        })?;
        Ok(Some(Controller { id, client: self.reach.client(address)? }))
    }

    /// The request as the controller gets it. It names the cluster: by the time it arrives, another one's broker may be
    /// at that address.
    pub(super) fn passed_on<T: Addressed>(&self, request: Request<T>) -> Request<T> {
        passed_on(request, &self.broker.image())
    }

    /// The answer of the controller that was asked, unless another one reigns before it comes.
    pub(super) async fn answered<R>(
        &self,
        by: BrokerId,
        answer: impl Future<Output = Result<Response<R>, Status>>,
    ) -> Result<Response<R>, Status> {
        let mut state = self.broker.link.quorum().state();
        let deposed = state.wait_for(|state| state.leader.is_some_and(|leader| leader.broker != by));
        tokio::select! {
            biased;
            answer = answer => answer.map_err(told),
            _ = deposed => Err(Refused::unanswered("the controller changed while it was asked").into()),
        }
    }
}

fn passed_on<T: Addressed>(request: Request<T>, image: &Image) -> Request<T> {
    let mut message = request.into_inner();
    let meant = message.cluster_id();
    if meant.is_empty() {
        *meant = image.cluster_id().map(cluster_id::as_text).unwrap_or_default();
    }
    let mut request = Request::new(message);
    request.metadata_mut().insert(PASSED_ON, MetadataValue::from_static("1"));
    request.set_timeout(PASSED_ON_MAX);
    request
}

/// What the controller itself says goes back as it is. Where only the connection speaks, nobody knows what was done.
fn told(status: Status) -> Status {
    let by_connection =
        matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded);
    if by_connection && status.details().is_empty() {
        return Refused::unanswered(format!("the controller did not answer: {}", status.message())).into();
    }
    status
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::super::tests::{DISK, image, reference};
    use super::*;

    fn refusal(status: &Status) -> v1::Refusal {
        v1::Refusal::decode(status.details()).unwrap()
    }

    #[test]
    fn a_lost_answer_may_be_asked_for_again_and_a_refusal_goes_back_as_it_is() {
        for code in [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::DeadlineExceeded] {
            let lost = told(Status::new(code, "broken pipe"));
            let refusal = refusal(&lost);
            assert_eq!((lost.code(), refusal.reason()), (Code::Unavailable, v1::RefusalReason::NoController));
            assert!(refusal.retriable && refusal.message.contains("broken pipe"));
        }
        let own = Status::from(Refused::unknown_broker(BrokerId(7)));
        assert_eq!(refusal(&told(own)).reason(), v1::RefusalReason::UnknownBroker);
        let stopping = Status::from(Refused::no_controller("the controller has just changed"));
        assert_eq!(refusal(&told(stopping)).message, "the controller has just changed");
        assert_eq!(told(Status::out_of_range("too large")).code(), Code::OutOfRange);
    }

    #[test]
    fn a_call_that_is_passed_on_names_its_cluster_and_is_not_passed_on_again() {
        let ask = |cluster: &str| {
            let broker = Some(reference(1, DISK));
            passed_on(Request::new(v1::DrainRequest { cluster_id: cluster.to_owned(), broker }), &image())
        };
        let own = cluster_id::as_text(image().cluster_id().unwrap());
        assert_eq!(ask("").get_ref().cluster_id, own);
        assert_eq!(ask("AAAAAAAAAAAAAAAAAAAAAQ").get_ref().cluster_id, "AAAAAAAAAAAAAAAAAAAAAQ");
        assert!(ask("").metadata().contains_key(PASSED_ON));
    }
}
