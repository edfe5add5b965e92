//! What a person is asked to approve. Written once for each outcome: logs that grow meanwhile do not change it.

use weir_operator_api::{ProposalStatus, ProposedBroker};

use super::Outcome;
use crate::rebalance::Account;

pub(super) fn proposal(outcome: Outcome<'_>, before: Option<ProposalStatus>) -> Option<ProposalStatus> {
    let balance = outcome.plan()?.balance.as_ref().filter(|balance| balance.waits_for_approval)?;
    if let Some(same) = before.filter(|before| before.hash == balance.hash) {
        return Some(same);
    }
    Some(ProposalStatus {
        hash: balance.hash.clone(),
        moves: wide(balance.moves as u64),
        leaderships: wide(balance.leaderships as u64),
        bytes: wide(balance.bytes),
        brokers: balance.brokers.iter().map(of_broker).collect(),
    })
}

fn of_broker(account: &Account) -> ProposedBroker {
    ProposedBroker {
        id: account.id.0,
        replicas_before: wide(account.before.replicas),
        replicas_after: wide(account.after.replicas),
        leaders_before: wide(account.before.leaders),
        leaders_after: wide(account.after.leaders),
        bytes_before: wide(account.before.bytes),
        bytes_after: wide(account.after.bytes),
    }
}

fn wide(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
