//! What members of a group were told, and what that must never be: two owners of a task in one generation, a generation
//! that is over and goes on, a committed offset that is gone.

use std::collections::{BTreeMap, BTreeSet};

/// One group's history. Members are named by what stays the same for them: their id, or their instance.
#[derive(Debug, Default)]
pub struct Membership {
    owners: BTreeMap<(i32, u8), String>,
    /// The newest generation that a member was given an assignment in.
    newest: i32,
    /// The greatest position of each task whose commit was acknowledged.
    acknowledged: BTreeMap<u8, i64>,
    /// Positions whose commit was sent and never answered well.
    unknown: BTreeSet<(u8, i64)>,
    next: BTreeMap<u8, i64>,
    /// What each client holds now.
    holding: BTreeMap<i32, (i32, Vec<u8>)>,
    commits: usize,
}

impl Membership {
    /// The newest generation that anybody works in.
    #[must_use]
    pub const fn newest(&self) -> i32 {
        self.newest
    }

    /// A client was given tasks.
    pub fn assigned(
        &mut self,
        place: i32,
        member: &str,
        generation: i32,
        tasks: &[u8],
    ) -> Result<(), String> {
        self.holding.insert(place, (generation, tasks.to_vec()));
        self.newest = self.newest.max(generation);
        for task in tasks {
            let owner = self.owners.entry((generation, *task)).or_insert_with(|| member.to_owned());
            if owner != member {
                return Err(format!("{owner} and {member} both own task {task} in generation {generation}"));
            }
        }
        Ok(())
    }

    /// A client was told that it is well; `newest` was the newest generation when it asked.
    pub fn confirmed(&self, member: &str, generation: i32, newest: i32) -> Result<(), String> {
        if generation < newest {
            return Err(format!("{member} goes on in generation {generation}, {newest} had begun"));
        }
        Ok(())
    }

    /// A client holds nothing any more.
    pub fn let_go(&mut self, place: i32) {
        self.holding.remove(&place);
    }

    /// A position to commit: greater than every one before.
    pub fn next_position(&mut self, task: u8) -> i64 {
        let next = self.next.entry(task).or_insert(0);
        *next += 1;
        self.unknown.insert((task, *next));
        *next
    }

    /// The commit of a position was acknowledged.
    pub fn committed(&mut self, task: u8, position: i64) {
        self.unknown.remove(&(task, position));
        let greatest = self.acknowledged.entry(task).or_insert(position);
        *greatest = (*greatest).max(position);
        self.commits += 1;
    }

    /// The greatest position of a task that was acknowledged.
    #[must_use]
    pub fn greatest(&self, task: u8) -> i64 {
        self.acknowledged.get(&task).copied().unwrap_or(0)
    }

    /// A position was read. `least` was acknowledged before it was asked for.
    pub fn fetched(&self, task: u8, position: i64, least: i64) -> Result<(), String> {
        if position >= least || self.unknown.contains(&(task, position)) {
            return Ok(());
        }
        Err(format!("the committed offset {least} of task {task} is lost: {position} is read"))
    }

    /// How many commits were acknowledged.
    #[must_use]
    pub const fn commits(&self) -> usize {
        self.commits
    }

    /// Whether `clients` hold all of `tasks`, in one generation.
    pub fn is_whole(&self, clients: usize, tasks: u8) -> Result<(), String> {
        let generations: BTreeSet<i32> = self.holding.values().map(|(generation, _)| *generation).collect();
        let held: usize = self.holding.values().map(|(_, tasks)| tasks.len()).sum();
        let distinct: BTreeSet<u8> = self.holding.values().flat_map(|(_, tasks)| tasks.clone()).collect();
        let whole = generations.len() == 1
            && self.holding.len() == clients
            && held == usize::from(tasks)
            && distinct.len() == usize::from(tasks);
        if whole { Ok(()) } else { Err(format!("the group does not come to rest: {:?}", self.holding)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_one_owner_in_a_generation() {
        let mut group = Membership::default();
        group.assigned(-1, "a", 1, &[0, 1]).unwrap();
        group.assigned(-1, "a", 1, &[0, 1]).unwrap();
        group.assigned(-2, "b", 2, &[1]).unwrap();
        assert!(group.assigned(-2, "b", 1, &[1]).is_err());
    }

    #[test]
    fn a_generation_that_is_over_does_not_go_on() {
        let mut group = Membership::default();
        group.assigned(-1, "a", 3, &[0]).unwrap();
        assert!(group.confirmed("b", 2, group.newest()).is_err());
        assert!(group.confirmed("a", 3, group.newest()).is_ok());
    }

    #[test]
    fn an_acknowledged_offset_is_not_lost_and_one_of_unknown_fate_may_come() {
        let mut group = Membership::default();
        let (first, second, third) = (group.next_position(0), group.next_position(0), group.next_position(0));
        group.committed(0, first);
        group.committed(0, third);
        let least = group.greatest(0);
        assert!(group.fetched(0, first, least).is_err());
        assert!(group.fetched(0, 0, least).is_err());
        assert!(group.fetched(0, second, least).is_ok());
        assert!(group.fetched(0, third, least).is_ok());
    }

    #[test]
    fn a_group_at_rest_holds_every_task_once() {
        let mut group = Membership::default();
        group.assigned(-1, "a", 1, &[0]).unwrap();
        assert!(group.is_whole(1, 2).is_err());
        group.assigned(-2, "b", 1, &[1]).unwrap();
        assert!(group.is_whole(2, 2).is_ok());
        group.assigned(-2, "b", 2, &[1]).unwrap();
        assert!(group.is_whole(2, 2).is_err());
    }
}
