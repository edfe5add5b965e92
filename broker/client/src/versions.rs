//! Which version of an API to use with a peer: the highest that both know and the caller can fill. Pure.

use std::collections::BTreeMap;

use weir_wire::messages::api_versions::ApiVersion;
use weir_wire::{ApiKey, VersionRange};

/// What a peer offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions(BTreeMap<i16, VersionRange>);

impl Versions {
    /// From an ApiVersions answer; keys that are not known here are left out.
    pub(crate) fn from_wire(offered: &[ApiVersion]) -> Self {
        let known = offered.iter().filter(|offer| ApiKey::from_code(offer.api_key).is_some());
        Self(
            known
                .map(|offer| (offer.api_key, VersionRange { min: offer.min_version, max: offer.max_version }))
                .collect(),
        )
    }

    /// What the peer offers for one API.
    #[must_use]
    pub fn offered(&self, key: ApiKey) -> Option<VersionRange> {
        self.0.get(&key.code()).copied()
    }

    /// The highest version in common that is at most `cap`.
    #[must_use]
    pub fn choose(&self, key: ApiKey, cap: i16) -> Option<i16> {
        highest_common(key.valid_versions(), self.offered(key)?, cap)
    }
}

/// The highest version in both ranges that is at most `cap`.
pub(crate) fn highest_common(ours: VersionRange, theirs: VersionRange, cap: i16) -> Option<i16> {
    let highest = ours.max.min(theirs.max).min(cap);
    (highest >= ours.min && highest >= theirs.min).then_some(highest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_wins() {
        let range = |(min, max)| VersionRange { min, max };
        let cases = [
            ((0, 5), (0, 9), i16::MAX, Some(5)),
            ((0, 9), (0, 5), i16::MAX, Some(5)),
            ((3, 9), (0, 2), i16::MAX, None),
            ((0, 2), (3, 9), i16::MAX, None),
            ((0, 9), (0, 9), 4, Some(4)),
            ((5, 9), (0, 9), 4, None),
            ((0, 9), (5, 9), 4, None),
            ((0, 9), (9, 0), i16::MAX, None),
        ];
        for (ours, theirs, cap, expected) in cases {
            let found = highest_common(range(ours), range(theirs), cap);
            assert_eq!(found, expected, "{ours:?} {theirs:?} {cap}");
        }
    }

    #[test]
    fn keys_of_the_future_are_left_out() {
        let offer = |api_key| ApiVersion { api_key, min_version: 0, max_version: 1 };
        let versions = Versions::from_wire(&[offer(18), offer(9999), offer(-7)]);
        assert_eq!(versions.0.len(), 1);
        assert_eq!(versions.choose(ApiKey::Fetch, i16::MAX), None);
    }
}
