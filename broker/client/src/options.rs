//! What a user of the client may choose, with its defaults. Holds values; decides nothing.

use std::time::Duration;

/// Choices for a [`crate::Client`].
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Sent with every request; shows up in the broker's logs and group descriptions. Default `weir`.
    pub client_id: String,
    /// The longest a TCP connect and the version handshake may take. Default 5 s.
    pub connect_timeout: Duration,
    /// The longest that a call may take, with all of its retries. Default 30 s.
    pub call_timeout: Duration,
    /// The largest response that is read. Default 128 MiB.
    pub max_response_bytes: usize,
    /// Try again until the deadline when no broker answers, instead of failing at once. Default off.
    pub outlive_restarts: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            client_id: "weir".into(),
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
            max_response_bytes: 128 << 20,
            outlive_restarts: false,
        }
    }
}
