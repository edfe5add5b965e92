//! Hello: who is there, and who leads? Changes nothing.

use tracing::warn;
use weir_admin::peer::v1::{Address, HelloReply};
use weir_quorum::NodeId;

use super::identity::bytes_of;
use super::service::{PeerService, Shared};
use super::words;

impl PeerService {
    pub(super) fn greet(&self, from: NodeId, peer: &str) -> HelloReply {
        let Shared { me, view, link, metrics, .. } = &*self.shared;
        if from == *me {
            metrics.peers_refused.with_label_values(&["copied_disk"]).inc();
            warn!(peer, "a copy of this broker's disk was started elsewhere, and is told to stop");
        }
        HelloReply {
            node: Some(words::node(*me)),
            cluster_id: view.cluster_id().map_or_else(Default::default, bytes_of),
            empty: link.quorum().is_empty(),
            leader: Some(self.leader()),
            counted_at: self.counted_at(from),
        }
    }

    /// Where the cluster counts on the broker that asks, with the disk that it has.
    fn counted_at(&self, from: NodeId) -> Option<Address> {
        let image = self.shared.view.image();
        let registration = &image.broker(from.broker)?.registration;
        let counts = registration.incarnation == from.incarnation
            && !registration.fenced
            && !registration.shutting_down;
        let at = registration.peer.as_ref().filter(|_| counts)?;
        Some(Address { host: at.host.clone(), port: u32::from(at.port) })
    }
}
