//! `spec.rebalance`: who decides about moves, how fast and how many, and when a broker counts as lost.

use std::time::Duration;

use weir_operator_api::{Cluster, Rebalance};

use super::Invalid;
use crate::quantity::Bytes;
use crate::valid::ValidRebalance;

/// How many partitions move at once when nobody says.
const MOVES_AT_ONCE: usize = 10;
/// Below this, a broker that is only restarted would be replaced.
const REPLACE_AFTER_MIN: Duration = Duration::from_secs(60);

pub(super) fn read(cluster: &Cluster, wrong: &mut Vec<Invalid>) -> ValidRebalance {
    let Rebalance { mode, throttle, max_concurrent_moves, replace_lost_broker_after, approved } =
        &cluster.spec.rebalance;
    let throttle = throttle.as_ref().and_then(|text| match Bytes::parse(text) {
        Some(bytes) if bytes > Bytes(0) => Some(bytes),
        _ => {
            let message = format!("{:?} is no number of bytes a second: write one such as 50Mi", text.0);
            wrong.push(Invalid::at("spec.rebalance.throttle", message));
            None
        }
    });
    let at_once = match max_concurrent_moves.map(usize::try_from) {
        None => MOVES_AT_ONCE,
        Some(Ok(moves @ 1..=1000)) => moves,
        Some(_) => {
            let message = "say 1 to 1000".to_owned();
            wrong.push(Invalid::at("spec.rebalance.maxConcurrentMoves", message));
            MOVES_AT_ONCE
        }
    };
    let replace_after = replace_lost_broker_after.as_deref().and_then(|text| match duration(text) {
        Some(after) if after >= REPLACE_AFTER_MIN => Some(after),
        _ => {
            let message = format!("{text:?} is no time of a minute or more: write one such as 30m or 2h");
            wrong.push(Invalid::at("spec.rebalance.replaceLostBrokerAfter", message));
            None
        }
    });
    let status = cluster.status.as_ref();
    ValidRebalance {
        mode: *mode,
        throttle,
        at_once,
        replace_after,
        approved: approved.clone(),
        proposed: status.and_then(|status| status.proposal.as_ref()).map(|proposal| proposal.hash.clone()),
    }
}

/// `90s`, `30m`, `2h`, `1d`, or several of them in a row: `1h30m`.
fn duration(text: &str) -> Option<Duration> {
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
