//! Who is in the cluster.

use weir_model::BrokerId;
use weir_wire::messages::describe_cluster::DescribeClusterRequest;

use crate::address::Address;
use crate::client::Client;
use crate::error::ClientError;
use crate::metadata::{address, some_broker};
use crate::route::Route;

const ENDPOINT_BROKERS: i8 = 1;

/// The cluster's id, controller and brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: String,
    /// Who takes admin requests.
    pub controller: Option<BrokerId>,
    /// Ascending by id.
    pub brokers: Vec<ClusterBroker>,
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterBroker {
    /// Its id.
    pub id: BrokerId,
    /// The address that it advertises, if that is one.
    pub address: Option<Address>,
    /// Its rack, if it has one.
    pub rack: Option<String>,
    /// Registered, but shut out until it has caught up; only told by newer brokers.
    pub fenced: bool,
}

impl Client {
    /// Asks for the cluster's id, controller and brokers.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, ClientError> {
        self.retrying(&Route::Any, self.deadline(), move |connection, deadline| async move {
            let key = weir_wire::ApiKey::DescribeCluster;
            let fenced_too = connection.version_of(key, i16::MAX)? >= 2;
            let request = DescribeClusterRequest {
                endpoint_type: ENDPOINT_BROKERS,
                include_fenced_brokers: fenced_too,
                ..Default::default()
            };
            let response = connection.call(&request, deadline).await?;
            ClientError::check(|| "cluster".into(), response.error_code, response.error_message.as_deref())?;
            let mut brokers: Vec<ClusterBroker> = response
                .brokers
                .iter()
                .map(|wire| ClusterBroker {
                    id: BrokerId(wire.broker_id),
                    address: address(&wire.host, wire.port),
                    rack: wire.rack.as_deref().map(str::to_owned),
                    fenced: wire.is_fenced,
                })
                .collect();
            brokers.sort_by_key(|broker| broker.id);
            Ok(ClusterDescription {
                cluster_id: response.cluster_id.to_string(),
                controller: some_broker(response.controller_id),
                brokers,
            })
        })
        .await
    }
}
