//! One client connection: frames in, answers out in the order of their requests. A request is handed to dispatch
//! before the next one is read; a produce gives back a promise, so that the next produce is appended while the
//! first is being made durable. One task per connection, and it ends when either direction does.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::line::Line;
use super::outgoing::{Piece, write_all};
use super::patience::Patience;
use super::receive::{FrameLimits, FrameReader, ReceiveError, Shares};
use crate::dispatch::Dispatch;
use crate::metrics::BadInput;

/// Requests of one connection that may be unanswered at once; further ones wait in the socket.
const IN_FLIGHT_MAX: usize = 16;
/// Ready answers up to this many bytes are written together.
const COALESCE_MAX: usize = 64 * 1024;

/// What a request leads to.
pub(crate) enum Verdict {
    /// The answer is here.
    Answer(Vec<Piece>),
    /// The request was accepted in its order; the answer comes when what it depends on has happened. `None` closes the
    /// connection: the only way to tell a client that wants no answers that something went wrong.
    Later(BoxFuture<'static, Option<Vec<Piece>>>),
    /// There is no answer to such input: the connection closes.
    Close(BadInput, String),
}

/// What handlers may know about the connection a request came by.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: SocketAddr,
    /// The listener's name; it decides which advertised addresses the client is told.
    pub(crate) listener: Arc<str>,
    /// For requests that wait.
    pub(crate) patience: Patience,
}

impl Session {
    pub(crate) fn new(peer: SocketAddr, listener: Arc<str>) -> Self {
        Self { peer, listener, patience: Patience::default() }
    }
}

/// Serves one connection until it ends or `stop`.
pub(crate) async fn serve(
    mut stream: TcpStream,
    session: Session,
    dispatch: Arc<Dispatch>,
    limits: FrameLimits,
    stop: CancellationToken,
) {
    let peer = session.peer;
    let (read, write) = stream.split();
    let line = Line::new(IN_FLIGHT_MAX);
    let patience = limits.idle_max;
    let reading = async {
        let ended = receive(FrameReader::new(read, limits), session, &dispatch, &line, stop).await;
        line.end();
        ended
    };
    let writing = send(write.as_ref(), &line, patience);
    tokio::pin!(reading, writing);
    tokio::select! {
        // In this order: see `Line`.
        biased;
        ended = &mut reading => {
            match ended {
                Ok(()) => debug!(%peer, "connection closed"),
                Err(Ended::Bad(kind, why)) => {
                    dispatch.metrics().bad_input.with_label_values(&[kind.as_str()]).inc();
                    info!(%peer, kind = kind.as_str(), why, "connection closed for bad input");
                }
                Err(Ended::Receive(error)) => debug!(%peer, %error, "connection ended"),
            }
            // What was accepted is answered, also when what came after was nonsense.
            if let Err(error) = writing.await {
                debug!(%peer, %error, "answers were lost");
            }
        }
        ended = &mut writing => {
            if let Err(error) = ended {
                debug!(%peer, %error, "connection ended while answering");
            }
        }
    }
}

enum Ended {
    Bad(BadInput, String),
    Receive(ReceiveError),
}

impl From<ReceiveError> for Ended {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Length(..) | ReceiveError::Slow(_) => Self::Bad(BadInput::Frame, error.to_string()),
            ReceiveError::Truncated | ReceiveError::Idle(_) | ReceiveError::Io(_) => Self::Receive(error),
        }
    }
}

/// An answer on its way, with what it holds of the byte budget.
struct Promise {
    pieces: BoxFuture<'static, Option<Vec<Piece>>>,
    _shares: Option<Shares>,
}

async fn receive<R: tokio::io::AsyncRead + Unpin>(
    mut frames: FrameReader<R>,
    mut session: Session,
    dispatch: &Dispatch,
    line: &Line<Promise>,
    stop: CancellationToken,
) -> Result<(), Ended> {
    loop {
        // Room in the line comes first: a full line stops reading, not handling.
        line.room().await;
        let next = tokio::select! {
            next = frames.next() => next?,
            () = stop.cancelled() => return Ok(()),
        };
        let Some((frame, shares)) = next else { return Ok(()) };
        match Box::pin(dispatch.handle(&mut session, frame)).await {
            Verdict::Answer(pieces) => {
                line.join(Promise { pieces: std::future::ready(Some(pieces)).boxed(), _shares: None });
            }
            Verdict::Later(pieces) => line.join(Promise { pieces, _shares: Some(shares) }),
            Verdict::Close(kind, why) => return Err(Ended::Bad(kind, why)),
        }
    }
}

/// `patience` bounds how long a peer may take nothing of what it asked for.
async fn send(stream: &TcpStream, line: &Line<Promise>, patience: Duration) -> io::Result<()> {
    while let Some(mut first) = line.first().await {
        let Some(mut pieces) = first.pieces.as_mut().await else { return Ok(()) };
        drop(first);
        let mut size: usize = pieces.iter().map(Piece::len).sum();
        while size < COALESCE_MAX {
            let Some(mut next) = line.try_first() else { break };
            match next.pieces.as_mut().now_or_never() {
                Some(None) => {
                    write_all(stream, pieces, patience).await?;
                    return Ok(());
                }
                Some(Some(more)) => {
                    size += more.iter().map(Piece::len).sum::<usize>();
                    pieces.extend(more);
                }
                None => {
                    line.put_back(next);
                    break;
                }
            }
        }
        write_all(stream, pieces, patience).await?;
    }
    Ok(())
}

/// An answer made in memory.
pub(crate) fn memory(bytes: Bytes) -> Vec<Piece> {
    vec![Piece::Memory(bytes)]
}
