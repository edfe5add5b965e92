//! Items that stand in a request more than once are answered once, as Kafka does: clients look an answer up by name. And
//! rows of one topic stand together.

use std::collections::{BTreeMap, BTreeSet};

/// The first item of each key, in the order they came.
pub(crate) fn first_of_each<T, K: Ord>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.into_iter().filter(|item| seen.insert(key(item))).collect()
}

/// The rows of each key together, keys and rows in the order they came.
pub(crate) fn grouped<K: Ord + Clone, T>(rows: impl Iterator<Item = (K, T)>) -> Vec<(K, Vec<T>)> {
    let mut places = BTreeMap::new();
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    for (key, row) in rows {
        let place = *places.entry(key.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, group)) => group.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_key_stand_together_in_the_order_they_came() {
        let rows = [("b", 1), ("a", 2), ("b", 3)];
        assert_eq!(grouped(rows.into_iter()), [("b", vec![1, 3]), ("a", vec![2])]);
    }

    #[test]
    fn only_the_first_of_equal_items_stays() {
        let items = vec![("b", 1), ("a", 2), ("b", 3)];
        assert_eq!(first_of_each(items, |item| item.0), [("b", 1), ("a", 2)]);
    }
}
