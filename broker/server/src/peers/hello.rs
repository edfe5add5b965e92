//! Hello: who is there, and who leads? Changes nothing.

use weir_admin::peer::v1::HelloReply;

use super::identity::bytes_of;
use super::service::{PeerService, Shared};
use super::words;

impl PeerService {
    pub(super) fn greet(&self) -> HelloReply {
        let Shared { me, view, link, .. } = &*self.shared;
        HelloReply {
            node: Some(words::node(*me)),
            cluster_id: view.cluster_id().map_or_else(Default::default, bytes_of),
            empty: link.quorum().is_empty(),
            leader: Some(self.leader()),
        }
    }
}
