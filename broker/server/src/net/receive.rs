//! Cuts a byte stream into frames: a four-byte length, then the body. Decides when a length is not credible and
//! when a frame took too long. Holds no buffer while a connection is idle, and never allocates by a claimed
//! length faster than bytes arrive.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use super::budget::{ByteBudget, SMALL_FRAME, Share};

/// The smallest frame that can hold a request header: key, version, correlation id.
const SMALLEST_FRAME: usize = 8;
/// What one read asks the socket for while no frame is known.
const READ_CHUNK: usize = 8 * 1024;
/// How much more than it already sent a client may make us reserve.
const GROWTH_MAX: usize = 1024 * 1024;
/// A frame's share of the budget is at most this many times what has come of it.
const SHARE_RATIO: usize = 5;
/// How long a frame that began may lag behind the slowest rate. What counts is what has come, never what was claimed.
const FRAME_GRACE: Duration = Duration::from_secs(30);
/// The slowest rate at which a started frame may arrive, in bytes a second.
const SLOWEST_RATE: u64 = 16 * 1024;

/// Why reading a connection ended.
#[derive(Debug, Error)]
pub(crate) enum ReceiveError {
    #[error("frame length {0} is outside 8..={1}")]
    Length(i32, usize),
    #[error("the connection closed inside a frame")]
    Truncated,
    #[error("no request for {0:?}")]
    Idle(Duration),
    #[error("a frame did not arrive within {0:?}")]
    Slow(Duration),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What bounds a connection's frames.
#[derive(Clone, Debug)]
pub(crate) struct FrameLimits {
    /// `socket.request.max.bytes`.
    pub(crate) frame_max: usize,
    /// `connections.max.idle.ms`.
    pub(crate) idle_max: Duration,
    /// Of all connections.
    pub(crate) budget: ByteBudget,
    /// `weir.connection.request.max.bytes`: so that one connection can not take the whole budget.
    pub(crate) connection_max: usize,
}

/// Reads frames off one connection.
#[derive(Debug)]
pub(crate) struct FrameReader<R> {
    stream: R,
    buffer: BytesMut,
    limits: FrameLimits,
    own_budget: ByteBudget,
}

/// What a frame holds of the connection's budget and of everybody's.
#[derive(Debug)]
pub(crate) struct Shares {
    _own: Share,
    common: Share,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(stream: R, limits: FrameLimits) -> Self {
        let own_budget = ByteBudget::new(limits.connection_max);
        Self { stream, buffer: BytesMut::new(), limits, own_budget }
    }

    /// The next frame's body with its share of the byte budget; `None` when the peer closed between frames.
    pub(crate) async fn next(&mut self) -> Result<Option<(Bytes, Shares)>, ReceiveError> {
        let idle = self.limits.idle_max;
        while self.buffer.len() < 4 {
            let read = match timeout(idle, self.first_bytes()).await {
                Err(_) => return Err(ReceiveError::Idle(idle)),
                Ok(read) => read?,
            };
            if read == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(ReceiveError::Truncated) };
            }
        }
        let length = self.length()?;
        // Its own first: who waits for what it already holds itself keeps nothing from the others.
        let mut shares = Shares { _own: self.own_budget.take(length).await, common: Share::default() };
        self.fill_to(4 + length, &mut shares.common).await?;
        let mut frame = self.buffer.split_to(4 + length);
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        let body = frame.split_off(4).freeze();
        Ok(Some((body, shares)))
    }

    fn length(&self) -> Result<usize, ReceiveError> {
        let claimed = i32::from_be_bytes([self.buffer[0], self.buffer[1], self.buffer[2], self.buffer[3]]);
        usize::try_from(claimed)
            .ok()
            .filter(|length| (SMALLEST_FRAME..=self.limits.frame_max).contains(length))
            .ok_or(ReceiveError::Length(claimed, self.limits.frame_max))
    }

    async fn fill_to(&mut self, wanted: usize, share: &mut Share) -> Result<(), ReceiveError> {
        let mut began = Instant::now();
        while self.buffer.len() < wanted {
            let have = self.buffer.len();
            let missing = wanted - have;
            let step = missing.min(next_step(have));
            let asked = Instant::now();
            // Not by its claim: who announces much and sends little must take nothing from the others.
            self.limits.budget.grow(share, have + step - 4).await;
            // Waiting for others is not the client's slowness.
            began += asked.elapsed();
            let patience = FRAME_GRACE + Duration::from_secs(have as u64 / SLOWEST_RATE);
            self.buffer.reserve(missing.min(GROWTH_MAX.max(have)));
            let read = timeout_at(began + patience, self.fill(step)).await;
            if read.map_err(|_| ReceiveError::Slow(patience))?? == 0 {
                return Err(ReceiveError::Truncated);
            }
        }
        Ok(())
    }

    /// One read of at most `room` bytes of a frame known to come. Never more: a large frame then has its memory to
    /// itself, and its batches can be patched in place.
    async fn fill(&mut self, room: usize) -> Result<usize, ReceiveError> {
        Ok(self.stream.read_buf(&mut (&mut self.buffer).limit(room)).await?)
    }

    /// One read while no frame is known: the bytes land on the stack, so that a thousand idle connections hold no
    /// buffers.
    async fn first_bytes(&mut self) -> Result<usize, ReceiveError> {
        let Self { stream, buffer, .. } = self;
        let read = poll_fn(|context| {
            let mut chunk = [MaybeUninit::uninit(); READ_CHUNK];
            let mut chunk = ReadBuf::uninit(&mut chunk);
            match Pin::new(&mut *stream).poll_read(context, &mut chunk) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {
                    buffer.extend_from_slice(chunk.filled());
                    Poll::Ready(Ok(chunk.filled().len()))
                }
            }
        });
        Ok(read.await?)
    }
}

