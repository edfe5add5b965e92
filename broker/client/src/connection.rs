//! One TCP connection to a broker. Requests may be pipelined; answers come back in order, and each is checked to be
//! the answer to its request. Two tasks own the two halves of the socket, so that no lock is held while bytes move.
//!
//! It decides nothing about retries, and it never reconnects: when it is closed, it stays closed.

mod halves;
mod handshake;

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout_at;
use weir_wire::{ApiKey, Request, frame};

use crate::address::Address;
use crate::deadline::Deadline;
use crate::error::ClientError;
use crate::options::ClientOptions;
use crate::versions::Versions;
use halves::Call;

/// Requests that may wait for their answers on one connection.
const MAX_IN_FLIGHT: usize = 64;

/// A connection after the version handshake. Cheap to clone; closed when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Connection {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: Address,
    client_id: String,
    versions: Versions,
    calls: mpsc::Sender<Call>,
    next_correlation: AtomicI32,
    tasks: [AbortHandle; 2],
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Connection {
    /// Connects and agrees on versions.
    pub async fn open(
        address: &Address,
        options: &ClientOptions,
        deadline: Deadline,
    ) -> Result<Self, ClientError> {
        let deadline = deadline.no_later_than(options.connect_timeout);
        let stream = connect(address, deadline).await?;
        let (read, write) = stream.into_split();
        let (calls, to_write) = mpsc::channel(MAX_IN_FLIGHT);
        let (awaiting, to_read) = mpsc::channel(MAX_IN_FLIGHT);
        let writer = tokio::spawn(halves::write_requests(address.clone(), write, to_write, awaiting));
        let limit = options.max_response_bytes;
        let reader = tokio::spawn(halves::read_answers(address.clone(), read, to_read, limit));
        let mut shared = Shared {
            address: address.clone(),
            client_id: options.client_id.clone(),
            versions: Versions::default(),
            calls,
            next_correlation: AtomicI32::new(0),
            tasks: [writer.abort_handle(), reader.abort_handle()],
        };
        shared.versions = handshake::agree(&shared, deadline).await?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The peer, as it was dialled.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.shared.address
    }

    /// What the peer offers.
    #[must_use]
    pub fn versions(&self) -> &Versions {
        &self.shared.versions
    }

    /// Has it ended? A connection that is not closed yet may still fail at its next use.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.calls.is_closed()
    }

    /// The version that a request of this kind would be sent in, if it is at most `cap`.
    pub fn version_of(&self, key: ApiKey, cap: i16) -> Result<i16, ClientError> {
        self.versions().choose(key, cap).ok_or_else(|| {
            let mut ours = key.valid_versions();
            ours.max = ours.max.min(cap);
            ClientError::Unsupported {
                address: self.address().clone(),
                api: key,
                theirs: self.versions().offered(key),
                ours,
            }
        })
    }

    /// Sends a request in the highest common version and waits for its answer.
    pub async fn call<R: Request>(
        &self,
        request: &R,
        deadline: Deadline,
    ) -> Result<R::Response, ClientError> {
        self.call_at_most(request, i16::MAX, deadline).await
    }

    /// As [`Self::call`], in a version of at most `cap`: for a request that later versions would want filled otherwise.
    pub async fn call_at_most<R: Request>(
        &self,
        request: &R,
        cap: i16,
        deadline: Deadline,
    ) -> Result<R::Response, ClientError> {
        let version = self.version_of(R::KEY, cap)?;
        let answer = self.shared.exchange(request, version, deadline).await?;
        let decoded = frame::parse_response::<R>(version, answer);
        let (_, body) = decoded.map_err(|source| self.shared.unreadable(R::KEY, source))?;
        Ok(body)
    }
}

impl Shared {
    /// Sends a request and waits for the frame that answers it.
    async fn exchange<R: Request>(
        &self,
        request: &R,
        version: i16,
        deadline: Deadline,
    ) -> Result<Bytes, ClientError> {
        let correlation_id = self.next_correlation.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        let encoded = frame::encode_request(version, correlation_id, Some(&self.client_id), request);
        let frame = encoded.map_err(|source| ClientError::Encode { api: R::KEY, source })?;
        let (reply, answer) = oneshot::channel();
        let call = Call { correlation_id, frame: frame.bytes, reply };
        let exchanged = timeout_at(deadline.instant(), async {
            self.calls.send(call).await.map_err(|_| self.gone())?;
            answer.await.map_err(|_| self.gone())?
        });
        exchanged.await.unwrap_or_else(|_| {
            Err(ClientError::Timeout { address: self.address.clone(), api: R::KEY, given: deadline.given() })
        })
    }

    fn gone(&self) -> ClientError {
        ClientError::Closed { address: self.address.clone(), reason: "the connection has ended".into() }
    }

    fn unreadable(&self, api: ApiKey, source: weir_wire::DecodeError) -> ClientError {
        ClientError::Decode { address: self.address.clone(), api, source }
    }
}

async fn connect(address: &Address, deadline: Deadline) -> Result<TcpStream, ClientError> {
    let unreachable = |source| ClientError::Unreachable { address: address.clone(), source };
    let connecting = TcpStream::connect((address.host.as_str(), address.port));
    let stream = match timeout_at(deadline.instant(), connecting).await {
        Ok(connected) => connected.map_err(unreachable)?,
        Err(_) => return Err(unreachable(std::io::ErrorKind::TimedOut.into())),
    };
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(stream)
}

#[cfg(test)]
mod tests;
