//! A broker starts. What it led gets a new reign: a leader that was away may have lost the end of its log, and
//! readers must be able to tell. Without proof of a clean stop it is in sync only where nobody else has more. A disk
//! of another incarnation is empty and no longer in sync with anything.

use weir_model::config::Pairs;
use weir_model::{BrokerId, Incarnation};

use super::image::Image;
use super::transition::{Brokers, Presence, on_broker};
use super::{BrokerEndpoint, ControllerError, Decision, HostPort, Record, Registration, VersionRange};

/// The broker's word about itself.
#[derive(Clone, Debug)]
pub struct RegisterBroker {
    /// Its id.
    pub id: BrokerId,
    /// The identity of its disk.
    pub incarnation: Incarnation,
    /// Where it stands.
    pub rack: Option<String>,
    /// Where it is reached.
    pub endpoints: Vec<BrokerEndpoint>,
    /// Where other brokers reach it.
    pub peer: Option<HostPort>,
    /// Where its admin service is.
    pub admin: Option<HostPort>,
    /// The levels of `metadata.version` that it understands.
    pub versions: VersionRange,
    /// Whether it has to prove that it has caught up before it may lead. A broker that is its own controller has.
    pub fenced: bool,
    /// Whether it can prove that it stopped cleanly, so that its logs end where they ended.
    pub clean: bool,
}

/// Decides whether it may join. The reply is its new epoch.
pub fn decide(
    image: &Image,
    command: RegisterBroker,
    defaults: &Pairs,
) -> Decision<Result<i64, ControllerError>> {
    let before = image.broker(command.id).map(|b| &b.registration);
    let other_disk = before.is_some_and(|b| b.incarnation != command.incarnation);
    if other_disk && before.is_some_and(|b| !b.fenced) {
        let reply = Err(ControllerError::DuplicateBroker(command.id));
        return Decision { records: Vec::new(), reply };
    }
    let (finalised, versions) = (image.metadata_version(), command.versions);
    if !versions.contains(finalised) {
        let VersionRange { min, max } = versions;
        let reply = Err(ControllerError::BrokerVersions { broker: command.id, min, max, finalised });
        return Decision { records: Vec::new(), reply };
    }
    let epoch = image.next_broker_epoch(command.id);
    let RegisterBroker { id, incarnation, fenced, clean, .. } = command;
    let mut records = vec![Record::BrokerRegistered(Registration {
        id,
        incarnation,
        epoch,
        rack: command.rack,
        endpoints: command.endpoints,
        fenced,
        shutting_down: false,
        // What an operator said of this broker outlives its restarts.
        drained: before.is_some_and(|b| b.drained),
        peer: command.peer,
        admin: command.admin,
        versions,
    })];
    let brokers = Brokers::with(image, id, if fenced { Presence::Fenced } else { Presence::Active });
    records.extend(on_broker(image, id, defaults, &brokers, |partition| match (other_disk, clean) {
        (true, _) => partition.emptied(id),
        (false, true) => partition.restarted(id),
        (false, false) => partition.restarted_without_proof(id),
    }));
    Decision { records, reply: Ok(epoch) }
}
