//! What a story expects, now or before long.

use std::fmt::{Debug, Display};
use std::time::Duration;

use super::{PATIENCE, Script, Told, Unexpected};
use crate::check::end;

/// How often it is looked at.
const STEP: Duration = Duration::from_millis(10);

/// So it must be now.
pub fn expect(what: impl Display, holds: bool) -> Told {
    if holds { Ok(()) } else { Err(Unexpected(format!("expected that {what}"))) }
}

/// These must be the same.
pub fn expect_eq<T: PartialEq + Debug>(what: impl Display, found: T, expected: T) -> Told {
    if found == expected {
        return Ok(());
    }
    Err(Unexpected(format!("expected that {what} is {expected:?}, it is {found:?}")))
}

impl Script {
    /// So it must be before long.
    pub async fn until(&self, what: impl Display, holds: impl Fn(&Self) -> bool) -> Told {
        let waiting = async {
            while !holds(self) {
                tokio::time::sleep(STEP).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, waiting).await;
        ended.map_err(|_| Unexpected(format!("expected that {what} before long; {}", self.described())))
    }

    /// So it must stay for a while.
    pub async fn for_seconds(&self, seconds: u64, what: impl Display, holds: impl Fn(&Self) -> bool) -> Told {
        for _ in 0..seconds * 10 {
            if !holds(self) {
                return Err(Unexpected(format!(
                    "expected that {what} for {seconds} s; {}",
                    self.described()
                )));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Somebody leads the topic's first partition, and has heard of it: that broker, or nobody.
    pub async fn until_led_by(&self, topic: &str, leader: Option<i32>) -> Told {
        self.until(format_args!("{topic} is led by {leader:?}"), |s| {
            let so = s.partition(topic).is_some_and(|p| p.leader.map(|id| id.0) == leader);
            so && leader.is_none_or(|id| s.reigns(id, topic))
        })
        .await
    }

    /// The leader of the topic's first partition has heard that these are in sync in it.
    pub async fn until_known_in_sync(&self, leader: i32, topic: &str, brokers: &[i32]) -> Told {
        let what = format_args!("{leader} knows that {brokers:?} are in sync in {topic}");
        self.until(what, |s| s.in_sync_as_known_by(leader, topic) == brokers).await
    }

    /// These and no others are in sync in the topic's first partition.
    pub async fn until_in_sync(&self, topic: &str, brokers: &[i32]) -> Told {
        let mut wanted = brokers.to_vec();
        wanted.sort_unstable();
        self.until(format_args!("{wanted:?} are in sync in {topic}"), |s| s.in_sync(topic) == wanted).await
    }

    /// Every broker runs, every replica is in sync and everything is committed.
    pub async fn until_settled(&self) -> Told {
        let ended = tokio::time::timeout(PATIENCE, end::settled(&self.world)).await;
        ended.map_err(|_| Unexpected(format!("not settled: {:?}", end::unsettled(&self.world))))
    }
}
