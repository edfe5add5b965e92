//! The way from a group handler to the group's owner, and the words that all group requests share. Decides when a
//! request does not get that far: an empty group id, another broker's group, a log that is still being read.
//! What comes from a request is copied here, because members outlive their frames.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use weir_core::group::{Command, GroupError, Groups, InstanceId, Reply};
use weir_wire::{ErrorCode, Str};

use super::errors;
use crate::broker::Broker;
use crate::groups::ShardHandle;

/// Groups of one request that are asked for at a time, so that no request fills the mailboxes alone.
pub(super) const AT_A_TIME: usize = 64;

/// Puts a command to the group's owner.
pub(super) async fn ask(broker: &Broker, group: &str, command: Command) -> Result<Reply, ErrorCode> {
    owner(broker, group)?.ask(command).await.map_err(errors::of_group)
}

/// As [`ask`], where the answer may take a whole rebalance: a broker that stops does not wait for it, and sends the
/// member to look for its coordinator anew.
pub(super) async fn ask_until_stopped(
    broker: &Broker,
    group: &str,
    command: Command,
) -> Result<Reply, ErrorCode> {
    tokio::select! {
        biased;
        answer = ask(broker, group, command) => answer,
        () = broker.stop.cancelled() => Err(ErrorCode::NotCoordinator),
    }
}

/// Reads the state of the group's shard.
pub(super) async fn look<T: Send + 'static>(
    broker: &Broker,
    group: &str,
    look: impl FnOnce(&Groups) -> Result<T, GroupError> + Send + 'static,
) -> Result<T, ErrorCode> {
    owner(broker, group)?.look(look).await.and_then(|seen| seen).map_err(errors::of_group)
}

fn owner(broker: &Broker, group: &str) -> Result<ShardHandle, ErrorCode> {
    ready(broker.coordinators.shard_of(group).map_err(errors::of_group)?)
}

/// Kafka's clients come back by themselves; a request that waited for the log would only hold its connection.
pub(super) fn ready(shard: ShardHandle) -> Result<ShardHandle, ErrorCode> {
    if shard.is_loaded() { Ok(shard) } else { Err(ErrorCode::CoordinatorLoadInProgress) }
}

/// Members' requests need a group with a name. Only offsets are kept, for old clients' sake, under the empty one.
pub(super) fn named(group: &str) -> Result<(), ErrorCode> {
    if group.is_empty() { Err(ErrorCode::InvalidGroupId) } else { Ok(()) }
}

/// The code of an outcome.
pub(super) fn code(outcome: Result<(), GroupError>) -> ErrorCode {
    outcome.map_or_else(errors::of_group, |()| ErrorCode::None)
}

/// A static member's name.
pub(super) fn instance(id: Option<&Str>) -> Option<InstanceId> {
    id.map(|id| InstanceId::from(id.as_str()))
}

/// The peer's address as Kafka prints it: a slash, and IPv6 without abbreviations.
pub(super) fn client_host(peer: SocketAddr) -> Arc<str> {
    let text = match peer.ip().to_canonical() {
        IpAddr::V4(ip) => format!("/{ip}"),
        IpAddr::V6(ip) => format!("/{}", ip.segments().map(|segment| format!("{segment:x}")).join(":")),
    };
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_host_is_written_as_java_writes_addresses() {
        let cases = [
            ("10.0.0.1:5000", "/10.0.0.1"),
            ("[::1]:5000", "/0:0:0:0:0:0:0:1"),
            ("[2001:db8::ff]:5000", "/2001:db8:0:0:0:0:0:ff"),
            ("[::ffff:10.0.0.1]:5000", "/10.0.0.1"),
        ];
        for (peer, host) in cases {
            assert_eq!(&*client_host(peer.parse().unwrap()), host);
        }
    }

    #[test]
    fn only_groups_with_a_name_have_members() {
        assert_eq!((named(""), named("g")), (Err(ErrorCode::InvalidGroupId), Ok(())));
    }
}
