//! IncrementalAlterConfigs: set, delete, append to, subtract from single settings. All changes of one resource are
//! taken, or none.

use std::collections::BTreeSet;

use weir_model::config::{Pairs, split_list};

use super::config_change::{Current, Outcomes, find, repeated};
use super::image::Image;
use super::{ConfigResource, ControllerError, Decision, Record, settle};

/// The request.
#[derive(Clone, Debug, Default)]
pub struct AlterConfigs {
    /// What to change.
    pub resources: Vec<(ConfigResource, Vec<Change>)>,
    /// Check, but change nothing.
    pub validate_only: bool,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The setting.
    pub name: String,
    /// What to do.
    pub operation: Operation,
    /// With what; needed by all but [`Operation::Delete`].
    pub value: Option<String>,
}

/// What to do to a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Give it this value.
    Set,
    /// Go back to the default.
    Delete,
    /// Add these words to its list.
    Append,
    /// Take these words from its list.
    Subtract,
}

/// Decides on each resource.
pub fn decide(image: &Image, command: &AlterConfigs, defaults: &Pairs) -> Decision<Outcomes> {
    let repeated = repeated(command.resources.iter().map(|(resource, _)| resource));
    let mut records = Vec::new();
    let mut reply = Vec::with_capacity(command.resources.len());
    for (resource, changes) in &command.resources {
        let outcome = if repeated.contains(resource) {
            Err(ControllerError::Duplicate(resource.to_string()))
        } else {
            alter(image, resource, changes)
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

fn alter(
    image: &Image,
    resource: &ConfigResource,
    changes: &[Change],
) -> Result<Vec<Record>, ControllerError> {
    let current = find(image, resource)?;
    let mut wanted = current.pairs.clone();
    let mut seen = BTreeSet::new();
    for change in changes {
        if !seen.insert(change.name.as_str()) {
            return Err(ControllerError::Duplicate(change.name.chars().take(256).collect()));
        }
        match new_value(&current, change)? {
            Some(value) => wanted.insert(change.name.clone(), value),
            None => wanted.remove(&change.name),
        };
    }
    current.change_to(&wanted)
}

/// The setting's own value after the change; `None` for "default".
fn new_value(current: &Current<'_>, change: &Change) -> Result<Option<String>, ControllerError> {
    let setting = current.setting(&change.name)?;
    let given = change.value.as_deref();
    let needed = || given.ok_or(ControllerError::InvalidRequest("only a deletion goes without a value"));
    match change.operation {
        Operation::Set => needed().map(|value| Some(value.to_owned())),
        Operation::Delete => Ok(None),
        Operation::Append | Operation::Subtract if !setting.is_list() => {
            Err(ControllerError::NotAList(setting.name))
        }
        Operation::Append | Operation::Subtract => {
            let words = split_list(needed()?);
            let own = current.pairs.get(setting.name).map(String::as_str);
            let mut list = split_list(own.or(setting.default).unwrap_or_default());
            if change.operation == Operation::Append {
                for word in words {
                    if !list.contains(&word) {
                        list.push(word);
                    }
                }
            } else {
                list.retain(|word| !words.contains(word));
            }
            Ok(Some(list.join(",")))
        }
    }
}
