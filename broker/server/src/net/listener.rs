//! Accepts connections on one address, within the limits, until told to stop; then waits for the connections to
//! finish what they accepted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, debug_span, warn};

use super::admission::{Admission, Limits, Refusal};
use super::connection::{self, Session};
use super::receive::FrameLimits;
use crate::clock;
use crate::dispatch::Dispatch;

/// How long accepting pauses when the process is out of file descriptors.
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(100);

/// What all listeners share.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) admission: Arc<Mutex<Admission>>,
    pub(crate) limits: FrameLimits,
    /// How many connections the limit of open files allows.
    pub(crate) descriptors: usize,
    /// No new requests; what was accepted is answered.
    pub(crate) stop: CancellationToken,
    /// Nobody waits for answers any more.
    pub(crate) cut: CancellationToken,
    pub(crate) connections: TaskTracker,
}

/// Accepts until `stop`.
pub(crate) async fn accept(listener: TcpListener, name: Arc<str>, door: Door) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = door.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => welcome(stream, peer, &name, &door),
            Err(error) => {
                warn!(%error, listener = %name, "can not accept a connection");
                tokio::time::sleep(PAUSE_WITHOUT_DESCRIPTORS).await;
            }
        }
    }
}

fn welcome(stream: TcpStream, peer: SocketAddr, name: &Arc<str>, door: &Door) {
    let metrics = Arc::clone(door.dispatch.metrics());
    let limits = Limits::of(&door.dispatch.config(), door.descriptors);
    let verdict = lock(&door.admission).arrive(peer.ip(), limits, clock::steady());
    if let Err(refusal) = verdict {
        metrics.connections_refused.with_label_values(&[refusal.as_str()]).inc();
        refuse(peer, refusal);
        return;
    }
    metrics.connections.inc();
    metrics.connections_total.inc();
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "no TCP_NODELAY");
    }
    let session = Session::new(peer, Arc::clone(name));
    let door = door.clone();
    let span = debug_span!("connection", %peer);
    let tracker = door.connections.clone();
    tracker.spawn(
        async move {
            let leave = Leave { door: door.clone(), peer };
            let serving = connection::serve(stream, session, door.dispatch, door.limits, door.stop);
            let _ = door.cut.run_until_cancelled(serving).await;
            drop(leave);
        }
        .instrument(span),
    );
}

fn refuse(peer: SocketAddr, refusal: Refusal) {
    warn!(%peer, limit = refusal.as_str(), "connection refused: raise the setting if the client is welcome");
}

/// Gives the place back also when the connection's task panics.
struct Leave {
    door: Door,
    peer: SocketAddr,
}

impl Drop for Leave {
    fn drop(&mut self) {
        lock(&self.door.admission).left(self.peer.ip());
        self.door.dispatch.metrics().connections.dec();
    }
}

fn lock(admission: &Mutex<Admission>) -> std::sync::MutexGuard<'_, Admission> {
    admission.lock().unwrap_or_else(PoisonError::into_inner)
}
