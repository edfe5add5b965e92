//! OffsetCommit: who may commit when, and the records of what was committed.

use weir_model::{LeaderEpoch, TopicId};

use crate::group::command::{Commit, PartitionCommit, TopicCommit};
use crate::group::error::GroupError;
use crate::group::live::{LiveGroup, Phase};
use crate::group::records::{CommittedOffset, OffsetKey, Record};
use crate::group::reply::TopicOutcome;
use crate::group::session;
use crate::group::turn::Turn;

pub(in crate::group) fn commit(
    group: &mut LiveGroup,
    commit: Commit,
    turn: &mut Turn<'_>,
) -> Result<Vec<TopicOutcome>, GroupError> {
    check(group, &commit)?;
    if matches!(group.phase, Phase::Stable | Phase::Preparing { .. }) {
        group.restart_session(&commit.member, turn.now.steady);
    }
    let expires_at = commit.retention.map(|retention| turn.now.wall + retention);
    let mut outcomes = Vec::with_capacity(commit.topics.len());
    for TopicCommit { topic, topic_id, partitions } in commit.topics {
        let mut outcome = TopicOutcome { topic: topic.clone(), topic_id, partitions: Vec::new() };
        for PartitionCommit { partition, offset, leader_epoch, metadata } in partitions {
            if metadata.encode_utf16().count() > turn.config.max_offset_metadata {
                outcome.partitions.push((partition, Err(GroupError::OffsetMetadataTooLarge)));
                continue;
            }
            let committed_at = turn.now.wall;
            let value =
                CommittedOffset { offset, leader_epoch, metadata, committed_at, expires_at, topic_id };
            let key = OffsetKey { group: group.id.clone(), topic: topic.clone(), partition };
            turn.out.records.push(Record::Offset { key, value: Some(writable(value)) });
            outcome.partitions.push((partition, Ok(())));
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// The layout of an offset with an end of its own has no room for epoch and topic id: they must not exist in memory either,
/// or a restart would lose them.
fn writable(value: CommittedOffset) -> CommittedOffset {
    match value.expires_at {
        Some(_) => CommittedOffset { leader_epoch: LeaderEpoch::NONE, topic_id: TopicId::ZERO, ..value },
        None => value,
    }
}

/// A group that does not exist takes commits from consumers that manage their own assignment, and from nobody else.
pub(in crate::group) fn check_absent(commit: &Commit) -> Result<(), GroupError> {
    match (commit.generation.0 < 0, commit.unknown_group_is_illegal_generation) {
        (true, _) => Ok(()),
        (false, true) => Err(GroupError::IllegalGeneration),
        (false, false) => Err(GroupError::GroupIdNotFound),
    }
}

fn check(group: &LiveGroup, commit: &Commit) -> Result<(), GroupError> {
    let managed_by_itself = commit.generation.0 < 0;
    if managed_by_itself && group.phase == Phase::Empty {
        return Ok(());
    }
    if managed_by_itself && commit.member.is_empty() && commit.instance.is_none() {
        return Err(GroupError::UnknownMemberId);
    }
    session::check(group, &commit.member, commit.instance.as_ref())?;
    if commit.generation != group.generation {
        return Err(GroupError::IllegalGeneration);
    }
    // The member knows the new generation but has no partitions in it, so the offsets are of the last one.
    if group.phase == Phase::Completing {
        return Err(GroupError::RebalanceInProgress);
    }
    Ok(())
}
