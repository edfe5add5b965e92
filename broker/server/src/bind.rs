//! Binds the addresses of the settings, and decides what clients are told to connect to.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::net::{TcpListener, lookup_host};
use weir_model::config::{BrokerConfig, Endpoint, Listener};

/// One named listener: its sockets, and the address clients are told.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) name: Arc<str>,
    pub(crate) advertised: Endpoint,
    sockets: Vec<std::net::TcpListener>,
}

impl Bound {
    /// The sockets, to accept on.
    pub(crate) fn sockets(&self) -> std::io::Result<Vec<TcpListener>> {
        self.sockets.iter().map(|socket| TcpListener::from_std(socket.try_clone()?)).collect()
    }
}

/// Binds every listener for clients.
pub(crate) async fn kafka(config: &BrokerConfig) -> anyhow::Result<Vec<Bound>> {
    let mut all = Vec::with_capacity(config.listeners.len());
    for listener in &config.listeners {
        let sockets =
            bind(&listener.endpoint).await.with_context(|| format!("listener {}", listener.name))?;
        let port =
            sockets.first().map_or(Ok(listener.endpoint.port), |s| s.local_addr().map(|a| a.port()))?;
        let told = config.advertised_listeners.iter().find(|told| told.name == listener.name);
        let advertised = advertise(told.unwrap_or(listener), listener, port, &host_name());
        all.push(Bound { name: Arc::from(listener.name.as_str()), advertised, sockets });
    }
    Ok(all)
}

/// Binds the HTTP side door, if there is one.
pub(crate) async fn http(config: &BrokerConfig) -> anyhow::Result<Option<TcpListener>> {
    let Some(endpoint) = &config.http_listener else { return Ok(None) };
    let sockets = bind(endpoint).await.context("weir.http.listener")?;
    Ok(sockets.into_iter().next().map(TcpListener::from_std).transpose()?)
}

/// The sockets of an address for others than clients, and where those reach it.
pub(crate) type Side = (Vec<TcpListener>, Endpoint);

/// Binds the listener for other brokers, if there is one, and says where they reach it.
pub(crate) async fn peers(config: &BrokerConfig) -> anyhow::Result<Option<Side>> {
    let Some(endpoint) = &config.cluster.peer_listener else { return Ok(None) };
    let told = config.cluster.peer_advertised.as_ref().unwrap_or(endpoint);
    side(endpoint, told).await.context("weir.peer.listener").map(Some)
}

/// Binds the listener of the admin service, if there is one. It is reached where the broker is.
pub(crate) async fn admin(config: &BrokerConfig, peer: Option<&Endpoint>) -> anyhow::Result<Option<Side>> {
    let Some(endpoint) = &config.cluster.admin_listener else { return Ok(None) };
    let host = peer.map_or(&endpoint.host, |peer| &peer.host).clone();
    let told = Endpoint { host, port: endpoint.port };
    side(endpoint, &told).await.context("weir.admin.listener").map(Some)
}

async fn side(endpoint: &Endpoint, told: &Endpoint) -> anyhow::Result<Side> {
    let sockets = bind(endpoint).await?;
    let port = sockets.first().map_or(Ok(endpoint.port), |s| s.local_addr().map(|a| a.port()))?;
    let own = |endpoint: &Endpoint| Listener { name: "SIDE".to_owned(), endpoint: endpoint.clone() };
    let advertised = advertise(&own(told), &own(endpoint), port, &host_name());
    let sockets = sockets.into_iter().map(TcpListener::from_std).collect::<std::io::Result<_>>()?;
    Ok((sockets, advertised))
}

/// Binds every address the host has: `localhost` is often two.
async fn bind(endpoint: &Endpoint) -> anyhow::Result<Vec<std::net::TcpListener>> {
    let host = if endpoint.host.is_empty() { "0.0.0.0" } else { endpoint.host.as_str() };
    let addresses: BTreeSet<SocketAddr> = lookup_host((host, endpoint.port))
        .await
        .with_context(|| format!("the address of {endpoint} is not known"))?
        .collect();
    let mut sockets = Vec::new();
    let mut port = endpoint.port;
    for mut address in addresses {
        address.set_port(port);
        match TcpListener::bind(address).await {
            Ok(socket) => {
                port = socket.local_addr()?.port();
                sockets.push(socket.into_std()?);
            }
            // A machine without IPv6 has the name but not the address.
            Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {}
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                bail!("{address} is in use: stop what listens there, or choose another port")
            }
            Err(error) => return Err(error).with_context(|| format!("can not listen on {address}")),
        }
    }
    if sockets.is_empty() {
        bail!("none of the addresses of {endpoint} can be listened on");
    }
    Ok(sockets)
}

/// An address that stands for every interface means nothing to a client: it is told the host's name. Port 0 becomes the
/// port the system chose.
fn advertise(told: &Listener, listener: &Listener, bound_port: u16, host_name: &str) -> Endpoint {
    let any = matches!(told.endpoint.host.as_str(), "" | "0.0.0.0" | "::");
    let host = if any { host_name.to_owned() } else { told.endpoint.host.clone() };
    let chosen = told.endpoint.port == 0 || told.endpoint == listener.endpoint;
    Endpoint { host, port: if chosen { bound_port } else { told.endpoint.port } }
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(text: &str) -> Listener {
        Listener::parse(text).unwrap()
    }

    #[test]
    fn clients_are_told_an_address_they_can_use() {
        let cases = [
            ("A://:9092", "A://:9092", 9092, "box:9092"),
            ("A://0.0.0.0:0", "A://0.0.0.0:0", 4711, "box:4711"),
            ("A://:9092", "A://kafka.example:443", 9092, "kafka.example:443"),
            ("A://:0", "A://kafka.example:0", 4711, "kafka.example:4711"),
            ("A://localhost:9092", "A://localhost:9092", 9092, "localhost:9092"),
        ];
        for (bound, told, port, expected) in cases {
            let endpoint = advertise(&listener(told), &listener(bound), port, "box");
            assert_eq!(endpoint.to_string(), expected, "{bound} {told}");
        }
    }
}
