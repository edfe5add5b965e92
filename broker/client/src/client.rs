//! A cluster as seen by one client: a connection for each broker, what is known of topics and coordinators, and the
//! loop that sends a request to whoever should answer it and tries again where that can help.
//!
//! The lock below guards maps and is never held while anything is awaited.

mod lookup;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_model::BrokerId;
use weir_wire::Request;

use crate::address::Address;
use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::error::{Attempt, ClientError};
use crate::metadata::Metadata;
use crate::options::ClientOptions;
use crate::retry::{Verdict, backoff, judge};
use crate::route::Route;

/// Coordinators remembered at most; the map is emptied beyond that.
const MAX_COORDINATORS: usize = 10_000;

/// A client of one cluster. Cheap to clone; connects when it is first used.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bootstrap: Vec<Address>,
    options: ClientOptions,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    seed: Option<Connection>,
    brokers: HashMap<BrokerId, Connection>,
    coordinators: HashMap<String, BrokerId>,
    metadata: Arc<Metadata>,
}

impl Client {
    /// A client that will find the cluster through these addresses, tried in order.
    #[must_use]
    pub fn new(bootstrap: Vec<Address>, options: ClientOptions) -> Self {
        Self { shared: Arc::new(Shared { bootstrap, options, known: Mutex::default() }) }
    }

    /// The choices it was made with.
    #[must_use]
    pub fn options(&self) -> &ClientOptions {
        &self.shared.options
    }

    /// A deadline of this client's call timeout from now.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        Deadline::after(self.shared.options.call_timeout)
    }

    /// What is known without asking.
    #[must_use]
    pub fn known_metadata(&self) -> Arc<Metadata> {
        self.known().metadata.clone()
    }

    /// Sends one request to whoever should answer it. Failures of the connection are tried again; what the answer says
    /// is the caller's to judge.
    pub async fn call<R: Request>(&self, route: &Route, request: &R) -> Result<R::Response, ClientError> {
        self.retrying(route, self.deadline(), move |connection, deadline| async move {
            connection.call(request, deadline).await
        })
        .await
    }

    /// Runs `exchange` on a connection to whoever should answer, again and again while `judge` says that it helps and
    /// the deadline has not passed. What failed last is the error.
    pub(crate) async fn retrying<T, F>(
        &self,
        route: &Route,
        deadline: Deadline,
        mut exchange: impl FnMut(Connection, Deadline) -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let mut attempt = 0u32;
        loop {
            attempt = attempt.saturating_add(1);
            let tried = match self.connection(route, deadline).await {
                Ok(connection) => {
                    let tried = exchange(connection.clone(), deadline).await;
                    self.drop_if_broken(&connection, tried.as_ref().err());
                    tried
                }
                Err(error) => Err(error),
            };
            let error = match tried {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let verdict = judge(&error, self.shared.options.outlive_restarts);
            if verdict == Verdict::Fail {
                return Err(error);
            }
            let wait = backoff(attempt);
            if deadline.left() <= wait {
                return Err(ClientError::GaveUp { given: deadline.given(), last: Box::new(error) });
            }
            tracing::debug!(%error, attempt, ?route, "trying again");
            tokio::time::sleep(wait).await;
            if verdict == Verdict::LookUpAgain {
                self.forget(route);
            }
        }
    }

    /// A connection to whoever answers: one that is open, or the first address that takes us.
    async fn any(&self, deadline: Deadline) -> Result<Connection, ClientError> {
        if let Some(open) = self.known().open_one() {
            return Ok(open);
        }
        let mut tried = Vec::new();
        for address in self.addresses() {
            match Connection::open(&address, &self.shared.options, deadline).await {
                Ok(connection) => {
                    self.known().seed = Some(connection.clone());
                    return Ok(connection);
                }
                Err(error) => tried.push(Attempt { address, error }),
            }
        }
        Err(ClientError::NoBroker { tried })
    }

    /// Bootstrap addresses, then those that brokers advertised while we knew them.
    fn addresses(&self) -> Vec<Address> {
        let mut addresses = self.shared.bootstrap.clone();
        for broker in self.known().metadata.brokers.values() {
            if !addresses.contains(&broker.address) {
                addresses.push(broker.address.clone());
            }
        }
        addresses
    }

    /// A connection to one broker, at the address that it advertises.
    async fn broker(&self, id: BrokerId, deadline: Deadline) -> Result<Connection, ClientError> {
        if let Some(open) = self.known().brokers.get(&id).filter(|c| !c.is_closed()) {
            return Ok(open.clone());
        }
        let metadata = self.metadata_with_broker(id, deadline).await?;
        let Some(broker) = metadata.brokers.get(&id) else {
            return Err(ClientError::Kafka {
                subject: format!("broker {id}"),
                code: weir_wire::ErrorCode::BrokerNotAvailable,
                message: Some("it is not among the live brokers".into()),
            });
        };
        // What the bootstrap connection reached may be this very broker: no need for a second connection.
        let same =
            self.known().seed.clone().filter(|seed| *seed.address() == broker.address && !seed.is_closed());
        let connection =
            match same {
                Some(seed) => seed,
                None => Connection::open(&broker.address, &self.shared.options, deadline).await.map_err(
                    |source| ClientError::AdvertisedUnreachable {
                        broker: id,
                        advertised: broker.address.clone(),
                        via: self
                            .known()
                            .seed
                            .as_ref()
                            .map_or_else(|| broker.address.clone(), |s| s.address().clone()),
                        source: Box::new(source),
                    },
                )?,
            };
        self.known().brokers.insert(id, connection.clone());
        Ok(connection)
    }

    /// After a failure that says that a connection is of no more use. One that let a call time out may be stuck.
    pub(crate) fn drop_if_broken(&self, connection: &Connection, error: Option<&ClientError>) {
        let broken = matches!(
            error,
            Some(ClientError::Closed { .. } | ClientError::NotKafka { .. } | ClientError::Timeout { .. })
        );
        if !broken {
            return;
        }
        let mut known = self.known();
        let address = connection.address();
        known.brokers.retain(|_, open| open.address() != address);
        known.seed = known.seed.take().filter(|seed| seed.address() != address);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn open_one(&self) -> Option<Connection> {
        let mut open = self.seed.iter().chain(self.brokers.values());
        open.find(|connection| !connection.is_closed()).cloned()
    }
}

#[cfg(test)]
mod tests;
