//! Whether a replica whose log is damaged may be made anew from its leader's. Only when others hold all that is
//! committed without it: it is neither in sync nor eligible to lead, and somebody else leads. A damaged replica that is
//! still in the ISR stays as it is, unread, until the leader has put it out of there for not fetching; before that an
//! empty log in its place could be elected.

use weir_model::BrokerId;

/// Whether nothing is lost with the log of `me`, by the controller's word on who leads, who is in sync and who is eligible.
#[must_use]
pub fn others_hold(leader: Option<BrokerId>, isr: &[BrokerId], elr: &[BrokerId], me: BrokerId) -> bool {
    let led_by_another = leader.is_some_and(|leader| leader != me && isr.contains(&leader));
    led_by_another && !isr.contains(&me) && !elr.contains(&me)
}

#[cfg(test)]
mod tests {
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
            let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
            let held = others_hold(leader.map(BrokerId), &ids(isr), &ids(elr), me);
            assert_eq!(held, expected, "leader {leader:?}, isr {isr:?}, elr {elr:?}");
        }
    }
}
