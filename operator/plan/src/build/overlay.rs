//! Merges what the user says over the pod template, as `kubectl patch` does: fields into fields, lists of things with a
//! key by that key, other values replaced, `null` takes away.

use serde_json::Value;

/// Fields by which Kubernetes merges the lists of a pod, by the name of the list.
fn key(list: &str) -> Option<&'static str> {
    match list {
        "containers" | "initContainers" | "ephemeralContainers" | "volumes" | "env" | "imagePullSecrets" => {
            Some("name")
        }
        "volumeMounts" => Some("mountPath"),
        "volumeDevices" => Some("devicePath"),
        "ports" => Some("containerPort"),
        "topologySpreadConstraints" => Some("topologyKey"),
        "hostAliases" => Some("ip"),
        _ => None,
    }
}

/// `base` with `over` merged into it.
pub(super) fn merge(base: &mut Value, over: &Value) {
    let (Value::Object(base), Value::Object(over)) = (&mut *base, over) else {
        *base = over.clone();
        return;
    };
    for (name, over) in over {
        match (base.get_mut(name), over, key(name)) {
            (_, Value::Null, _) => {
                base.remove(name);
            }
            (Some(Value::Array(items)), Value::Array(over), Some(key)) => merge_by(key, items, over),
            (Some(field), over, _) => merge(field, over),
            (None, over, _) => {
                base.insert(name.clone(), over.clone());
            }
        }
    }
}

fn merge_by(key: &str, items: &mut Vec<Value>, over: &[Value]) {
    for over in over {
        match items.iter_mut().find(|item| over.get(key).is_some() && item.get(key) == over.get(key)) {
            Some(item) => merge(item, over),
            None => items.push(over.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::merge;

    #[test]
    fn lists_merge_by_their_keys_and_null_takes_away() {
        let cases = [
            (json!({"a": 1}), json!({"b": 2}), json!({"a": 1, "b": 2})),
            (json!({"a": {"x": 1, "y": 2}}), json!({"a": {"y": 3}}), json!({"a": {"x": 1, "y": 3}})),
            (json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2})),
            (json!({"tolerations": [1]}), json!({"tolerations": [2]}), json!({"tolerations": [2]})),
            (
                json!({"containers": [{"name": "weir", "image": "i", "env": [{"name": "A", "value": "1"}]}]}),
                json!({"containers": [
                    {"name": "side"},
                    {"name": "weir", "env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]},
                ]}),
                json!({"containers": [
                    {"name": "weir", "image": "i", "env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]},
                    {"name": "side"},
                ]}),
            ),
            (json!({}), json!({"nodeSelector": {"disk": "ssd"}}), json!({"nodeSelector": {"disk": "ssd"}})),
        ];
        for (mut base, over, expected) in cases {
            merge(&mut base, &over);
            assert_eq!(base, expected, "{over}");
        }
    }
}
