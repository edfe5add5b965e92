//! Committed offsets: writing, reading, deleting, and forgetting those nobody uses.

pub(super) mod commit;
pub(super) mod delete;
pub(super) mod expiry;
pub(super) mod fetch;

use super::committed::CommittedGroup;
use super::live::{LiveGroup, Phase};
use super::subscription::{self, Subscribed};

/// The topics in use by the group: in a generation that nobody has an assignment of yet by its new members, else as the
/// log says.
fn subscribed(live: Option<&LiveGroup>, committed: Option<&CommittedGroup>) -> Subscribed {
    let meta = committed.and_then(|c| c.meta.as_ref());
    match live {
        Some(group) if group.phase == Phase::Completing => {
            let metadata: Vec<_> =
                group.members().values().map(|m| m.metadata(group.protocol.as_ref())).collect();
            subscription::subscribed(group.protocol_type.as_ref(), metadata.iter())
        }
        Some(group) if meta.is_none_or(|m| m.members.is_empty()) && group.phase != Phase::Empty => {
            if subscription::is_consumer(group.protocol_type.as_ref()) {
                Subscribed::Unknown
            } else {
                Subscribed::NotConsumers
            }
        }
        _ => match meta {
            Some(meta) => {
                let metadata = meta.members.values().map(|m| &m.subscription);
                subscription::subscribed(meta.protocol_type.as_ref(), metadata)
            }
            None => Subscribed::NotConsumers,
        },
    }
}
