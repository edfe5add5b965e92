//! The first voters of the metadata quorum as `controller.quorum.voters` writes them: `id@host:port`, separated by
//! commas. Decides what is a legal list; who votes later is the quorum's own record.

use std::collections::BTreeSet;
use std::fmt;

use super::listener::Endpoint;
use crate::BrokerId;

/// One of the first voters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// The broker.
    pub id: BrokerId,
    /// Where other brokers reach it.
    pub peer: Endpoint,
}

impl Voter {
    /// Reads one `id@host:port`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, address) = text.trim().split_once('@')?;
        let id = id.parse::<i32>().ok().filter(|id| *id >= 0)?;
        let peer = Endpoint::parse(address)?;
        (!peer.host.is_empty() && peer.port > 0).then_some(Self { id: BrokerId(id), peer })
    }
}

impl fmt::Display for Voter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.peer)
    }
}

/// Reads a comma separated list; ids must differ.
pub(super) fn parse_voters(text: &str) -> Option<Vec<Voter>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let voters = text.split(',').map(Voter::parse).collect::<Option<Vec<_>>>()?;
    let ids: BTreeSet<_> = voters.iter().map(|voter| voter.id).collect();
    (ids.len() == voters.len()).then_some(voters)
}
