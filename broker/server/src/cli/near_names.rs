//! Which known names a mistyped one may have been meant to be. Pure.

/// Suggestions at most.
const MOST: usize = 3;
/// Longer names are not compared.
const LONGEST: usize = 249;

/// The nearest known names, nearest first: few edits away, or one holding the other.
pub(super) fn near_names(name: &str, known: &[String]) -> Vec<String> {
    if name.len() > LONGEST {
        return Vec::new();
    }
    let wanted = name.to_lowercase();
    let allowed = wanted.len().max(3) / 3;
    let mut scored: Vec<(usize, &String)> = known
        .iter()
        .filter(|candidate| candidate.as_str() != name && candidate.len() <= LONGEST)
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let cost = edits(wanted.as_bytes(), lower.as_bytes());
            let holds = wanted.len() >= 3
                && (lower.contains(&wanted) || (lower.len() >= 3 && wanted.contains(&lower)));
            (cost <= allowed || holds).then_some((cost, candidate))
        })
        .collect();
    scored.sort();
    scored.into_iter().take(MOST).map(|(_, name)| name.clone()).collect()
}

/// Inserted, removed, replaced or swapped neighbouring bytes (optimal string alignment).
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(x != y);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_nearest_first() {
        let known: Vec<String> =
            ["orders", "orders-dlq", "payments", "Orders2", "x"].map(str::to_owned).into_iter().collect();
        let cases: [(&str, &[&str]); 7] = [
            ("order", &["orders", "Orders2", "orders-dlq"]),
            ("ordres", &["orders", "Orders2"]),
            ("ORDERS", &["orders", "Orders2", "orders-dlq"]),
            ("payment", &["payments"]),
            ("pay", &["payments"]),
            ("zzz", &[]),
            ("", &["x"]),
        ];
        for (name, expected) in cases {
            assert_eq!(near_names(name, &known), expected, "{name}");
        }
    }

    #[test]
    fn edits_count_a_swap_once() {
        for (a, b, count) in [("", "", 0), ("ab", "ba", 1), ("abc", "", 3), ("kitten", "sitting", 3)] {
            assert_eq!(edits(a.as_bytes(), b.as_bytes()), count, "{a} {b}");
        }
    }
}
