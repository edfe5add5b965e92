//! A broker that starts tells the controller that it is here, again and again until it is taken in. What it led before
//! is somebody else's from then on; it comes back fenced.

use std::time::Duration;

use anyhow::bail;
use futures_util::FutureExt;
use tokio::time::{Instant, sleep, timeout};
use tonic::Code;
use tracing::{debug, warn};
use weir_admin::peer::v1::{self, register_reply};
use weir_core::controller::register_broker::RegisterBroker;
use weir_model::config::Voter;
use weir_quorum::NodeId;
use weir_wire::ErrorCode;

use super::forming::find_leader;
use crate::duties::{Admission, Duties};
use crate::metadata::View;
use crate::peers::{Link, Place, Way};

/// How long one attempt may take: the round that it makes has to be committed.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// How long the quorum is given to say who leads, before others are asked.
const QUORUM_MAX: Duration = Duration::from_millis(300);
/// Time between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// How often failing is told in the log.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Everything that registering needs.
pub(crate) struct Registering<'a> {
    pub(crate) me: NodeId,
    pub(crate) link: &'a Link,
    pub(crate) view: &'a View,
    pub(crate) duties: &'a Duties,
    pub(crate) voters: &'a [Voter],
    pub(crate) command: RegisterBroker,
}

/// Who is asked where the controller is, in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guide {
    /// The quorum as it is known here. A broker that was let go is told nothing any more, so that it may name somebody who
    /// led long ago, for ever.
    OwnQuorum,
    /// All who are known here.
    Others,
}

impl Guide {
    const fn next(self) -> Self {
        match self {
            Self::OwnQuorum => Self::Others,
            Self::Others => Self::OwnQuorum,
        }
    }
}

enum Attempt {
    Registered(i64),
    Again(String),
    Never(String),
}

impl Registering<'_> {
    /// Registers; gives the broker's epoch.
    pub(crate) async fn run(self) -> anyhow::Result<i64> {
        let (mut told, mut guide) = (Instant::now(), Guide::OwnQuorum);
        loop {
            let why = match self.attempt(guide).await? {
                Attempt::Registered(epoch) => return Ok(epoch),
                Attempt::Never(why) => bail!("the cluster does not take this broker in: {why}"),
                Attempt::Again(why) => why,
            };
            debug!(why, "not registered yet");
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                warn!(why, "not registered with a controller yet");
            }
            guide = guide.next();
            sleep(PAUSE).await;
        }
    }

    async fn attempt(&self, guide: Guide) -> anyhow::Result<Attempt> {
        let known = match guide {
            Guide::OwnQuorum => self.link.controller(Instant::now() + QUORUM_MAX).await,
            Guide::Others => None,
        };
        let place = match known {
            Some(place) => place,
            None => match find_leader(self.link, self.view, self.me, self.voters).await? {
                Some((node, at)) => match self.link.dialer().to(&at) {
                    Ok(client) => {
                        Place::There(Box::new(Way { header: self.link.header_to(node), node, at, client }))
                    }
                    Err(error) => return Ok(Attempt::Again(error.to_string())),
                },
                None => return Ok(Attempt::Again("nobody leads".to_owned())),
            },
        };
        Ok(match place {
            Place::Here => self.here().await,
            Place::There(way) => self.there(*way).await,
        })
    }

    async fn here(&self) -> Attempt {
        let admitted = self.duties.register(self.me, self.command.clone()).boxed().await;
        match admitted {
            Admission::Registered(epoch) => Attempt::Registered(epoch),
            Admission::NotController => Attempt::Again("no longer the controller".to_owned()),
            Admission::Refused(refusal) => judged(refusal.code, refusal.message),
        }
    }

    async fn there(&self, mut way: Way) -> Attempt {
        let request = self.request(&way);
        let answer = timeout(ATTEMPT_MAX, way.client.register(request)).await;
        match answer.map(|reply| reply.map(|reply| reply.into_inner().outcome)) {
            Ok(Ok(Some(register_reply::Outcome::Epoch(epoch)))) => Attempt::Registered(epoch),
            Ok(Ok(Some(register_reply::Outcome::Refused(refused)))) => {
                judged(ErrorCode::from(i16::try_from(refused.code).unwrap_or(-1)), refused.message)
            }
            Ok(Ok(Some(register_reply::Outcome::NotController(_)) | None)) => {
                Attempt::Again(format!("broker {} does not lead", way.node.broker))
            }
            Ok(Err(status)) if status.code() == Code::FailedPrecondition => {
                Attempt::Again(format!("broker {} refuses: {}", way.node.broker, status.message()))
            }
            Ok(Err(status)) => Attempt::Again(status.message().to_owned()),
            Err(_) => Attempt::Again("no answer in time".to_owned()),
        }
    }

    fn request(&self, way: &Way) -> v1::RegisterRequest {
        let address = |at: &weir_core::controller::HostPort| v1::Address {
            host: at.host.clone(),
            port: u32::from(at.port),
        };
        let command = &self.command;
        let endpoints = command.endpoints.iter().map(|endpoint| v1::Endpoint {
            listener: endpoint.listener.clone(),
            address: Some(v1::Address { host: endpoint.host.clone(), port: u32::from(endpoint.port) }),
        });
        v1::RegisterRequest {
            header: Some(way.header.clone()),
            rack: command.rack.clone(),
            endpoints: endpoints.collect(),
            peer: command.peer.as_ref().map(address),
            admin: command.admin.as_ref().map(address),
            clean: command.clean,
            metadata_version_min: i32::from(command.versions.min),
            metadata_version_max: i32::from(command.versions.max),
        }
    }
}

/// Whether waiting helps.
fn judged(code: ErrorCode, message: String) -> Attempt {
    match code {
        ErrorCode::UnsupportedVersion | ErrorCode::InvalidRequest | ErrorCode::InvalidConfig => {
            Attempt::Never(message)
        }
        // Another process with this id may be on its way out.
        _ => Attempt::Again(message),
    }
}
