//! ApiVersions: what this broker speaks. The answer and the routing table are one list, so nothing is advertised that
//! is not answered.

use weir_core::controller::{Image, METADATA_VERSION, METADATA_VERSION_SUPPORTED};
use weir_wire::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use weir_wire::{ErrorCode, Str};

use crate::broker::Broker;
use crate::dispatch::{Caller, SERVED};

/// The longest client software name or version that is believed.
const SOFTWARE_MAX: usize = 255;

/// The lowest level of `metadata.version` there ever was.
const METADATA_VERSION_LEAST: i16 = 1;

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: ApiVersionsRequest,
) -> ApiVersionsResponse {
    let told = caller.version >= 3;
    if told && !(is_software(&request.client_software_name) && is_software(&request.client_software_version))
    {
        return ApiVersionsResponse { error_code: ErrorCode::InvalidRequest.into(), ..Default::default() };
    }
    ApiVersionsResponse { api_keys: served(), ..features(&broker.image()) }
}

/// What this broker understands, and what the cluster has agreed on. The epoch tells clients which of two answers is
/// newer: levels only go up, so their sum does.
fn features(image: &Image) -> ApiVersionsResponse {
    let supported = SupportedFeatureKey {
        name: Str::from(METADATA_VERSION),
        min_version: METADATA_VERSION_LEAST,
        max_version: METADATA_VERSION_SUPPORTED,
    };
    let finalized = image.features().map(|(name, level)| FinalizedFeatureKey {
        name: Str::from(name),
        max_version_level: level,
        min_version_level: level,
    });
    ApiVersionsResponse {
        supported_features: vec![supported],
        finalized_features_epoch: image.features().map(|(_, level)| i64::from(level)).sum(),
        finalized_features: finalized.collect(),
        ..ApiVersionsResponse::default()
    }
}

/// The answer to a version we do not speak, to be encoded as version 0.
pub(crate) fn unsupported() -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.into(),
        api_keys: served(),
        ..Default::default()
    }
}

fn served() -> Vec<ApiVersion> {
    SERVED
        .iter()
        .map(|key| {
            let range = key.advertised_versions();
            ApiVersion { api_key: key.code(), min_version: range.min, max_version: range.max }
        })
        .collect()
}

/// KIP-511: letters, digits, `.` and `-`, beginning and ending with a letter or digit.
fn is_software(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= SOFTWARE_MAX
        && edge(text.chars().next())
        && edge(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_follow_kip_511() {
        for good in ["librdkafka", "apache-kafka-java", "2.15.0", "a"] {
            assert!(is_software(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "ä", "a/b"] {
            assert!(!is_software(bad), "{bad}");
        }
    }

    #[test]
    fn features_are_told_with_an_epoch_that_grows_with_every_change() {
        let mut image = Image::default();
        assert_eq!(features(&image).finalized_features, []);
        let mut epochs = vec![features(&image).finalized_features_epoch];
        for level in METADATA_VERSION_LEAST..=METADATA_VERSION_SUPPORTED {
            let name = METADATA_VERSION.to_owned();
            image.apply(&weir_core::controller::Record::FeatureLevelChanged { name, level }).unwrap();
            let told = features(&image);
            let levels: Vec<_> =
                told.finalized_features.iter().map(|f| (f.min_version_level, f.max_version_level)).collect();
            assert_eq!(levels, [(level, level)]);
            epochs.push(told.finalized_features_epoch);
        }
        assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    }

    #[test]
    fn produce_is_advertised_from_zero_and_every_key_once() {
        let keys = served();
        assert_eq!((keys[0].api_key, keys[0].min_version, keys[0].max_version), (0, 0, 13));
        assert!(keys.is_sorted_by(|a, b| a.api_key < b.api_key));
    }
}
