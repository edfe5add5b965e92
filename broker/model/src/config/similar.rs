//! Which known name a mistyped one was meant to be.

/// The known name that the fewest edits lead to, unless it takes more than a third of the name.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 128 {
        return None;
    }
    let (cost, best) = known.map(|k| (edits(name.as_bytes(), k.as_bytes()), k)).min()?;
    (cost <= name.len().max(3) / 3).then_some(best)
}

/// Levenshtein's distance over two rows.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
