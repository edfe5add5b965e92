//! Where the disk behind a volume claim can be reached from. Decides what counts as a disk of one node alone: only what the
//! volume itself says, by a rule that every node but that one breaks.

use k8s_openapi::api::core::v1::{NodeSelectorTerm, PersistentVolume};

/// The label by which volumes name a node. Kubernetes gives it to each.
pub const HOSTNAME: &str = "kubernetes.io/hostname";

/// Where a disk can be reached from, as far as that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// From more than one node, or from one that there is.
    Reachable,
    /// From one node alone, and there is no such node any more.
    NodeGone {
        /// The node, by its label [`HOSTNAME`].
        node: String,
    },
    /// Nobody could tell.
    Unknown {
        /// Why, for people.
        why: String,
    },
}

/// The only node that the volume can be reached from, by its label [`HOSTNAME`]; none where it says anything else.
#[must_use]
pub fn only_node(volume: &PersistentVolume) -> Option<String> {
    let affinity = volume.spec.as_ref()?.node_affinity.as_ref()?.required.as_ref()?;
    let mut named = affinity.node_selector_terms.iter().map(node_of_term);
    let first = named.next()??;
    named.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// Terms are alternatives, and the expressions of one must all hold: one of them that names a single node is enough.
fn node_of_term(term: &NodeSelectorTerm) -> Option<String> {
    let expressions = term.match_expressions.iter().flatten();
    let mut names =
        expressions.filter(|expression| expression.key == HOSTNAME && expression.operator == "In");
    match names.next()?.values.as_deref()? {
        [only] => Some(only.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn volume(terms: serde_json::Value) -> PersistentVolume {
        let spec = json!({ "nodeAffinity": { "required": { "nodeSelectorTerms": terms } } });
        serde_json::from_value(json!({ "spec": spec })).unwrap()
    }

    #[test]
    fn only_a_volume_that_names_a_single_node_is_that_nodes() {
        let one = |operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": HOSTNAME, "operator": operator, "values": values}]});
        let zone = json!({"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]});
        let both = json!({"matchExpressions": [zone, one("In", &["n1"])["matchExpressions"][0]]});
        let cases = [
            ("a local disk", json!([one("In", &["n1"])]), Some("n1")),
            ("with its zone", json!([both]), Some("n1")),
            ("said twice", json!([one("In", &["n1"]), one("In", &["n1"])]), Some("n1")),
            ("either of two", json!([one("In", &["n1", "n2"])]), None),
            ("either of two terms", json!([one("In", &["n1"]), one("In", &["n2"])]), None),
            ("any other", json!([one("NotIn", &["n1"])]), None),
            ("a disk of a zone", json!([{"matchExpressions": [zone]}]), None),
            (
                "a local disk, or anywhere in a zone",
                json!([one("In", &["n1"]), {"matchExpressions": [zone]}]),
                None,
            ),
            ("nothing", json!([]), None),
        ];
        for (name, terms, expected) in cases {
            assert_eq!(only_node(&volume(terms)).as_deref(), expected, "{name}");
        }
        assert_eq!(only_node(&PersistentVolume::default()), None, "it does not say");
    }
}
