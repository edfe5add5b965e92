//! Which ports the brokers of one machine use. Clients' ports count upward from the one that was asked for; the others
//! are free ones, and those of an earlier run where its settings are still there: the quorum knows its members by them.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use anyhow::Context;
use weir_model::config::{Endpoint, Pairs};

use crate::settings::read_properties;

/// The ports of one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) kafka: u16,
    pub(super) peer: u16,
    pub(super) admin: u16,
}

/// Chooses for `brokers` brokers; `settings_of` says where the settings of an earlier run may lie.
pub(super) fn choose<'a>(
    brokers: u16,
    first_kafka: u16,
    settings_of: impl Fn(u16) -> std::path::PathBuf + 'a,
) -> anyhow::Result<Vec<Ports>> {
    // Held until all are chosen, so that no port is given twice.
    let mut held = Vec::new();
    let mut free = || -> anyhow::Result<u16> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        let port = socket.local_addr()?.port();
        held.push(socket);
        Ok(port)
    };
    (0..brokers)
        .map(|broker| {
            let before = earlier(&settings_of(broker));
            let kafka = match first_kafka {
                0 => free()?,
                first => first
                    .checked_add(broker)
                    .with_context(|| format!("--port {first}: {brokers} ports from there are too many"))?,
            };
            let mut kept = |name: &str| match port_of(&before, name) {
                Some(port) => Ok(port),
                None => free(),
            };
            Ok(Ports { kafka, peer: kept("weir.peer.listener")?, admin: kept("weir.admin.listener")? })
        })
        .collect()
}

fn earlier(settings: &Path) -> Pairs {
    read_properties(settings).unwrap_or_default()
}

fn port_of(pairs: &Pairs, name: &str) -> Option<u16> {
    pairs.get(name).and_then(|text| Endpoint::parse(text)).map(|endpoint| endpoint.port)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn clients_ports_count_upward_and_no_port_is_given_twice() {
        let directory = tempfile::tempdir().unwrap();
        let chosen = choose(3, 20_000, |n| directory.path().join(n.to_string())).unwrap();
        assert_eq!(chosen.iter().map(|p| p.kafka).collect::<Vec<_>>(), [20_000, 20_001, 20_002]);
        let all: BTreeSet<u16> = chosen.iter().flat_map(|p| [p.kafka, p.peer, p.admin]).collect();
        assert_eq!(all.len(), 9);
        assert!(choose(3, 65_534, |n| directory.path().join(n.to_string())).is_err());
    }

    #[test]
    fn a_later_run_keeps_the_ports_by_which_the_quorum_knows_its_members() {
        let directory = tempfile::tempdir().unwrap();
        let of = |n: u16| directory.path().join(n.to_string());
        std::fs::write(of(0), "weir.peer.listener=localhost:7001\nweir.admin.listener=localhost:7002\n")
            .unwrap();
        let chosen = choose(2, 0, of).unwrap();
        assert_eq!((chosen[0].peer, chosen[0].admin), (7001, 7002));
        assert!(chosen[1].peer != 7001);
    }
}
