//! `spec.listeners`: distinct names and ports that are free, and the brokers' own listener among them.

use weir_operator_api::{LISTENER_NAME_MAX, Listener, ListenerKind, port};

use super::Invalid;
use crate::names::INTERNAL;
use crate::valid::ValidListener;

/// Ports of the brokers' own.
const TAKEN: [u16; 3] = [port::PEERS, port::ADMIN, port::HTTP];
/// Names of the brokers' own ports.
const RESERVED: [&str; 3] = ["http", "admin", "peers"];
/// How many listeners there may be.
const LISTENERS_MAX: usize = 8;

/// Every listener, the brokers' own first.
pub(super) fn read(listeners: &[Listener], wrong: &mut Vec<Invalid>) -> Vec<ValidListener> {
    let mut all: Vec<_> =
        listeners.iter().enumerate().map(|(at, listener)| one(at, listener, wrong)).collect();
    if all.len() > LISTENERS_MAX {
        wrong.push(Invalid::at("spec.listeners", format!("there may be at most {LISTENERS_MAX} listeners")));
    }
    if !all.iter().any(ValidListener::is_between_brokers) {
        all.insert(0, own());
    }
    all.sort_by_key(|listener| !listener.is_between_brokers());
    for (at, listener) in all.iter().enumerate() {
        for other in &all[..at] {
            if other.name == listener.name {
                let message = format!("two listeners are named {}", listener.name);
                wrong.push(Invalid::at("spec.listeners", message));
            } else if other.port == listener.port {
                let message = format!(
                    "{} and {} both want port {}: choose another one",
                    other.name, listener.name, listener.port
                );
                wrong.push(Invalid::at("spec.listeners", message));
            }
        }
    }
    all
}

fn own() -> ValidListener {
    ValidListener {
        name: INTERNAL.to_owned(),
        port: port::INTERNAL,
        kind: ListenerKind::Internal,
        advertised_host: None,
        node_port: None,
        annotations: std::collections::BTreeMap::new(),
    }
}

fn one(at: usize, listener: &Listener, wrong: &mut Vec<Invalid>) -> ValidListener {
    let path = |field: &str| format!("spec.listeners[{at}].{field}");
    let mut refuse = |field: &str, message: String| wrong.push(Invalid::at(path(field), message));
    let name = &listener.name;
    if !is_label(name) {
        refuse(
            "name",
            format!("{name:?} can not name a port: at most 15 lower-case letters, digits and hyphens"),
        );
    } else if RESERVED.contains(&name.as_str()) {
        refuse("name", format!("{name} is the name of one of the brokers' own ports: choose another one"));
    }
    let port = u16::try_from(listener.port).ok().filter(|port| *port >= 1024);
    match port {
        Some(port) if TAKEN.contains(&port) => {
            refuse("port", format!("{port} is one of the brokers' own ports: choose another one"));
        }
        Some(_) => {}
        None => refuse("port", format!("{} can not be a port: say 1024 to 65535", listener.port)),
    }
    if name == INTERNAL && listener.kind != ListenerKind::Internal {
        refuse("type", "brokers use this one among themselves: its type must be Internal".to_owned());
    }
    let node_port = listener.node_port.and_then(|port| u16::try_from(port).ok());
    if listener.node_port.is_some() && (listener.kind != ListenerKind::NodePort || node_port.is_none()) {
        refuse("nodePort", "a node port is a port number, for listeners of type NodePort".to_owned());
    }
    let host = listener.advertised_host.as_deref();
    if host.is_some_and(|host| host.is_empty() || host.contains([',', '/', '=', ' ', '\n', '$', '\t', '\r']))
    {
        refuse("advertisedHost", "it must be a host name or an IP address".to_owned());
    }
    if host.is_some() && listener.kind == ListenerKind::Internal {
        refuse(
            "advertisedHost",
            "clients inside are told the pods' names: set it for other types only".to_owned(),
        );
    }
    ValidListener {
        name: name.clone(),
        port: port.unwrap_or_default(),
        kind: listener.kind,
        advertised_host: listener.advertised_host.clone(),
        node_port,
        annotations: listener.annotations.clone(),
    }
}

fn is_label(name: &str) -> bool {
    (1..=LISTENER_NAME_MAX).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
