//! DeleteGroups: empty groups go with their offsets. Each group is a command of its own, for together the records of a
//! thousand groups could be more than one batch holds; the owner of a shard writes them together anyway.

use futures_util::{StreamExt, stream};
use weir_core::group::{Command, GroupId, Reply};
use weir_wire::ErrorCode;
use weir_wire::messages::delete_groups::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};

use super::group_words::{AT_A_TIME, ask, code};
use super::repeated::first_of_each;
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let results = stream::iter(first_of_each(request.groups_names, Clone::clone))
        .map(|group| async move {
            let error = delete(broker, &group).await;
            DeletableGroupResult { group_id: group, error_code: error.into() }
        })
        .buffered(AT_A_TIME);
    DeleteGroupsResponse { results: results.collect().await, ..Default::default() }
}

async fn delete(broker: &Broker, group: &str) -> ErrorCode {
    match ask(broker, group, Command::DeleteGroups(vec![GroupId::from(group)])).await {
        Ok(Reply::DeleteGroups(outcomes)) => {
            outcomes.into_iter().next().map_or(ErrorCode::UnknownServerError, |(_, outcome)| code(outcome))
        }
        Ok(_) => ErrorCode::UnknownServerError,
        Err(error) => error,
    }
}
