//! Times as people write them.

use std::time::Duration;

/// `90s`, `30m`, `2h`, `1d`, or several of them in a row: `1h30m`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut left = text.trim();
    let mut seconds = 0_u64;
    if left.is_empty() {
        return None;
    }
    while !left.is_empty() {
        let digits = left.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = left[..digits].parse().ok()?;
        let unit = left[digits..].chars().next()?;
        let each = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(each)?)?;
        left = &left[digits + 1..];
    }
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let seconds = |text| duration(text).map(|after| after.as_secs());
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("1h30m"), Some(5_400));
        assert_eq!(seconds("2d"), Some(172_800));
        for wrong in ["", "30", "m", "3x", "-1m", "1.5h", "99999999999999999999s", "30ä"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
