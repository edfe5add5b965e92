//! The table of API keys: numbers, versions, and which header goes with which version. Generated, but for the headers.

use crate::message::Visitor;

include!(concat!(env!("OUT_DIR"), "/api_key.rs"));

/// An inclusive range of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    pub min: i16,
    pub max: i16,
}

impl VersionRange {
    /// Is the version one of these?
    #[must_use]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// All versions, ascending.
    pub fn iter(self) -> impl Iterator<Item = i16> {
        self.min..=self.max
    }
}

impl ApiKey {
    /// Its number on the wire.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// What an ApiVersions response says. Produce claims to begin at 0, or older librdkafka turns compression off
    /// (KAFKA-18659), although versions 0 to 2 are refused. The newest InitProducerId is unstable in Kafka 4.2, which
    /// advertises it only to those who ask for unstable versions.
    #[must_use]
    pub const fn advertised_versions(self) -> VersionRange {
        let valid = self.valid_versions();
        match self {
            Self::Produce => VersionRange { min: 0, max: valid.max },
            Self::InitProducerId => VersionRange { min: valid.min, max: valid.max - 1 },
            _ => valid,
        }
    }

    /// Does this version have compact lengths and tagged fields? Defined for all numbers, valid or not.
    #[must_use]
    pub const fn is_flexible(self, version: i16) -> bool {
        match self.first_flexible() {
            Some(first) => version >= first,
            None => false,
        }
    }

    /// The version of the header in front of a request of this version.
    #[must_use]
    pub const fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// The version of the header in front of a response of this version. A client that does not yet know what the
    /// broker speaks must be able to read the answer to ApiVersions, so that one stays at 0 (KIP-511).
    #[must_use]
    pub const fn response_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) && !matches!(self, Self::ApiVersions) { 1 } else { 0 }
    }
}

#[cfg(test)]
mod tests;
