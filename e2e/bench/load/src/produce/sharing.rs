//! Which connection serves which partitions. Pure.

use std::collections::BTreeMap;

use crate::cluster::Leaders;

/// A connection to be: its leader, and the partitions that it takes in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) leader: String,
    pub(crate) partitions: Vec<i32>,
}

/// So many connections to each leader. Partitions are dealt out; where there are fewer than connections, connections share.
pub(crate) fn lanes(leaders: &Leaders, connections: usize) -> Vec<Lane> {
    let mut by_leader: BTreeMap<&String, Vec<i32>> = BTreeMap::new();
    leaders.iter().for_each(|(partition, leader)| by_leader.entry(leader).or_default().push(*partition));
    let mut found = Vec::new();
    for (leader, partitions) in by_leader {
        for number in 0..connections.max(1) {
            let own = if partitions.len() >= connections {
                partitions.iter().skip(number).step_by(connections.max(1)).copied().collect()
            } else {
                vec![partitions[number % partitions.len()]]
            };
            found.push(Lane { leader: leader.clone(), partitions: own });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dealt(partitions: i32, connections: usize) -> Vec<Vec<i32>> {
        let leaders = (0..partitions).map(|partition| (partition, "a:1".to_owned())).collect();
        lanes(&leaders, connections).into_iter().map(|lane| lane.partitions).collect()
    }

    #[test]
    fn partitions_are_dealt_out_among_connections() {
        let table = [
            (1, 1, vec![vec![0]]),
            (5, 2, vec![vec![0, 2, 4], vec![1, 3]]),
            (2, 3, vec![vec![0], vec![1], vec![0]]),
            (3, 3, vec![vec![0], vec![1], vec![2]]),
        ];
        for (partitions, connections, expected) in table {
            assert_eq!(dealt(partitions, connections), expected, "{partitions} among {connections}");
        }
    }

    #[test]
    fn every_leader_gets_connections_of_its_own() {
        let leaders = Leaders::from([(0, "a:1".into()), (1, "b:1".into())]);
        let found = lanes(&leaders, 1);
        assert_eq!(found[0], Lane { leader: "a:1".into(), partitions: vec![0] });
        assert_eq!(found[1], Lane { leader: "b:1".into(), partitions: vec![1] });
    }
}
