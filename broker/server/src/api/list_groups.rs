//! ListGroups: the groups of every shard that is led here. One shard that is not ready makes the whole answer an error, for a
//! list that lacks groups looks like one that is whole.

use std::sync::Arc;

use weir_core::group::{GROUP_TYPE, GroupError, Listed};
use weir_wire::messages::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};
use weir_wire::{ErrorCode, Str};

use super::errors;
use super::group_words::ready;
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: ListGroupsRequest,
) -> ListGroupsResponse {
    match list(broker, Filters::of(&request)).await {
        Ok(groups) => ListGroupsResponse { groups, ..Default::default() },
        Err(error) => ListGroupsResponse { error_code: error.into(), ..Default::default() },
    }
}

/// The client's words, copied. Empty lets everything through.
struct Filters {
    states: Vec<String>,
    types: Vec<String>,
}

impl Filters {
    fn of(request: &ListGroupsRequest) -> Self {
        let words = |filter: &[Str]| filter.iter().map(|word| word.as_str().to_owned()).collect();
        Self { states: words(&request.states_filter), types: words(&request.types_filter) }
    }
}

async fn list(broker: &Broker, filters: Filters) -> Result<Vec<ListedGroup>, ErrorCode> {
    let filters = Arc::new(filters);
    let mut groups = Vec::new();
    for shard in broker.coordinators.shards() {
        let (shard, filters) = (ready(shard)?, Arc::clone(&filters));
        let listed = shard.look(move |groups| {
            let states: Vec<&str> = filters.states.iter().map(String::as_str).collect();
            let types: Vec<&str> = filters.types.iter().map(String::as_str).collect();
            groups.list(&states, &types)
        });
        groups.extend(of_shard(listed.await.and_then(|listed| listed))?);
    }
    Ok(groups)
}

/// A shard that stopped meanwhile may be moving away or reading its log anew: the client shall ask again, and gets the list
/// of the shards that are here then.
fn of_shard(listed: Result<Vec<Listed>, GroupError>) -> Result<Vec<ListedGroup>, ErrorCode> {
    match listed {
        Ok(groups) => Ok(groups.iter().map(listed_group).collect()),
        Err(GroupError::NotCoordinator) => Err(ErrorCode::CoordinatorNotAvailable),
        Err(error) => Err(errors::of_group(error)),
    }
}

fn listed_group(group: &Listed) -> ListedGroup {
    ListedGroup {
        group_id: group.group.as_str().into(),
        protocol_type: group.protocol_type.as_str().into(),
        group_state: Str::from_static(group.state.as_str()),
        group_type: Str::from_static(GROUP_TYPE),
    }
}

#[cfg(test)]
mod tests {
    use weir_core::group::{GroupId, GroupState, ProtocolType};

    use super::*;

    #[test]
    fn a_shard_that_stopped_makes_the_client_ask_again() {
        for error in [GroupError::NotCoordinator, GroupError::CoordinatorNotAvailable] {
            let told = of_shard(Err(error)).unwrap_err();
            assert!(told.is_retriable());
            assert_eq!(told, ErrorCode::CoordinatorNotAvailable);
        }
    }

    #[test]
    fn every_version_can_carry_a_group() {
        let group = Listed {
            group: GroupId::from("g"),
            protocol_type: ProtocolType::from("consumer"),
            state: GroupState::PreparingRebalance,
        };
        let groups = of_shard(Ok(vec![group])).unwrap();
        let told = &groups[0];
        assert_eq!((told.group_state.as_str(), told.group_type.as_str()), ("PreparingRebalance", "classic"));
        let response = ListGroupsResponse { groups, ..Default::default() };
        for version in 0..=5 {
            weir_wire::frame::encode_response(version, 1, &response).unwrap();
        }
    }
}
