//! Carries the metadata quorum's questions to other brokers. The quorum decides what is asked and when to ask again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tonic::{Code, Status};
use weir_admin::peer::v1::QuorumMessage;
use weir_model::config::Endpoint;
use weir_quorum::{Answering, Call, NodeId, PeerAddress, PeerError, Peers};

use super::dial::Dialer;
use super::identity::header;
use crate::metadata::View;

/// How long an answer may take: a piece of a snapshot is written to a disk first.
const SNAPSHOT_MAX: Duration = Duration::from_secs(10);
/// Everything else. The quorum gives up earlier by itself; this only ends what it has forgotten.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The way to the quorum's other nodes.
pub(crate) struct Lines {
    pub(crate) me: NodeId,
    pub(crate) view: Arc<View>,
    pub(crate) dialer: Arc<Dialer>,
}

impl Peers for Lines {
    fn ask(&self, to: NodeId, at: &PeerAddress, call: Call, question: Bytes) -> Answering {
        let header = header(self.me, self.view.cluster_id(), to.broker, Some(to.incarnation));
        let client = self.dialer.to(&Endpoint { host: at.host.clone(), port: at.port });
        let patience = if call == Call::Snapshot { SNAPSHOT_MAX } else { ANSWER_MAX };
        Box::pin(async move {
            let mut client = client.map_err(|error| PeerError::Unreachable(error.to_string()))?;
            let asked = client.ask(QuorumMessage { header: Some(header), payload: question });
            match tokio::time::timeout(patience, asked).await {
                Ok(Ok(answer)) => Ok(answer.into_inner().payload),
                Ok(Err(status)) => Err(failure(&status)),
                Err(_) => Err(PeerError::Unreachable("no answer in time".to_owned())),
            }
        })
    }
}

fn failure(status: &Status) -> PeerError {
    match status.code() {
        Code::FailedPrecondition | Code::InvalidArgument => PeerError::Refused(status.message().to_owned()),
        _ => PeerError::Unreachable(status.message().to_owned()),
    }
}
