//! A broker attends: its beats come in, what the controller says goes back. When they end without the broker's word, the
//! controller is told, and looks for it.

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tonic::{Request, Status, Streaming};
use tracing::debug;
use weir_admin::peer::v1::beat_reply::Ended;
use weir_admin::peer::v1::{Beat, BeatReply};
use weir_quorum::NodeId;

use super::identity::{Manners, check};
use super::service::{PeerService, Shared};
use super::words;
use crate::duties::{Echo, Pulse};

/// Answers that may wait for a broker that does not read them.
const ANSWERS_MAX: usize = 4;

type Replies = BoxStream<'static, Result<BeatReply, Status>>;

impl PeerService {
    pub(super) async fn attend_to(&self, request: Request<Streaming<Beat>>) -> Result<Replies, Status> {
        let peer = request.remote_addr().map(|peer| peer.to_string()).unwrap_or_default();
        let (answers, replies) = mpsc::channel(ANSWERS_MAX);
        let service = self.clone();
        tokio::spawn(async move { service.listen(peer, request.into_inner(), answers).await });
        Ok(stream::unfold(replies, |mut replies| async move { Some((replies.recv().await?, replies)) })
            .boxed())
    }

    async fn listen(
        self,
        peer: String,
        mut beats: Streaming<Beat>,
        answers: mpsc::Sender<Result<BeatReply, Status>>,
    ) {
        let mut node: Option<NodeId> = None;
        let mut epoch = None;
        loop {
            let beat = tokio::select! {
                beat = beats.message() => beat,
                () = answers.closed() => break,
                () = self.shared.stop.cancelled() => return,
            };
            let beat = match beat {
                Ok(Some(beat)) => beat,
                Ok(None) => break,
                Err(error) => {
                    debug!(peer, error = error.message(), "a broker's beats have ended");
                    break;
                }
            };
            let from = match node {
                Some(node) => node,
                None => match self.introduced(&beat, &peer) {
                    Ok(from) => *node.insert(from),
                    Err(status) => {
                        let _ = answers.send(Err(status)).await;
                        return;
                    }
                },
            };
            epoch = Some(beat.broker_epoch);
            let Some(reply) = self.answer_beat(from, &beat).await else { continue };
            let over = reply.ended.is_some();
            if answers.send(Ok(reply)).await.is_err() {
                break;
            }
            if over {
                return;
            }
        }
        if let (Some(node), Some(epoch)) = (node, epoch) {
            self.shared.duties.left(node, epoch).await;
        }
    }

    /// The first beat says who comes.
    fn introduced(&self, beat: &Beat, peer: &str) -> Result<NodeId, Status> {
        let Shared { me, view, metrics, .. } = &*self.shared;
        check(beat.header.as_ref(), Manners::Member, *me, view.cluster_id()).map_err(|stranger| {
            metrics.peers_refused.with_label_values(&[stranger.as_str()]).inc();
            tracing::info!(peer, why = %stranger, "a stranger's beats were refused");
            Status::failed_precondition(stranger.to_string())
        })
    }

    async fn answer_beat(&self, node: NodeId, beat: &Beat) -> Option<BeatReply> {
        let pulse = Pulse {
            node,
            epoch: beat.broker_epoch,
            ready: beat.applied > 0,
            want_shutdown: beat.want_shutdown,
            want_fenced: beat.want_fenced,
            unanswered: beat.unanswered,
        };
        let sequence = beat.sequence;
        let over =
            |ended| BeatReply { sequence, fenced: true, may_stop: false, ended: Some(ended), as_of: 0 };
        match self.shared.duties.hear(pulse).await {
            Echo::Heard { fenced, may_stop, as_of } => {
                Some(BeatReply { sequence, fenced, may_stop, ended: None, as_of: as_of.0 })
            }
            Echo::NotController => Some(over(Ended::NotController(self.leader()))),
            Echo::Refused(refusal) => Some(over(Ended::Refused(words::refusal(refusal)))),
            Echo::Silence => None,
        }
    }
}
