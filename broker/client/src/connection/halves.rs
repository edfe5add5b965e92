//! The two tasks of a connection. The writer sends requests in the order in which they are given to it and tells the
//! reader what to expect; the reader takes answers in that same order. Either ends when the socket or its peer does.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use weir_wire::frame::{self, SIZE_PREFIX};

use crate::address::Address;
use crate::error::ClientError;

/// A request on its way out.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) correlation_id: i32,
    pub(super) frame: Bytes,
    pub(super) reply: oneshot::Sender<Result<Bytes, ClientError>>,
}

/// A request that was sent.
#[derive(Debug)]
pub(super) struct Awaited {
    correlation_id: i32,
    reply: oneshot::Sender<Result<Bytes, ClientError>>,
}

/// Memory for an answer grows with what arrives, from this on.
const FIRST_READ: usize = 64 << 10;

pub(super) async fn write_requests(
    address: Address,
    mut socket: OwnedWriteHalf,
    mut calls: mpsc::Receiver<Call>,
    awaiting: mpsc::Sender<Awaited>,
) {
    while let Some(call) = calls.recv().await {
        if let Err(error) = socket.write_all(&call.frame).await {
            let reason = error.to_string();
            let _ = call.reply.send(Err(ClientError::Closed { address, reason }));
            return;
        }
        let awaited = Awaited { correlation_id: call.correlation_id, reply: call.reply };
        if awaiting.send(awaited).await.is_err() {
            return;
        }
    }
}

pub(super) async fn read_answers(
    address: Address,
    mut socket: OwnedReadHalf,
    mut awaiting: mpsc::Receiver<Awaited>,
    limit: usize,
) {
    while let Some(awaited) = awaiting.recv().await {
        let answer = read_answer(&address, &mut socket, awaited.correlation_id, limit).await;
        let ended = answer.is_err();
        // Whoever asked may have given up; the answer had to be read all the same.
        let _ = awaited.reply.send(answer);
        if ended {
            return;
        }
    }
}

async fn read_answer(
    address: &Address,
    socket: &mut OwnedReadHalf,
    correlation_id: i32,
    limit: usize,
) -> Result<Bytes, ClientError> {
    let closed = |error: std::io::Error| ClientError::Closed {
        address: address.clone(),
        reason: match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "it ended before the answer came".into(),
            _ => error.to_string(),
        },
    };
    let not_kafka = |reason: String| ClientError::NotKafka { address: address.clone(), reason };
    let mut prefix = [0; SIZE_PREFIX];
    socket.read_exact(&mut prefix).await.map_err(closed)?;
    let size = frame::response_size(prefix, limit).map_err(|error| not_kafka(error.to_string()))?;
    let frame = read_exactly(socket, size).await.map_err(closed)?;
    let found = frame::peek_correlation_id(&frame).map_err(|error| not_kafka(error.to_string()))?;
    if found != correlation_id {
        return Err(not_kafka(format!("answer {found} came where {correlation_id} was due")));
    }
    Ok(frame)
}

async fn read_exactly(socket: &mut OwnedReadHalf, size: usize) -> std::io::Result<Bytes> {
    let mut frame = BytesMut::with_capacity(size.min(FIRST_READ));
    let mut rest = socket.take(size as u64);
    while frame.len() < size {
        if rest.read_buf(&mut frame).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(frame.freeze())
}
