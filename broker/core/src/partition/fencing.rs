//! Whether the asker and this replica live in the same reign. Every request for a partition passes here first.

use weir_model::LeaderEpoch;

use super::FenceError;
use super::leader::Leader;
use super::replica::{Replica, Role};

impl Replica {
    /// Compares the asker's leader epoch, where it gave one, with the current one.
    pub(super) fn check_epoch(&self, asked: Option<LeaderEpoch>) -> Result<(), FenceError> {
        let current = self.leader_epoch;
        match asked {
            Some(asked) if asked < current => Err(FenceError::Fenced { asked, current }),
            Some(asked) if asked > current => Err(FenceError::Unknown { asked, current }),
            Some(_) | None => Ok(()),
        }
    }

    /// The leader's state, if this replica leads in the reign that the asker believes in.
    pub(super) fn lead_in(&self, asked: Option<LeaderEpoch>) -> Result<&Leader, FenceError> {
        self.check_epoch(asked)?;
        match &self.role {
            Role::Leader(leader) => Ok(leader),
            Role::Follower(_) | Role::Bystander => Err(FenceError::NotLeader),
        }
    }

    /// The same for a request that changes the log, or asks where it ends: a broker that has fenced itself may have been
    /// deposed.
    pub(super) fn rule_in(&self, asked: Option<LeaderEpoch>) -> Result<&Leader, FenceError> {
        let leader = self.lead_in(asked)?;
        if self.fenced { Err(FenceError::NotLeader) } else { Ok(leader) }
    }
}
