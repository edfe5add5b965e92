//! Admin calls: one file a noun. Each sends one kind of request to whoever should answer it and turns the answer into
//! plain values; a refusal by the broker is an error with the broker's own words.

pub(crate) mod assignment;
pub(crate) mod cluster;
pub(crate) mod committed;
pub(crate) mod configs;
pub(crate) mod groups;
pub(crate) mod leaders;
pub(crate) mod quorum;
pub(crate) mod topics;

use weir_wire::ApiKey;

use crate::connection::Connection;
use crate::error::ClientError;

/// An answer that leaves out what it was asked for.
fn missing(connection: &Connection, api: ApiKey, what: &str) -> ClientError {
    ClientError::Nonsense {
        address: connection.address().clone(),
        api,
        what: format!("{what} is not in the answer"),
    }
}
