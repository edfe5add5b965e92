//! Accepts connections from other brokers, and from administrators. Whoever does not open with HTTP/2 is a stranger:
//! refused before anything is parsed, counted and logged. Bounds how many connections there are.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Connected, TcpConnectInfo};
use tracing::{debug, info, warn};

use super::identity::Stranger;
use crate::metrics::Metrics;

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of the headers of one call.
pub(crate) const HEADERS_MAX: u32 = 16 << 10;
/// Calls that a connection may take back before they are looked at; with more it is closed.
pub(crate) const TAKEN_BACK_MAX: usize = 20;
/// How long a connection may take to say it.
const GREETING_MAX: Duration = Duration::from_secs(3);
/// How long accepting pauses when the process is out of file descriptors.
const PAUSE_WITHOUT_DESCRIPTORS: Duration = Duration::from_millis(100);
/// How often a greeting that trickles in is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A connection that was let in, and its place.
#[derive(Debug)]
pub(crate) struct Guest {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

/// Accepts on every socket until `stop`; gives those who were let in.
pub(crate) fn guests(
    sockets: Vec<TcpListener>,
    places: usize,
    metrics: Arc<Metrics>,
    stop: &CancellationToken,
) -> impl stream::Stream<Item = io::Result<Guest>> + Send + 'static {
    let (let_in, guests) = mpsc::channel(16);
    let places = Arc::new(Semaphore::new(places));
    for socket in sockets {
        let door = Door {
            places: Arc::clone(&places),
            metrics: Arc::clone(&metrics),
            let_in: let_in.clone(),
            stop: stop.clone(),
        };
        tokio::spawn(door.accept(socket));
    }
    stream::unfold(guests, |mut guests| async move { Some((Ok(guests.recv().await?), guests)) })
}

#[derive(Clone)]
struct Door {
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    let_in: mpsc::Sender<Guest>,
    stop: CancellationToken,
}

impl Door {
    async fn accept(self, socket: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => match Arc::clone(&self.places).try_acquire_owned() {
                    Ok(place) => {
                        tokio::spawn(self.clone().greet(stream, peer, place));
                    }
                    Err(_) => {
                        self.metrics.peers_refused.with_label_values(&["too_many"]).inc();
                        info!(%peer, "too many connections on this listener: closed");
                    }
                },
                Err(error) => {
                    warn!(%error, "can not accept a broker's connection");
                    sleep(PAUSE_WITHOUT_DESCRIPTORS).await;
                }
            }
        }
    }

    async fn greet(self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        let greeted = tokio::select! {
            greeted = greeting(&stream) => greeted,
            () = self.stop.cancelled() => return,
        };
        match greeted {
            Ok(Ok(())) => {
                let _ = stream.set_nodelay(true);
                let _ = self.let_in.send(Guest { stream, _place: place }).await;
            }
            Ok(Err(stranger)) => {
                self.metrics.peers_refused.with_label_values(&[stranger.as_str()]).inc();
                info!(%peer, why = %stranger, "a stranger was refused");
            }
            // Looks whether this broker lives end here.
            Err(error) => debug!(%peer, %error, "a connection ended before it said anything"),
        }
    }
}

/// Looks at the first bytes without taking them.
async fn greeting(stream: &TcpStream) -> io::Result<Result<(), Stranger>> {
    let deadline = Instant::now() + GREETING_MAX;
    let mut seen = [0; PREFACE.len()];
    loop {
        let Ok(peeked) = timeout_at(deadline, stream.peek(&mut seen)).await else {
            return Ok(Err(Stranger::Silent));
        };
        match judge(&seen[..peeked?]) {
            Greeting::Whole => return Ok(Ok(())),
            Greeting::Wrong => return Ok(Err(Stranger::NotHttp2)),
            Greeting::Nothing => return Err(io::ErrorKind::UnexpectedEof.into()),
            Greeting::Begun => {}
        }
        if Instant::now() >= deadline {
            return Ok(Err(Stranger::Silent));
        }
        // What is there already would be seen again at once.
        sleep(LOOK_AGAIN).await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Greeting {
    Nothing,
    Begun,
    Whole,
    Wrong,
}

fn judge(seen: &[u8]) -> Greeting {
    match seen {
        [] => Greeting::Nothing,
        seen if seen == PREFACE => Greeting::Whole,
        seen if PREFACE.starts_with(seen) => Greeting::Begun,
        _ => Greeting::Wrong,
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Connected for Guest {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_opening_of_http2_is_let_in() {
        assert_eq!(judge(PREFACE), Greeting::Whole);
        assert_eq!(judge(&PREFACE[..5]), Greeting::Begun);
        assert_eq!(judge(b""), Greeting::Nothing);
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\0", b"PRX", &[0xff; 24]] {
            assert_eq!(judge(stranger), Greeting::Wrong, "{stranger:?}");
        }
    }
}
