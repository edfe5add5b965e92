//! AlterConfigs, the old way: a resource's settings are replaced as a whole; what is not named goes back to its
//! default.

use weir_model::config::Pairs;

use super::config_change::{GivenSettings, Outcomes, find, repeated};
use super::image::Image;
use super::{ConfigResource, ControllerError, Decision, Record, settle};

/// The request.
#[derive(Clone, Debug, Default)]
pub struct ReplaceConfigs {
    /// All settings of each resource: name and value. A missing value is refused.
    pub resources: Vec<(ConfigResource, GivenSettings)>,
    /// Check, but change nothing.
    pub validate_only: bool,
}

/// Decides on each resource.
pub fn decide(image: &Image, command: &ReplaceConfigs, defaults: &Pairs) -> Decision<Outcomes> {
    let repeated = repeated(command.resources.iter().map(|(resource, _)| resource));
    let mut records = Vec::new();
    let mut reply = Vec::with_capacity(command.resources.len());
    for (resource, given) in &command.resources {
        let outcome = if repeated.contains(resource) {
            Err(ControllerError::Duplicate(resource.to_string()))
        } else {
            replace(image, resource, given)
        };
        let outcome = outcome.map(|changed| {
            if !command.validate_only {
                records.extend(changed);
            }
        });
        reply.push((resource.clone(), outcome));
    }
    records.extend(settle::after(image, &records, defaults));
    Decision { records, reply }
}

fn replace(
    image: &Image,
    resource: &ConfigResource,
    given: &[(String, Option<String>)],
) -> Result<Vec<Record>, ControllerError> {
    let current = find(image, resource)?;
    let mut wanted = Pairs::new();
    for (name, value) in given {
        let value = value.clone().ok_or(ControllerError::InvalidRequest("a setting needs a value"))?;
        if wanted.insert(name.clone(), value).is_some() {
            return Err(ControllerError::Duplicate(name.chars().take(256).collect()));
        }
    }
    current.change_to(&wanted)
}
