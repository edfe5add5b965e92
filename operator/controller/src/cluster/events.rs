//! Events, for `kubectl describe`: one object for each kind of event, counted up when it happens again. An event that can
//! not be written is a line in the log, never a failure.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event as Published, EventType, Recorder, Reporter};
use tracing::warn;
use weir_operator_api::label;
use weir_operator_plan::{Event, EventLevel};

/// The longest note that the API server takes.
const NOTE_MAX: usize = 1024;

/// Writes events.
pub(crate) struct Events(Recorder);

impl Events {
    /// `identity` tells which replica wrote.
    pub(crate) fn new(client: Client, identity: String) -> Self {
        let reporter = Reporter { controller: label::OPERATOR.to_owned(), instance: Some(identity) };
        Self(Recorder::new(client, reporter))
    }

    /// Tells of something that happened to the object.
    pub(crate) async fn publish(&self, event: &Event, about: &ObjectReference) {
        if let Err(error) = self.0.publish(&published(event), about).await {
            warn!(%error, reason = event.reason, "an event was not written");
        }
    }
}

fn published(event: &Event) -> Published {
    Published {
        type_: match event.level {
            EventLevel::Normal => EventType::Normal,
            EventLevel::Warning => EventType::Warning,
        },
        reason: event.reason.to_owned(),
        note: Some(shortened(&event.note)),
        action: event.action.to_owned(),
        secondary: None,
    }
}

fn shortened(note: &str) -> String {
    if note.len() <= NOTE_MAX {
        return note.to_owned();
    }
    let end = note.floor_char_boundary(NOTE_MAX - "…".len());
    format!("{}…", &note[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_shortened_between_two_characters() {
        assert_eq!(shortened("short"), "short");
        let long = shortened(&"ü".repeat(NOTE_MAX));
        assert!(long.len() <= NOTE_MAX && long.ends_with('…'), "{}", long.len());
    }
}
