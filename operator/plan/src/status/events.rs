//! Events for what changed between two statuses: what went wrong, and that it is well again. Each transition is told
//! once, because the status remembers it.

use weir_operator_api::{ClusterStatus, condition};

use crate::plan::{Event, EventLevel};

/// What is worth telling about the change from one status to the next.
#[must_use]
pub fn events(before: Option<&ClusterStatus>, after: &ClusterStatus) -> Vec<Event> {
    let of = |status: &ClusterStatus, type_: &str| {
        let found = status.conditions.iter().find(|condition| condition.type_ == type_);
        found.map(|condition| (condition.status.clone(), condition.reason.clone(), condition.message.clone()))
    };
    let mut events = Vec::new();
    let told = [
        (condition::AVAILABLE, "False", "Unavailable", EventLevel::Warning),
        (condition::AVAILABLE, "True", "Available", EventLevel::Normal),
        (condition::DEGRADED, "True", "Degraded", EventLevel::Warning),
        (condition::DEGRADED, "False", "Recovered", EventLevel::Normal),
    ];
    for (type_, status, reason, level) in told {
        let Some((now, why, message)) = of(after, type_).filter(|(now, ..)| now == status) else { continue };
        let was = before.and_then(|before| of(before, type_));
        // A cluster that begins well or empty has nothing to tell; another reason for the same trouble has.
        let news = match &was {
            None => type_ == condition::DEGRADED && status == "True",
            Some((was, was_why, _)) => *was != now || (level == EventLevel::Warning && *was_why != why),
        };
        if news {
            events.push(Event { level, reason, action: "Reconcile", note: format!("{why}: {message}") });
        }
    }
    events.extend(scaled(before, after));
    events
}

/// That autoscaling has chosen another number.
fn scaled(before: Option<&ClusterStatus>, after: &ClusterStatus) -> Option<Event> {
    let change = |status: &ClusterStatus| status.autoscaling.as_ref()?.last_change.clone();
    let now = change(after).filter(|now| before.and_then(change).as_ref() != Some(now))?;
    let (reason, action) =
        if now.to > now.from { ("AutoscaledOut", "ScaleOut") } else { ("AutoscaledIn", "ScaleIn") };
    let note = format!("from {} to {} brokers: {}", now.from, now.to, now.message);
    Some(Event { level: EventLevel::Normal, reason, action, note })
}
