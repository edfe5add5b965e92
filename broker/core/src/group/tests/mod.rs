//! The coordinator, seen from the mailbox.
