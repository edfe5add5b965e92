//! Where a broker listens, as text. Decides what a bootstrap list may look like; never resolves or connects.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// What a bootstrap address without a port means.
pub const DEFAULT_PORT: u16 = 9092;
/// More bootstrap addresses than this are a mistake.
const MAX_BOOTSTRAP: usize = 64;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// Why text is not an address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// Nothing in front of the port, or nothing at all.
    #[error("{0:?} names no host")]
    NoHost(String),
    /// What follows the last colon is not a port.
    #[error("{0:?} has no port between 1 and 65535 after its colon")]
    BadPort(String),
    /// An opening bracket without a closing one, or text behind it.
    #[error("{0:?} has brackets that do not fit, write IPv6 as [::1]:9092")]
    Brackets(String),
    /// A scheme, a path or white space.
    #[error("{0:?} is not host:port")]
    NotHostPort(String),
    /// An unreasonably long list.
    #[error("{0} bootstrap addresses, the most is {MAX_BOOTSTRAP}")]
    TooMany(usize),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let whole = || text.to_owned();
        if text.contains(|c: char| c == '/' || c.is_whitespace()) {
            return Err(AddressError::NotHostPort(whole()));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(|| AddressError::Brackets(whole()))?;
                match after.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if after.is_empty() => (host, None),
                    None => return Err(AddressError::Brackets(whole())),
                }
            }
            // More than one colon without brackets is a bare IPv6 address.
            None if text.matches(':').count() > 1 => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if host.is_empty() {
            return Err(AddressError::NoHost(whole()));
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => {
                port.parse().ok().filter(|p| *p != 0).ok_or_else(|| AddressError::BadPort(whole()))?
            }
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Reads a comma-separated list of addresses; at least one.
pub fn parse_bootstrap(text: &str) -> Result<Vec<Address>, AddressError> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Err(AddressError::NoHost(text.to_owned()));
    }
    if parts.len() > MAX_BOOTSTRAP {
        return Err(AddressError::TooMany(parts.len()));
    }
    parts.into_iter().map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_host_and_port_with_a_default_port() {
        let cases = [
            ("localhost:9092", "localhost", 9092),
            ("localhost", "localhost", 9092),
            ("10.0.0.1:1", "10.0.0.1", 1),
            ("[::1]:19092", "::1", 19092),
            ("[::1]", "::1", 9092),
            ("fe80::1", "fe80::1", 9092),
        ];
        for (text, host, port) in cases {
            assert_eq!(text.parse(), Ok(Address { host: host.into(), port }), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_says_why() {
        type Why = fn(String) -> AddressError;
        let cases: [(&str, Why); 8] = [
            ("", AddressError::NoHost),
            (":9092", AddressError::NoHost),
            ("host:", AddressError::BadPort),
            ("host:0", AddressError::BadPort),
            ("host:65536", AddressError::BadPort),
            ("[::1", AddressError::Brackets),
            ("[::1]x", AddressError::Brackets),
            ("http://host:1", AddressError::NotHostPort),
        ];
        for (text, why) in cases {
            assert_eq!(text.parse::<Address>(), Err(why(text.into())), "{text}");
        }
    }

    #[test]
    fn a_bootstrap_list_is_split_at_commas() {
        let list = parse_bootstrap("a:1, b:2,").unwrap();
        assert_eq!(list.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:1", "b:2"]);
        assert!(parse_bootstrap(" , ").is_err());
        assert_eq!(parse_bootstrap(&"a,".repeat(65)), Err(AddressError::TooMany(65)));
    }

    #[test]
    fn ipv6_is_printed_in_brackets() {
        assert_eq!(Address { host: "::1".into(), port: 1 }.to_string(), "[::1]:1");
    }
}
