//! `${env:NAME}` in a settings file: what only the machine knows, such as its own address. The syntax is that of Kafka's
//! config providers; `env` is the only one. Must not read the environment itself: that is handed in.

use thiserror::Error;
use weir_model::config::Pairs;

const OPEN: &str = "${env:";

/// Why a value can not be filled in.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Missing {
    #[error(
        "{setting} asks for the environment variable {name}, which is not set; set it, or write the value"
    )]
    Variable { setting: String, name: String },
    #[error("{setting}: \"${{env:\" without a closing brace; write ${{env:NAME}}")]
    Brace { setting: String },
}

/// The pairs with every variable replaced by its value.
pub(super) fn fill(pairs: Pairs, variable: impl Fn(&str) -> Option<String>) -> Result<Pairs, Missing> {
    pairs
        .into_iter()
        .map(|(setting, value)| filled(&setting, &value, &variable).map(|value| (setting, value)))
        .collect()
}

/// What a variable holds is taken as it is: it is not looked into for more variables.
fn filled(setting: &str, value: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, Missing> {
    let mut filled = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((name, left)) = after.split_once('}') else {
            return Err(Missing::Brace { setting: setting.to_owned() });
        };
        let Some(value) = variable(name) else {
            return Err(Missing::Variable { setting: setting.to_owned(), name: name.to_owned() });
        };
        filled.push_str(before);
        filled.push_str(&value);
        rest = left;
    }
    filled.push_str(rest);
    Ok(filled.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill_one(value: &str) -> Result<String, Missing> {
        let variable = |name: &str| match name {
            "HOST" => Some("10.0.0.1".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${env:HOST}".to_owned()),
            _ => None,
        };
        filled("s", value, variable)
    }

    #[test]
    fn variables_are_replaced_wherever_they_are() {
        let cases = [
            ("plain", "plain"),
            ("${env:HOST}", "10.0.0.1"),
            ("A://${env:HOST}:1,B://${env:HOST}:2", "A://10.0.0.1:1,B://10.0.0.1:2"),
            ("${env:EMPTY}", ""),
            ("${env:NESTED}", "${env:HOST}"),
            ("${file:/etc/x}", "${file:/etc/x}"),
            ("$HOST {HOST}", "$HOST {HOST}"),
        ];
        for (value, expected) in cases {
            assert_eq!(fill_one(value).as_deref(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn what_can_not_be_filled_in_is_refused_by_name() {
        let missing = Missing::Variable { setting: "s".to_owned(), name: "NOBODY".to_owned() };
        assert_eq!(fill_one("${env:NOBODY}"), Err(missing));
        let open = fill_one("a${env:HOST").unwrap_err();
        assert!(open.to_string().contains("${env:NAME}"), "{open}");
    }
}
