//! Connections to the admin services of other brokers, kept while they are used.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use weir_admin::admin::v1::admin_client::AdminClient;
use weir_core::controller::HostPort;
use weir_model::config;

use super::refusal::Refused;

pub(super) type Client = AdminClient<Channel>;

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// A broker that does not answer for this long while it is asked is given up.
const KEEPALIVE: Duration = Duration::from_secs(2);
/// Addresses that are kept: brokers of a large cluster. When there are more, all are forgotten, which costs a connect.
const MOST_ADDRESSES: usize = 1_000;
/// The logs of one broker with a million partitions.
const REPLY_MAX: usize = 64 << 20;

/// The connections, by address.
#[derive(Debug, Default)]
pub(super) struct Reach {
    channels: Mutex<BTreeMap<String, Channel>>,
}

impl Reach {
    /// A client of that broker; it connects when it is used.
    pub(super) fn client(&self, to: &HostPort) -> Result<Client, Refused> {
        let address = config::Endpoint { host: to.host.clone(), port: to.port }.to_string();
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = match channels.get(&address) {
            Some(channel) => channel.clone(),
            None => {
                let endpoint = Endpoint::from_shared(format!("http://{address}"))
                    .map_err(|error| Refused::no_controller(format!("{address} is no address: {error}")))?;
                if channels.len() >= MOST_ADDRESSES {
                    channels.clear();
                }
                let endpoint = endpoint
                    .connect_timeout(CONNECT_MAX)
                    .tcp_nodelay(true)
                    .http2_keep_alive_interval(KEEPALIVE)
                    .keep_alive_timeout(KEEPALIVE);
                let channel = endpoint.connect_lazy();
                channels.insert(address, channel.clone());
                channel
            }
        };
        Ok(AdminClient::new(channel).max_decoding_message_size(REPLY_MAX))
    }
}
