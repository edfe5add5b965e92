//! `spec.listeners`: where clients reach the brokers.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest name of a listener: it is the name of a port too.
pub const LISTENER_NAME_MAX: usize = 15;

/// A way for clients to reach every broker.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.name.matches('^[a-z]([-a-z0-9]{0,13}[a-z0-9])?$')")
        .message(
            "a listener's name begins with a letter and has at most 15 lower-case letters, digits and hyphens: \
             ports and Services are named after it"
        )
        .field_path(".name"),
    validation = Rule::new("!(self.name in ['http', 'admin', 'peers'])")
        .message("the names http, admin and peers are taken by the broker's own ports")
        .field_path(".name"),
    validation = Rule::new("self.port >= 1024 && self.port <= 65535")
        .message("a listener's port must be from 1024 to 65535: brokers do not run as root")
        .field_path(".port"),
    validation = Rule::new("!(self.port in [9094, 9095, 9644])")
        .message("the ports 9094, 9095 and 9644 are the brokers' own: choose another one")
        .field_path(".port"),
    validation = Rule::new("self.name != 'internal' || self.type == 'Internal'")
        .message("the listener internal is the one that brokers use among themselves: its type must be Internal")
        .field_path(".type"),
    validation = Rule::new("!has(self.nodePort) || self.type == 'NodePort'")
        .message("nodePort is for listeners of type NodePort")
        .field_path(".nodePort")
)]
pub struct Listener {
    /// Its name; unique. Services are named `<cluster>-<listener>-bootstrap` and `<cluster>-<listener>-<broker>`.
    #[schemars(length(max = 63))]
    pub name: String,

    /// The port that brokers listen on; unique. 9094, 9095 and 9644 are taken.
    pub port: i32,

    /// Who can reach it. Default: Internal.
    #[serde(rename = "type", default)]
    pub kind: ListenerKind,

    /// Encryption. Not carried out by this version yet: refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,

    /// Who clients are. Not carried out by this version yet: refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,

    /// The host that clients are told, instead of the node's address (NodePort) or the load balancer's (LoadBalancer):
    /// one name that leads to any node, for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertised_host: Option<String>,

    /// The node port of the bootstrap Service (NodePort only); Kubernetes chooses one when not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<i32>,

    /// Annotations of the listener's Services: what a cloud's load balancer wants to be told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::annotations")]
    pub annotations: BTreeMap<String, String>,
}

/// Who can reach a listener.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListenerKind {
    /// Pods of the same Kubernetes cluster.
    #[default]
    Internal,
    /// Whoever reaches the nodes: each broker has a port of every node.
    NodePort,
    /// Whoever reaches the load balancers: each broker has one.
    LoadBalancer,
}

/// Encryption of a listener.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ListenerTls {
    /// The Secret with `tls.crt` and `tls.key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
}

/// Who clients of a listener are.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Authentication {
    /// How they prove it.
    #[serde(rename = "type")]
    pub kind: AuthenticationKind,
}

/// How clients prove who they are.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationKind {
    /// By name and password: SCRAM-SHA-512.
    Scram,
    /// By a certificate.
    Tls,
}
