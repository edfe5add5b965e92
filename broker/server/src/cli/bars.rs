//! Numbers as people take them in: bars to compare by, bytes with a unit. Pure.

/// Characters of a full bar.
const BAR: u64 = 12;
/// Characters between the ends of a meter.
const METER: u64 = 30;

/// As long as the part is of the whole; something that is there shows.
pub(super) fn bar(part: u64, whole: u64) -> String {
    let length = u128::from(part) * u128::from(BAR);
    let length = length.div_ceil(u128::from(whole.max(1))).min(u128::from(BAR));
    "#".repeat(usize::try_from(length).unwrap_or(0))
}

/// How far something is: full only when nothing is left.
pub(super) fn meter(done: u64, total: u64) -> String {
    let filled = (u128::from(done) * u128::from(METER)).checked_div(u128::from(total));
    let filled = filled.map_or(METER, |filled| u64::try_from(filled).unwrap_or(METER).min(METER));
    let characters = |count: u64, with: &str| with.repeat(usize::try_from(count).unwrap_or(0));
    format!("[{}{}]", characters(filled, "#"), characters(METER - filled, "."))
}

/// A size: three digits and a unit.
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub(super) fn bytes(bytes: u64) -> String {
    size(bytes as f64)
}

/// Three digits and a unit.
pub(super) fn size(bytes: f64) -> String {
    let mut left = bytes;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if left < 1_000.0 {
            return format!("{left:.0} {unit}");
        }
        left /= 1_024.0;
    }
    format!("{left:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_part_and_never_longer_than_the_whole() {
        assert_eq!([bar(0, 10), bar(1, 1_000), bar(5, 10), bar(9, 9)], ["", "#", "######", "############"]);
        assert_eq!(bar(3, 0), "############");
        assert_eq!(bar(u64::MAX, u64::MAX).len(), 12);
    }

    #[test]
    fn a_meter_is_full_only_when_nothing_is_left() {
        let filled = |done, total| meter(done, total).matches('#').count();
        assert_eq!(
            [filled(0, 9), filled(1, 100), filled(99, 100), filled(9, 9), filled(0, 0)],
            [0, 0, 29, 30, 30]
        );
        assert_eq!([meter(1, 3).len(), meter(9, 3).len(), meter(u64::MAX, 1).len()], [32, 32, 32]);
    }

    #[test]
    fn sizes_have_three_digits() {
        assert_eq!([size(0.0), size(999.0), size(1_536.0)], ["0 B", "999 B", "2 KiB"]);
        assert_eq!([bytes(57 << 20), bytes(3 << 40)], ["57 MiB", "3.0 TiB"]);
    }
}
