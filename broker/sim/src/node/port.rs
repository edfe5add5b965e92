//! A quorum node's way to the others.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use tokio::sync::watch;
use weir_quorum::{Answering, Call, NodeId, PeerAddress, PeerError, Peers};

use crate::world::World;
use crate::world::message::{Reply, Request};
use crate::world::net::Lost;

/// One node's end of the network.
pub(super) struct Port {
    me: i32,
    world: Weak<World>,
    dying: watch::Receiver<bool>,
}

impl Port {
    pub(super) fn new(me: i32, world: &Arc<World>, dying: watch::Receiver<bool>) -> Self {
        Self { me, world: Arc::downgrade(world), dying }
    }
}

impl Peers for Port {
    fn ask(&self, to: NodeId, _at: &PeerAddress, _call: Call, question: Bytes) -> Answering {
        let (me, world, mut dying) = (self.me, self.world.clone(), self.dying.clone());
        Box::pin(async move {
            let gone = || PeerError::Unreachable("gone".to_owned());
            let world = world.upgrade().ok_or_else(gone)?;
            let asked = world.net.ask(&world, me, to.broker.0, Request::Quorum(to, question));
            let answer = tokio::select! {
                biased;
                _ = dying.wait_for(|dead| *dead) => return Err(gone()),
                answer = asked => answer,
            };
            match answer {
                Ok(Reply::Quorum(Ok(bytes))) => Ok(bytes),
                Ok(Reply::Quorum(Err(why))) => Err(PeerError::Refused(why)),
                Ok(_) => Err(PeerError::Refused("not an answer to this".to_owned())),
                Err(Lost::Refused) => Err(PeerError::Unreachable("refused".to_owned())),
                Err(Lost::Broken | Lost::Late) => Err(PeerError::Unreachable("broken".to_owned())),
            }
        })
    }
}
