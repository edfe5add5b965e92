//! Whether a replica whose log is damaged may be made anew from its leader's. Only when others hold all that is committed
//! without it: it is neither in sync nor eligible to lead, and somebody else leads. A damaged replica that is still in the ISR stays as
//! it is, unread, until the leader has put it out of there for not fetching; before that an empty log in its place could be
//! elected.

use weir_log::LogError;
use weir_model::BrokerId;

use super::command::Reign;

/// Whether nothing is lost with this broker's log.
pub(super) fn others_hold(reign: &Reign, me: BrokerId) -> bool {
    let led_by_another = reign.leader.is_some_and(|leader| leader != me && reign.isr.contains(&leader));
    led_by_another && !reign.isr.contains(&me) && !reign.elr.contains(&me)
}

/// Whether the log itself is at fault, not the disk, the limits of the process or a bad moment.
pub(super) fn is_damage(error: &LogError) -> bool {
    match error {
        LogError::Corrupt { .. } | LogError::MissingSegment { .. } | LogError::BadFile { .. } => true,
        LogError::Failed
        | LogError::DiskFull { .. }
        | LogError::Io { .. }
        | LogError::TooManyFiles
        | LogError::Gone { .. }
        | LogError::OutOfRange { .. }
        | LogError::Batch(_)
        | LogError::NotContiguous { .. }
        | LogError::Locked { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use weir_model::{LeaderEpoch, PartitionEpoch};

    use super::*;

    #[test]
    fn a_log_is_given_up_only_when_another_leads_and_does_not_count_on_it() {
        let me = BrokerId(1);
        type Case = (Option<i32>, &'static [i32], &'static [i32], bool);
        let cases: [Case; 7] = [
            (Some(0), &[0, 2], &[], true),
            (Some(0), &[0], &[2], true),
            (Some(0), &[0], &[1], false),
            (Some(0), &[0, 1], &[], false),
            (Some(1), &[1], &[], false),
            (None, &[0], &[], false),
            (None, &[1], &[], false),
        ];
        for (leader, isr, elr, expected) in cases {
            let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
            let reign = Reign {
                leader: leader.map(BrokerId),
                leader_epoch: LeaderEpoch(0),
                partition_epoch: PartitionEpoch(0),
                replicas: vec![BrokerId(0), me, BrokerId(2)],
                isr: ids(isr),
                elr: ids(elr),
                adding: Vec::new(),
                move_rate: None,
            };
            assert_eq!(others_hold(&reign, me), expected, "leader {leader:?}, isr {isr:?}, elr {elr:?}");
        }
    }
}
