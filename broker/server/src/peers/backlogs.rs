//! How much lies before readers of partitions that are led here. Only numbers for people: nobody decides by them, so that
//! whoever can not tell says nothing.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::timeout;
use tonic::Status;
use weir_admin::peer::v1::{self, MeasureBacklogsReply, MeasureBacklogsRequest, ReadPosition};
use weir_model::{BrokerId, Millis, Offset, PartitionIndex, TopicId};
use weir_quorum::NodeId;

use super::identity::{bytes_of, id};
use super::link::Link;
use super::service::PeerService;
use crate::partition::command::{Backlog, Command};
use crate::partition::registry::Registry;

/// Positions in one call.
pub(crate) const POSITIONS_MAX: usize = 20_000;
/// Partitions that are asked at the same time.
const AT_ONCE: usize = 64;
/// How long another broker may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StandsAt {
    pub(crate) topic: TopicId,
    pub(crate) index: PartitionIndex,
    pub(crate) offset: Offset,
}

/// Asks the owners of partitions here, some at a time; nothing for one that is not led here.
pub(crate) async fn measure_here(partitions: &Registry, positions: Vec<StandsAt>) -> Vec<Option<Backlog>> {
    let one = |at: StandsAt| async move {
        let partition = partitions.get(at.topic, at.index)?;
        partition.ask(|answer| Command::Backlog(at.offset, answer)).await.ok()
    };
    stream::iter(positions).map(one).buffered(AT_ONCE).collect().await
}

impl PeerService {
    pub(super) async fn measure(
        &self,
        request: MeasureBacklogsRequest,
    ) -> Result<MeasureBacklogsReply, Status> {
        if request.positions.len() > POSITIONS_MAX {
            return Err(Status::invalid_argument(format!("more than {POSITIONS_MAX} positions in one call")));
        }
        let positions = request.positions.iter().map(position).collect::<Option<Vec<_>>>();
        let positions = positions.ok_or_else(|| Status::invalid_argument("a bad topic id"))?;
        let measured = measure_here(&self.shared.partitions, positions).await;
        let backlogs = measured.into_iter().map(|backlog| v1::Backlog {
            end: backlog.map(|backlog| backlog.end.0),
            waits_since: backlog.and_then(|backlog| backlog.waits_since).map(|time| time.0),
        });
        Ok(MeasureBacklogsReply { backlogs: backlogs.collect() })
    }
}

impl Link {
    /// Asks another broker, once and not for long; nothing for what it does not tell.
    pub(crate) async fn measure_backlogs(
        &self,
        leader: BrokerId,
        positions: &[StandsAt],
    ) -> Vec<Option<Backlog>> {
        let asked = async {
            let mut way = self.way_to(self.node(leader)?)?;
            let positions = positions.iter().map(|at| ReadPosition {
                topic_id: bytes_of(at.topic.0),
                index: at.index.0,
                offset: at.offset.0,
            });
            let request = MeasureBacklogsRequest { header: Some(way.header), positions: positions.collect() };
            let asked = timeout(PATIENCE, way.client.measure_backlogs(request));
            Some(asked.await.ok()?.ok()?.into_inner().backlogs)
        };
        let answered = asked.await.filter(|backlogs| backlogs.len() == positions.len());
        answered.map_or_else(
            || vec![None; positions.len()],
            |backlogs| backlogs.into_iter().map(backlog).collect(),
        )
    }

    fn node(&self, broker: BrokerId) -> Option<NodeId> {
        let image = self.image();
        Some(NodeId { broker, incarnation: image.broker(broker)?.registration.incarnation })
    }
}

fn position(position: &ReadPosition) -> Option<StandsAt> {
    Some(StandsAt {
        topic: TopicId(id(&position.topic_id)?),
        index: PartitionIndex(position.index),
        offset: Offset(position.offset),
    })
}

fn backlog(backlog: v1::Backlog) -> Option<Backlog> {
    Some(Backlog { end: Offset(backlog.end?), waits_since: backlog.waits_since.map(Millis) })
}
