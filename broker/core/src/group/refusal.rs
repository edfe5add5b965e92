//! The answer in the shape of the question: what a command gets when it is refused as a whole, when its group does not
//! exist, or when its records could not be appended.

use super::command::Command;
use super::error::GroupError;
use super::ids::MemberId;
use super::leave;
use super::reply::{JoinRefused, Reply};

impl Command {
    /// The command is refused as a whole.
    pub(super) fn refused(self, error: GroupError) -> Reply {
        match self {
            Self::Join(join) => Reply::Join(Err(JoinRefused { error, member: join.member })),
            Self::Sync(_) => Reply::Sync(Err(error)),
            Self::Heartbeat(_) => Reply::Heartbeat(Err(error)),
            Self::Leave(_) => Reply::Leave(Err(error)),
            Self::Commit(_) => Reply::Commit(Err(error)),
            Self::DeleteOffsets(_) => Reply::DeleteOffsets(Err(error)),
            Self::DeleteGroups(groups) => {
                Reply::DeleteGroups(groups.into_iter().map(|group| (group, Err(error))).collect())
            }
        }
    }

    /// The group does not exist. To a member that means that the group does not know it.
    pub(super) fn into_nobody(self) -> Reply {
        match self {
            Self::Leave(request) => Reply::Leave(Ok(leave::nobody(request))),
            Self::DeleteOffsets(_) | Self::DeleteGroups(_) | Self::Commit(_) => {
                self.refused(GroupError::GroupIdNotFound)
            }
            Self::Join(_) | Self::Sync(_) | Self::Heartbeat(_) => self.refused(GroupError::UnknownMemberId),
        }
    }
}

impl Reply {
    /// What to answer instead when the records of the decision could not be appended.
    pub(super) fn failed(self, error: GroupError) -> Self {
        match self {
            Self::Join(_) => Self::Join(Err(JoinRefused { error, member: MemberId::default() })),
            Self::Sync(_) => Self::Sync(Err(error)),
            Self::Heartbeat(_) => Self::Heartbeat(Err(error)),
            Self::Leave(_) => Self::Leave(Err(error)),
            Self::Commit(_) => Self::Commit(Err(error)),
            Self::DeleteOffsets(_) => Self::DeleteOffsets(Err(error)),
            Self::DeleteGroups(groups) => Self::DeleteGroups(
                groups.into_iter().map(|(group, done)| (group, done.and(Err(error)))).collect(),
            ),
        }
    }
}
