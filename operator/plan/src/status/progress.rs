//! How far moves are. The brokers know what is left; what there was in all is what status said when they began, or what is
//! left now where that is more.

use k8s_openapi::jiff::Timestamp;
use weir_operator_api::OperationStatus;

use crate::plan::Left;

/// How far moves are, as status tells it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) moves_done: Option<i64>,
    pub(super) moves_total: Option<i64>,
    pub(super) bytes_done: Option<i64>,
    pub(super) bytes_total: Option<i64>,
    pub(super) time_left: Option<String>,
}

pub(super) fn of(left: Left, before: Option<&OperationStatus>, since: Timestamp, now: Timestamp) -> Progress {
    let known = |total: fn(&OperationStatus) -> Option<i64>| before.and_then(total).unwrap_or(0);
    let (moves_left, bytes_left) = (whole(left.moves), whole(left.bytes));
    let moves_total = known(|before| before.moves_total).max(moves_left);
    let bytes_total = known(|before| before.bytes_total).max(bytes_left);
    let (moves_done, bytes_done) = (moves_total - moves_left, bytes_total - bytes_left);
    let elapsed_s = now.as_second() - since.as_second();
    let time_left = match bytes_done {
        0 => remaining(moves_left, moves_done, elapsed_s),
        _ => remaining(bytes_left, bytes_done, elapsed_s),
    };
    Progress {
        moves_done: Some(moves_done),
        moves_total: Some(moves_total),
        bytes_done: Some(bytes_done),
        bytes_total: Some(bytes_total),
        time_left,
    }
}

/// Nobody can tell at the moment.
pub(super) fn as_before(before: &OperationStatus) -> Progress {
    Progress {
        moves_done: before.moves_done,
        moves_total: before.moves_total,
        bytes_done: before.bytes_done,
        bytes_total: before.bytes_total,
        time_left: before.time_left.clone(),
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// At the pace so far. In coarse words: a status that changes every second is written every second.
fn remaining(left: i64, done: i64, elapsed_s: i64) -> Option<String> {
    if left == 0 || done <= 0 || elapsed_s <= 0 {
        return None;
    }
    let seconds = i128::from(left) * i128::from(elapsed_s) / i128::from(done);
    Some(match seconds {
        ..60 => "less than a minute".to_owned(),
        60..3_600 => format!("about {} minutes", (seconds + 59) / 60),
        _ => format!("about {} hours", (seconds + 3_599) / 3_600),
    })
}

#[cfg(test)]
mod tests {
    use weir_operator_api::OperationKind;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_is_done_is_what_there_was_less_what_is_left() {
        let first = of(Left { moves: 100, bytes: 5_000 }, None, at(0), at(0));
        assert_eq!((first.moves_done, first.moves_total, first.time_left), (Some(0), Some(100), None));
        let before = OperationStatus {
            kind: OperationKind::Rebalance,
            broker: None,
            reason: String::new(),
            started_at: None,
            moves_done: Some(0),
            moves_total: Some(100),
            bytes_done: Some(0),
            bytes_total: Some(5_000),
            time_left: None,
            blocked_by: Vec::new(),
        };
        let half = of(Left { moves: 50, bytes: 4_000 }, Some(&before), at(0), at(60));
        assert_eq!(
            (half.moves_done, half.bytes_done, half.bytes_total),
            (Some(50), Some(1_000), Some(5_000))
        );
        assert_eq!(half.time_left.as_deref(), Some("about 4 minutes"));
        let more = of(Left { moves: 120, bytes: 6_000 }, Some(&before), at(0), at(60));
        assert_eq!((more.moves_done, more.moves_total), (Some(0), Some(120)), "logs grow");
    }
}
