//! Whether a live object has everything that was applied. The API server adds defaults, drops what is empty, writes
//! quantities in its own words and merges lists by their keys; none of that is a difference. A false "no" costs a write
//! at each look, for ever, so this leans towards "yes" only where the server is known to rewrite.

use serde_json::Value;

use crate::quantity;

/// Fields by which the API server merges lists of objects: others may have added elements of their own.
const KEYS: [&str; 6] = ["uid", "name", "mountPath", "topologyKey", "containerPort", "ip"];

/// Whether `live` has all that `desired` says.
#[must_use]
pub fn covers(live: &Value, desired: &Value) -> bool {
    covered(Some(live), desired, false)
}

fn covered(live: Option<&Value>, desired: &Value, amounts: bool) -> bool {
    let Some(live) = live.filter(|live| !live.is_null()) else { return is_empty(desired) };
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => desired.iter().all(|(name, value)| {
            let amounts = amounts || matches!(name.as_str(), "limits" | "requests");
            covered(live.get(name), value, amounts)
        }),
        (Value::Array(live), Value::Array(desired)) => list(live, desired, amounts),
        (Value::String(live), Value::String(desired)) if amounts => quantity::same(live, desired),
        (live, desired) => live == desired || (is_empty(live) && is_empty(desired)),
    }
}

fn list(live: &[Value], desired: &[Value], amounts: bool) -> bool {
    let keyed = |item: &Value| KEYS.iter().find(|key| item.get(**key).is_some()).copied();
    if desired.iter().all(|item| keyed(item).is_some()) && !desired.is_empty() {
        return desired.iter().all(|item| live.iter().any(|live| covered(Some(live), item, amounts)));
    }
    live.len() == desired.len()
        && live.iter().zip(desired).all(|(live, desired)| covered(Some(live), desired, amounts))
}

/// What the API server leaves out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::covers;

    #[test]
    fn what_the_api_server_adds_or_rewrites_is_no_difference() {
        let cases = [
            (json!({"a": 1, "b": 2}), json!({"a": 1})),
            (json!({"a": {"x": 1, "default": true}}), json!({"a": {"x": 1}})),
            (json!({"requests": {"cpu": "500m"}}), json!({"requests": {"cpu": "0.5"}})),
            (json!({"limits": {"memory": "1Gi"}}), json!({"limits": {"memory": "1024Mi"}})),
            (json!({}), json!({"value": "", "list": [], "map": {}, "no": false, "nothing": null})),
            (json!({"e": [{"name": "a", "added": 1}, {"name": "foreign"}]}), json!({"e": [{"name": "a"}]})),
            (json!({"e": [{"name": "b"}, {"name": "a"}]}), json!({"e": [{"name": "a"}, {"name": "b"}]})),
        ];
        for (live, desired) in cases {
            assert!(covers(&live, &desired), "{live} should do for {desired}");
        }
    }

    #[test]
    fn what_somebody_changed_is_a_difference() {
        let cases = [
            (json!({"a": 2}), json!({"a": 1})),
            (json!({}), json!({"a": 1})),
            (json!({"cpu": "500m"}), json!({"cpu": "0.5"})),
            (json!({"e": [{"name": "a", "value": "2"}]}), json!({"e": [{"name": "a", "value": "1"}]})),
            (json!({"e": [{"name": "b"}]}), json!({"e": [{"name": "a"}]})),
            (json!({"args": ["a", "b"]}), json!({"args": ["a"]})),
            (json!({"args": ["b", "a"]}), json!({"args": ["a", "b"]})),
            (json!({"ingress": [{"from": []}, {"anybody": 1}]}), json!({"ingress": [{"from": []}]})),
            (json!({"replicas": 0}), json!({"replicas": 3})),
            (json!({"replicas": 3}), json!({"replicas": 0})),
        ];
        for (live, desired) in cases {
            assert!(!covers(&live, &desired), "{live} should not do for {desired}");
        }
    }
}
