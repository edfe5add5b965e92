//! UpdateFeatures: from the wire to the controller's command and back. All updates are made, or none is.

use weir_core::controller::update_features::{self, FeatureUpdate, Outcomes, UpdateFeatures, UpgradeType};
use weir_wire::Str;
use weir_wire::messages::update_features::{
    FeatureUpdateKey, UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

use super::refusal::{Refusal, told};
use crate::broker::Broker;
use crate::dispatch::Caller;

/// The first version that says how far down an update may go, instead of whether.
const KNOWS_TYPES: i16 = 1;
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: UpdateFeaturesRequest,
) -> UpdateFeaturesResponse {
    let command = match command(caller.version, &request) {
        Ok(command) => command,
        Err(refusal) => return refused(refusal),
    };
    let decided = broker.controller.decide(move |image, _| update_features::decide(image, &command)).await;
    match decided {
        Ok(outcomes) => answer(outcomes),
        Err(error) => refused(Refusal::from(error)),
    }
}

fn command(version: i16, request: &UpdateFeaturesRequest) -> Result<UpdateFeatures, Refusal> {
    let updates = request.feature_updates.iter().map(|update| {
        let (name, level) = (update.feature.to_string(), update.max_version_level);
        kind(version, update).map(|kind| FeatureUpdate { name, level, kind })
    });
    let updates = updates.collect::<Result<Vec<_>, Refusal>>()?;
    Ok(UpdateFeatures { updates, validate_only: request.validate_only })
}

fn kind(version: i16, update: &FeatureUpdateKey) -> Result<UpgradeType, Refusal> {
    match update.upgrade_type {
        _ if version < KNOWS_TYPES && update.allow_downgrade => Ok(UpgradeType::SafeDowngrade),
        _ if version < KNOWS_TYPES => Ok(UpgradeType::Upgrade),
        UPGRADE => Ok(UpgradeType::Upgrade),
        SAFE_DOWNGRADE => Ok(UpgradeType::SafeDowngrade),
        UNSAFE_DOWNGRADE => Ok(UpgradeType::UnsafeDowngrade),
        other => Err(Refusal::invalid_request(format!(
            "feature {:?}: unknown upgrade type {other}",
            &*update.feature
        ))),
    }
}

fn refused(refusal: Refusal) -> UpdateFeaturesResponse {
    let (error_code, error_message) = told(Err(refusal));
    UpdateFeaturesResponse { error_code, error_message, ..UpdateFeaturesResponse::default() }
}

/// The first refusal stands for the whole, since nothing is done then. Until version 1 each feature has its own row too.
fn answer(outcomes: Outcomes) -> UpdateFeaturesResponse {
    let rows: Vec<_> = outcomes
        .into_iter()
        .map(|(feature, outcome)| (Str::from(feature), outcome.map_err(Refusal::from)))
        .collect();
    let whole = rows.iter().find_map(|(feature, outcome)| Some((feature, outcome.as_ref().err()?)));
    let whole = match whole {
        None => Ok(()),
        Some((feature, refusal)) => {
            let message = format!("nothing was updated, because of {:?}: {}", &**feature, refusal.message);
            Err(Refusal::new(refusal.code, message))
        }
    };
    let (error_code, error_message) = told(whole);
    let results = rows.into_iter().map(|(feature, outcome)| {
        let (error_code, error_message) = told(outcome);
        UpdatableFeatureResult { feature, error_code, error_message }
    });
    UpdateFeaturesResponse {
        error_code,
        error_message,
        results: results.collect(),
        ..UpdateFeaturesResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use weir_core::controller::ControllerError;

    use super::*;

    #[test]
    fn how_far_down_an_update_may_go_is_said_in_two_ways() {
        let kind = |version, allow_downgrade, upgrade_type| {
            let update = FeatureUpdateKey {
                feature: Str::from("f"),
                max_version_level: 1,
                allow_downgrade,
                upgrade_type,
            };
            kind(version, &update).ok()
        };
        let cases = [
            (0, false, 1, Some(UpgradeType::Upgrade)),
            (0, true, 1, Some(UpgradeType::SafeDowngrade)),
            (1, false, 2, Some(UpgradeType::SafeDowngrade)),
            (2, false, 3, Some(UpgradeType::UnsafeDowngrade)),
            (2, false, 0, None),
            (2, false, 4, None),
        ];
        for (version, allow, wire, wanted) in cases {
            assert_eq!(kind(version, allow, wire), wanted, "v{version} {allow} {wire}");
        }
    }

    #[test]
    fn one_refusal_is_told_for_the_whole_and_in_its_row() {
        let why = ControllerError::InvalidUpdateVersion("too high".to_owned());
        let told = answer(vec![("a".to_owned(), Ok(())), ("b".to_owned(), Err(why))]);
        assert_eq!(told.error_code, 95);
        assert!(told.error_message.unwrap().contains("\"b\": too high"));
        assert_eq!(told.results.iter().map(|row| row.error_code).collect::<Vec<_>>(), [0, 95]);
        assert_eq!(answer(vec![("a".to_owned(), Ok(()))]).error_code, 0);
    }
}
