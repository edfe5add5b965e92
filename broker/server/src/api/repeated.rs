//! Items that stand in a request more than once are answered once, as Kafka does: clients look an answer up by name.

use std::collections::BTreeSet;

/// The first item of each key, in the order they came.
pub(crate) fn first_of_each<T, K: Ord>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.into_iter().filter(|item| seen.insert(key(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_of_equal_items_stays() {
        let items = vec![("b", 1), ("a", 2), ("b", 3)];
        assert_eq!(first_of_each(items, |item| item.0), [("b", 1), ("a", 2)]);
    }
}
