//! Sizes as Kubernetes writes them, such as `10Gi`. Decides how many bytes a text means, and whether two texts mean the
//! same.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Bytes {
    /// What a quantity means as a size, rounded up. `None` where it is none, negative, or beyond 64 bits.
    #[must_use]
    pub fn parse(quantity: &Quantity) -> Option<Self> {
        let nano = nanos(&quantity.0)?;
        let bytes = nano.checked_add(NANO - 1)? / NANO;
        u64::try_from(bytes).ok().map(Self)
    }
}

/// An amount in thousandths, rounded up: `1.5` and `1500m` are 1,500. `None` where it is none or negative.
pub(crate) fn millis(quantity: &Quantity) -> Option<u64> {
    u64::try_from(nanos(&quantity.0)?.div_ceil(NANO / 1_000)).ok()
}

const NANO: u128 = 1_000_000_000;

/// Suffixes and what one of them is in billionths.
const SUFFIXES: &[(&str, u128)] = &[
    ("Ki", NANO << 10),
    ("Mi", NANO << 20),
    ("Gi", NANO << 30),
    ("Ti", NANO << 40),
    ("Pi", NANO << 50),
    ("Ei", NANO << 60),
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("k", NANO * 1_000),
    ("M", NANO * 1_000_000),
    ("G", NANO * NANO),
    ("T", NANO * NANO * 1_000),
    ("P", NANO * NANO * 1_000_000),
    ("E", NANO * NANO * NANO),
];

/// A quantity in billionths: `0.5`, `500m`, `1Gi`, `1e3`. `None` where it is none or negative.
fn nanos(text: &str) -> Option<u128> {
    let text = text.trim().strip_prefix('+').unwrap_or(text.trim());
    if let Some((suffix, unit)) = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix)) {
        return decimal(text.strip_suffix(suffix)?, *unit);
    }
    match text.split_once(['e', 'E']) {
        Some((number, exponent)) => {
            let exponent: i32 = exponent.parse().ok().filter(|exponent| (-9..=18).contains(exponent))?;
            let shift = 10_u128.pow(exponent.unsigned_abs());
            decimal(number, if exponent < 0 { NANO / shift } else { NANO * shift })
        }
        None => decimal(text, NANO),
    }
}

/// Digits with at most one point, times a unit.
fn decimal(digits: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let legal = (!whole.is_empty() || !fraction.is_empty())
        && whole.len() <= 20
        && fraction.len() <= 9
        && whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit());
    legal.then_some(())?;
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut sum = whole.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        sum = sum.checked_add(place.checked_mul(u128::from(digit - b'0'))?)?;
    }
    Some(sum)
}

/// Whether two texts mean the same amount. The API server rewrites what it is given: `0.5` comes back as `500m`.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || matches!((nanos(one), nanos(other)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_kubernetes_reads_them() {
        let cases = [
            ("0", Some(0)),
            ("1", Some(1)),
            ("1Ki", Some(1024)),
            ("10Gi", Some(10 << 30)),
            ("1.5Gi", Some(3 << 29)),
            ("1G", Some(1_000_000_000)),
            ("1e3", Some(1000)),
            ("1E3", Some(1000)),
            ("1E", Some(1_000_000_000_000_000_000)),
            ("500m", Some(1)),
            ("-1Gi", None),
            ("", None),
            ("Gi", None),
            ("ten", None),
            ("1.2.3", None),
            ("999999999999999999999Ei", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Bytes::parse(&Quantity(text.to_owned())), expected.map(Bytes), "{text}");
        }
    }

    #[test]
    fn the_same_amount_in_other_words_is_the_same() {
        for (one, other) in [("0.5", "500m"), ("1Gi", "1024Mi"), ("1000m", "1"), ("1e3", "1k")] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [("0.5", "501m"), ("1Gi", "1G"), ("a", "b")] {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}
