//! Listener addresses as Kafka writes them: `NAME://host:port`. Decides what is a legal address.
//! Resolving and binding it is the server's work.

use std::fmt;

/// A named address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The listener's name; it doubles as the security protocol.
    pub name: String,
    /// Where.
    pub endpoint: Endpoint,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address, without the brackets of IPv6; empty for "every interface".
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

impl Endpoint {
    /// Reads `host:port`, `[v6]:port` or `:port`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.trim().rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']')?,
            None if host.contains(':') => return None,
            None => host,
        };
        let legal = host.len() <= 253 && !host.contains(|c: char| c.is_whitespace() || c == '/');
        legal.then_some(())?;
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }
}

impl Listener {
    /// Reads one `NAME://host:port`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, address) = text.trim().split_once("://")?;
        let legal =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        legal.then_some(())?;
        Some(Self { name: name.to_ascii_uppercase(), endpoint: Endpoint::parse(address)? })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.name, self.endpoint)
    }
}

/// Reads a comma separated list; names must differ.
pub(super) fn parse_listeners(text: &str) -> Option<Vec<Listener>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let listeners = text.split(',').map(Listener::parse).collect::<Option<Vec<_>>>()?;
    let distinct = listeners.iter().enumerate().all(|(i, l)| listeners[..i].iter().all(|o| o.name != l.name));
    distinct.then_some(listeners)
}
