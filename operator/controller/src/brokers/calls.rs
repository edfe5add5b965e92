//! What is asked and told the brokers, each with a deadline. Answers that do not come are unknown, with the
//! reason.

use std::time::Duration;

use weir_admin::admin::v1;
use weir_operator_plan::BrokersView;
use weir_operator_plan::observed::brokers::{BrokerRef, MayStop, Snapshot};

use super::dial::{self, BrokerError};
use super::session::Session;
use super::sizes::Told;
use super::translate;

/// How long a change of many topics may take: it is committed by a majority, and durable.
const CHANGE_MAX: Duration = Duration::from_secs(30);
/// How long one question may take. The broker that is asked asks all others for their measures, with a limit of its own.
const ASK_MAX: Duration = Duration::from_secs(8);

impl Session {
    /// The brokers as they are now.
    pub(crate) async fn brokers(&self) -> BrokersView {
        self.first_word().await;
        match self.describe().await {
            Ok(snapshot) => BrokersView::Known(snapshot),
            Err(error) => BrokersView::Unknown { why: error.to_string() },
        }
    }

    async fn describe(&self) -> Result<Snapshot, BrokerError> {
        let mut client = self.client()?;
        let sizes_too = self.sizes().are_old();
        let request = v1::DescribeClusterRequest {
            without_topics: !sizes_too,
            ..v1::DescribeClusterRequest::default()
        };
        let (summary, brokers, told) = dial::within(ASK_MAX, async {
            let mut stream = client.describe_cluster(dial::request(request, ASK_MAX)).await?.into_inner();
            let (mut summary, mut brokers, mut told) = (None, Vec::new(), Told::default());
            while let Some(part) = stream.message().await? {
                summary = summary.or(part.summary);
                brokers.extend(part.brokers);
                told.take(part.topics);
            }
            Ok::<_, BrokerError>((summary.ok_or(super::view::CutOff)?, brokers, told))
        })
        .await?;
        if summary.controller.is_none() {
            return Err(BrokerError::Unreachable("the brokers have no controller now".to_owned()));
        }
        let mut sizes = self.sizes();
        if sizes_too {
            sizes.learn(told);
        }
        let told = self.look(|view| translate::snapshot(&summary, &brokers, view, &sizes));
        told.map_err(BrokerError::Unreachable)
    }

    /// Whether the controller lets that broker, with that disk, stop now.
    pub(crate) async fn may_stop(&self, cluster_id: &str, broker: BrokerRef) -> MayStop {
        let asked = async {
            let mut client = self.client()?;
            let request = v1::MayStopRequest {
                cluster_id: cluster_id.to_owned(),
                broker: Some(translate::reference(broker)),
            };
            dial::within(ASK_MAX, client.may_stop(dial::request(request, ASK_MAX))).await
        };
        match asked.await {
            Ok(reply) => translate::may_stop(reply.into_inner(), broker.incarnation),
            Err(error) => MayStop::Unknown { why: error.to_string() },
        }
    }

    /// Tells the controller that the broker gets no new replicas.
    pub(crate) async fn drain(&self, cluster_id: &str, broker: BrokerRef) -> Result<(), BrokerError> {
        let mut client = self.writer()?;
        let request = v1::DrainRequest {
            cluster_id: cluster_id.to_owned(),
            broker: Some(translate::reference(broker)),
        };
        dial::within(ASK_MAX, client.drain(dial::request(request, ASK_MAX))).await.map(drop)
    }

    /// Tells the controller to forget the broker.
    pub(crate) async fn unregister(&self, cluster_id: &str, broker: BrokerRef) -> Result<(), BrokerError> {
        let mut client = self.writer()?;
        let broker = Some(translate::reference(broker));
        let request = v1::UnregisterRequest { cluster_id: cluster_id.to_owned(), broker };
        dial::within(ASK_MAX, client.unregister(dial::request(request, ASK_MAX))).await.map(drop)
    }

    /// Creates topics; one result for each.
    pub(crate) async fn create_topics(
        &self,
        topics: Vec<v1::NewTopic>,
    ) -> Result<v1::CreateTopicsReply, BrokerError> {
        let mut client = self.writer()?;
        let cluster_id = self.cluster_id()?;
        let request = v1::CreateTopicsRequest { cluster_id, topics, validate_only: false };
        Ok(dial::within(CHANGE_MAX, client.create_topics(dial::request(request, CHANGE_MAX)))
            .await?
            .into_inner())
    }

    /// Changes topics; one result for each.
    pub(crate) async fn alter_topics(
        &self,
        changes: Vec<v1::TopicChange>,
    ) -> Result<v1::AlterTopicsReply, BrokerError> {
        let mut client = self.writer()?;
        let cluster_id = self.cluster_id()?;
        let request = v1::AlterTopicsRequest { cluster_id, changes, validate_only: false };
        Ok(dial::within(CHANGE_MAX, client.alter_topics(dial::request(request, CHANGE_MAX)))
            .await?
            .into_inner())
    }

    /// Begins moves; one result for each.
    pub(crate) async fn move_partitions(
        &self,
        moves: Vec<v1::Move>,
    ) -> Result<v1::MovePartitionsReply, BrokerError> {
        let mut client = self.writer()?;
        let cluster_id = self.cluster_id()?;
        let request = v1::MovePartitionsRequest { cluster_id, moves, validate_only: false };
        Ok(dial::within(CHANGE_MAX, client.move_partitions(dial::request(request, CHANGE_MAX)))
            .await?
            .into_inner())
    }

    /// Deletes topics with their records; one result for each.
    pub(crate) async fn delete_topics(
        &self,
        topic_ids: Vec<String>,
    ) -> Result<v1::DeleteTopicsReply, BrokerError> {
        let mut client = self.writer()?;
        let cluster_id = self.cluster_id()?;
        let request = v1::DeleteTopicsRequest { cluster_id, topic_ids };
        Ok(dial::within(CHANGE_MAX, client.delete_topics(dial::request(request, CHANGE_MAX)))
            .await?
            .into_inner())
    }

    /// Of the cluster that the view is of: brokers of another one refuse.
    pub(super) fn cluster_id(&self) -> Result<String, BrokerError> {
        self.look(|view| view.cluster_id.clone()).map_err(BrokerError::Unreachable)
    }
}
