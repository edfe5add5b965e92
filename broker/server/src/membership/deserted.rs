//! Whether there is nobody left to give anything to: so many voters are gone that no controller can say who takes over.
//! Decides that only of brokers where nobody listens; one that can not be reached may still be there.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;
use weir_model::config::Endpoint;
use weir_quorum::{Members, NodeId, PeerAddress, Quorum};

use crate::peers::{Dialer, Probe};

/// Time between two looks.
const EVERY: Duration = Duration::from_millis(50);
/// How long one look may take.
const LOOK_MAX: Duration = Duration::from_millis(300);

/// Ends when so many voters are gone. Cancel safe.
pub(crate) async fn deserted(quorum: &Quorum, me: NodeId) {
    loop {
        sleep(EVERY).await;
        let members = quorum.members();
        let others = members.nodes.iter().filter(|(node, _)| **node != me && members.voters.contains(node));
        let looks = others.map(|(node, at)| async move { (*node, look(at).await) });
        let gone =
            join_all(looks).await.into_iter().filter(|(_, seen)| *seen == Probe::Dead).map(|(node, _)| node);
        if too_few(&members, &gone.collect()) {
            return;
        }
    }
}

async fn look(at: &PeerAddress) -> Probe {
    Dialer::probe(&Endpoint { host: at.host.clone(), port: at.port }, LOOK_MAX).await
}

/// Whether those who may be left are no majority of the voters.
fn too_few(members: &Members, gone: &BTreeSet<NodeId>) -> bool {
    let left = members.voters.difference(gone).count();
    2 * left <= members.voters.len()
}

#[cfg(test)]
mod tests {
    use weir_model::{BrokerId, Incarnation};

    use super::*;

    fn node(broker: i32) -> NodeId {
        NodeId { broker: BrokerId(broker), incarnation: Incarnation(uuid::Uuid::nil()) }
    }

    #[test]
    fn a_quorum_is_deserted_when_no_majority_may_be_left() {
        for (voters, gone, expected) in [
            (3, &[][..], false),
            (3, &[1], false),
            (3, &[1, 2], true),
            (2, &[1], true),
            (5, &[1, 2], false),
            (5, &[1, 2, 3], true),
            (1, &[], false),
        ] {
            let members = Members { voters: (0..voters).map(node).collect(), ..Members::default() };
            let gone = gone.iter().copied().map(node).collect();
            assert_eq!(too_few(&members, &gone), expected, "{voters} voters without {gone:?}");
        }
    }
}
