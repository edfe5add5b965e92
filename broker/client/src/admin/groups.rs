//! Consumer groups: which there are, their members and what these read, and deleting them.
//!
//! Groups of the classic protocol and of the newer consumer protocol are described by different requests; which one a
//! group is of is found out by asking.

use weir_model::BrokerId;
use weir_wire::messages::consumer_group_describe::{self, ConsumerGroupDescribeRequest};
use weir_wire::messages::delete_groups::DeleteGroupsRequest;
use weir_wire::messages::describe_groups::{self, DescribeGroupsRequest};
use weir_wire::messages::list_groups::ListGroupsRequest;
use weir_wire::{ApiKey, ErrorCode};

use super::assignment::parse_assignment;
use super::missing;
use crate::client::Client;
use crate::error::ClientError;
use crate::offsets::Place;
use crate::route::Route;

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupListing {
    /// Its name.
    pub group_id: String,
    /// Its state, such as `Stable`; empty from an old broker.
    pub state: String,
    /// `Classic`, `Consumer` and so on; empty from an old broker.
    pub group_type: String,
    /// `consumer` for consumers.
    pub protocol_type: String,
}

/// A group and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its name.
    pub group_id: String,
    /// Its state, such as `Stable`.
    pub state: String,
    /// `consumer` for consumers.
    pub protocol_type: String,
    /// The assignor that its members agreed on.
    pub assignor: String,
    /// Who coordinates it.
    pub coordinator: Option<BrokerId>,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub member_id: String,
    /// Its static name, if it has one.
    pub instance_id: Option<String>,
    /// What it calls itself.
    pub client_id: String,
    /// Where it comes from.
    pub host: String,
    /// What it reads; empty when its assignment is of a protocol that is not known here.
    pub assignment: Vec<Place>,
}

impl Client {
    /// The groups of all brokers, by name.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, ClientError> {
        let metadata = self.all_brokers().await?;
        let mut groups = Vec::new();
        for id in metadata {
            groups.extend(self.list_groups_of(id).await?);
        }
        groups.sort();
        groups.dedup_by(|a, b| a.group_id == b.group_id);
        Ok(groups)
    }

    /// Describes a group. One that does not exist is an error.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription, ClientError> {
        let route = Route::GroupCoordinator(group.to_owned());
        let classic = self.describe_classic(group, &route).await;
        let may_be_newer = match &classic {
            Ok(found) => found.state == "Dead",
            Err(error) => error.code() == Some(ErrorCode::GroupIdNotFound),
        };
        if !may_be_newer {
            return classic;
        }
        match self.describe_newer(group, &route).await {
            Err(ClientError::Unsupported { .. }) => Err(unknown_group(group)),
            other => other,
        }
    }

    /// Deletes a group that has no members, with its offsets.
    pub async fn delete_group(&self, group: &str) -> Result<(), ClientError> {
        let route = Route::GroupCoordinator(group.to_owned());
        let request = &DeleteGroupsRequest { groups_names: vec![group.into()] };
        self.retrying(&route, self.deadline(), move |connection, deadline| async move {
            let response = connection.call(request, deadline).await?;
            let result = response.results.first();
            let result = result.ok_or_else(|| missing(&connection, ApiKey::DeleteGroups, group))?;
            ClientError::check(|| subject(group), result.error_code, None)
        })
        .await
    }

    async fn all_brokers(&self) -> Result<Vec<BrokerId>, ClientError> {
        let cluster = self.describe_cluster().await?;
        Ok(cluster.brokers.iter().filter(|broker| !broker.fenced).map(|broker| broker.id).collect())
    }

    async fn list_groups_of(&self, broker: BrokerId) -> Result<Vec<GroupListing>, ClientError> {
        let request = &ListGroupsRequest::default();
        self.retrying(&Route::Broker(broker), self.deadline(), move |connection, deadline| async move {
            let response = connection.call(request, deadline).await?;
            ClientError::check(|| "list of groups".into(), response.error_code, None)?;
            let listing = |wire: &weir_wire::messages::list_groups::ListedGroup| GroupListing {
                group_id: wire.group_id.to_string(),
                state: wire.group_state.to_string(),
                group_type: wire.group_type.to_string(),
                protocol_type: wire.protocol_type.to_string(),
            };
            Ok(response.groups.iter().map(listing).collect())
        })
        .await
    }

    async fn describe_classic(&self, group: &str, route: &Route) -> Result<GroupDescription, ClientError> {
        let request = &DescribeGroupsRequest { groups: vec![group.into()], ..Default::default() };
        let mut described = self
            .retrying(route, self.deadline(), move |connection, deadline| async move {
                let response = connection.call(request, deadline).await?;
                let found = response.groups.first();
                let found = found.ok_or_else(|| missing(&connection, ApiKey::DescribeGroups, group))?;
                ClientError::check(|| subject(group), found.error_code, found.error_message.as_deref())?;
                Ok(from_classic(found))
            })
            .await?;
        described.coordinator = self.known_coordinator(group);
        Ok(described)
    }

    async fn describe_newer(&self, group: &str, route: &Route) -> Result<GroupDescription, ClientError> {
        let request = &ConsumerGroupDescribeRequest { group_ids: vec![group.into()], ..Default::default() };
        let mut described = self
            .retrying(route, self.deadline(), move |connection, deadline| async move {
                let response = connection.call(request, deadline).await?;
                let found = response.groups.first();
                let found =
                    found.ok_or_else(|| missing(&connection, ApiKey::ConsumerGroupDescribe, group))?;
                ClientError::check(|| subject(group), found.error_code, found.error_message.as_deref())?;
                Ok(from_newer(found))
            })
            .await?;
        described.coordinator = self.known_coordinator(group);
        Ok(described)
    }
}

fn subject(group: &str) -> String {
    format!("group {group}")
}

fn unknown_group(group: &str) -> ClientError {
    ClientError::Kafka { subject: subject(group), code: ErrorCode::GroupIdNotFound, message: None }
}

fn from_classic(wire: &describe_groups::DescribedGroup) -> GroupDescription {
    let is_consumer = wire.protocol_type == "consumer" || wire.protocol_type.is_empty();
    let member = |member: &describe_groups::DescribedGroupMember| GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_deref().map(str::to_owned),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        // Other protocols, such as Kafka Connect's, put bytes of their own there.
        assignment: if is_consumer {
            parse_assignment(&member.member_assignment).unwrap_or_default()
        } else {
            vec![]
        },
    };
    GroupDescription {
        group_id: wire.group_id.to_string(),
        state: wire.group_state.to_string(),
        protocol_type: wire.protocol_type.to_string(),
        assignor: wire.protocol_data.to_string(),
        coordinator: None,
        members: wire.members.iter().map(member).collect(),
    }
}

fn from_newer(wire: &consumer_group_describe::DescribedGroup) -> GroupDescription {
    let places = |assignment: &consumer_group_describe::Assignment| {
        let topics = assignment.topic_partitions.iter();
        topics
            .flat_map(|topic| {
                topic
                    .partitions
                    .iter()
                    .map(|p| (topic.topic_name.to_string(), weir_model::PartitionIndex(*p)))
            })
            .collect()
    };
    let member = |member: &consumer_group_describe::Member| GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.as_deref().map(str::to_owned),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: places(&member.assignment),
    };
    GroupDescription {
        group_id: wire.group_id.to_string(),
        state: wire.group_state.to_string(),
        protocol_type: "consumer".into(),
        assignor: wire.assignor_name.to_string(),
        coordinator: None,
        members: wire.members.iter().map(member).collect(),
    }
}
