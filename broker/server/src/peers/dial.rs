//! The way to other brokers: one channel for each address, made when it is first needed and connected again by itself.
//! Decides deadlines and limits of calls, never their content.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint as Target};
use weir_admin::peer::v1::peers_client::PeersClient;
use weir_model::config::Endpoint;

/// The largest message either side takes: a round of the quorum, or a forwarded request.
pub(crate) const MESSAGE_MAX: usize = 64 << 20;
/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// A silent connection is asked whether it lives this often, and given up when it does not answer.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(2);
/// Addresses that are remembered; a cluster that moves around for years must not fill the memory.
const CHANNELS_MAX: usize = 1024;

/// An address that can not be dialled at all.
#[derive(Debug, Error)]
#[error("{0} is not an address")]
pub(crate) struct BadAddress(Endpoint);

/// What looking for a broker found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Nobody listens there: the process is gone.
    Dead,
    /// Somebody listens.
    Listens,
    /// Nobody knows: no way there, or no answer.
    Unknown,
}

/// All channels of this broker.
#[derive(Debug)]
pub(crate) struct Dialer {
    /// Where connections are driven, whoever asks for one first.
    on: Handle,
    channels: Mutex<HashMap<String, Channel>>,
}

impl Dialer {
    pub(crate) fn new(on: Handle) -> Arc<Self> {
        Arc::new(Self { on, channels: Mutex::default() })
    }

    /// A client for the broker at that address. Connects with the first call.
    pub(crate) fn to(&self, address: &Endpoint) -> Result<PeersClient<Channel>, BadAddress> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let name = address.to_string();
        let channel = match channels.get(&name) {
            Some(channel) => channel.clone(),
            None => {
                if channels.len() >= CHANNELS_MAX {
                    channels.clear();
                }
                let _on = self.on.enter();
                let target = target(&name).map_err(|_| BadAddress(address.clone()))?;
                channels.entry(name).or_insert(target.connect_lazy()).clone()
            }
        };
        Ok(PeersClient::new(channel)
            .max_decoding_message_size(MESSAGE_MAX)
            .max_encoding_message_size(MESSAGE_MAX))
    }

    /// Looks whether a broker's process lives.
    pub(crate) async fn probe(address: &Endpoint, patience: Duration) -> Probe {
        match timeout(patience, TcpStream::connect((address.host.as_str(), address.port))).await {
            Ok(Ok(_)) => Probe::Listens,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Probe::Dead,
            Ok(Err(_)) | Err(_) => Probe::Unknown,
        }
    }
}

fn target(name: &str) -> Result<Target, tonic::transport::Error> {
    Ok(Target::from_shared(format!("http://{name}"))?
        .connect_timeout(CONNECT_MAX)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(Some(1 << 20))
        .initial_connection_window_size(Some(4 << 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_known_to_be_dead() {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let address = Endpoint { host: "127.0.0.1".into(), port };
        let patience = Duration::from_secs(5);
        assert_eq!(Dialer::probe(&address, patience).await, Probe::Listens);
        drop(socket);
        assert_eq!(Dialer::probe(&address, patience).await, Probe::Dead);
    }
}