/// How much of a frame to wait for next when so much of it is there: what needs no share at first, then ever more.
fn next_step(have: usize) -> usize {
    if have < SMALL_FRAME / 2 { SMALL_FRAME - have } else { GROWTH_MAX.min(have * (SHARE_RATIO - 1)) }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    fn limits() -> FrameLimits {
        FrameLimits {
            frame_max: 1000,
            idle_max: Duration::from_secs(600),
            budget: ByteBudget::new(1 << 20),
            connection_max: 1 << 20,
        }
    }

    async fn read_all(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<ReceiveError>) {
        let mut reader = FrameReader::new(bytes, limits());
        let mut frames = Vec::new();
        loop {
            match reader.next().await {
                Ok(Some((frame, _))) => frames.push(frame.to_vec()),
                Ok(None) => return (frames, None),
                Err(error) => return (frames, Some(error)),
            }
        }
    }

    fn frame(body: &[u8]) -> Vec<u8> {
        [&(body.len() as i32).to_be_bytes(), body].concat()
    }

    #[tokio::test]
    async fn several_frames_in_one_read_come_out_one_by_one() {
        let (frames, error) = read_all(&[frame(b"12345678"), frame(b"abcdefghi")].concat()).await;
        assert_eq!(frames, [b"12345678".to_vec(), b"abcdefghi".to_vec()]);
        assert!(error.is_none());
    }

    #[tokio::test]
    async fn incredible_lengths_end_the_connection() {
        for length in [-1i32, 0, 7, 1001, i32::MAX, i32::MIN] {
            let (_, error) = read_all(&[&length.to_be_bytes()[..], &[0; 64]].concat()).await;
            assert!(
                matches!(error, Some(ReceiveError::Length(l, 1000)) if l == length),
                "{length}: {error:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_stream_that_ends_inside_a_frame_is_told_from_one_that_ends_between() {
        let (_, error) = read_all(&frame(b"12345678")[..9]).await;
        assert!(matches!(error, Some(ReceiveError::Truncated)));
        let (_, error) = read_all(&[0, 0]).await;
        assert!(matches!(error, Some(ReceiveError::Truncated)));
        let (frames, error) = read_all(b"").await;
        assert!(frames.is_empty() && error.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_claim_takes_from_others_what_it_sent_and_is_given_up_when_it_stops() {
        let budget = ByteBudget::new(1 << 20);
        let claims = FrameLimits {
            frame_max: 100 << 20,
            budget: budget.clone(),
            connection_max: 100 << 20,
            ..limits()
        };
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let mut reader = FrameReader::new(server, claims);
        let mut next = Box::pin(reader.next());
        client.write_all(&(100i32 << 20).to_be_bytes()).await.unwrap();
        client.write_all(&[0; 32 * 1024]).await.unwrap();
        assert!(futures_util::poll!(&mut next).is_pending());
        assert!(budget.free() >= (1 << 20) - SHARE_RATIO * 33 * 1024, "{}", budget.free());
        let stopped = Instant::now();
        assert!(matches!(next.await, Err(ReceiveError::Slow(_))));
        assert!(stopped.elapsed() < 2 * FRAME_GRACE, "{:?}", stopped.elapsed());
        assert_eq!(budget.free(), 1 << 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_drips_is_given_up_and_a_silent_peer_too() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut reader = FrameReader::new(server, limits());
        client.write_all(&[0, 0, 0, 100, 1]).await.unwrap();
        assert!(matches!(reader.next().await, Err(ReceiveError::Slow(_))));
        let (_client, server) = tokio::io::duplex(64);
        assert!(matches!(FrameReader::new(server, limits()).next().await, Err(ReceiveError::Idle(_))));
    }
}
