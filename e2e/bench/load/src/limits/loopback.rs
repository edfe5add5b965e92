//! How fast one socket takes bytes to another on this machine, from memory and from a file, and what either side pays.

use std::fs::File;
use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Instant;

use serde::Serialize;

use super::pinned::{Core, bind, join};
use super::{disk, gb};
use crate::cost::thread_cpu;
use crate::error::LoadError;

/// What is written or read at once.
const BLOCK: usize = 256 << 10;
/// What is asked for at once: a large fetch.
const FILE_BLOCK: usize = 1 << 20;
/// The file that is sent again and again; it fits any page cache.
const FILE_BYTES: u64 = 256 << 20;

/// What went through, and what a side paid.
#[derive(Debug, Serialize)]
pub(crate) struct Moved {
    gb_s: f64,
    sender_cpu_s_per_gb: f64,
    receiver_cpu_s_per_gb: f64,
}

/// From memory, one after the other, as batches come to a leader.
pub(super) fn copied(server: Core, client: Core, seconds: f64) -> Result<Moved, LoadError> {
    let block = vec![7_u8; BLOCK];
    let mut room = vec![0; BLOCK];
    transfer(
        server,
        client,
        seconds,
        move |mut stream| stream.write(&block),
        move |mut stream| stream.read(&mut room).map(|read| read > 0),
    )
}

/// From the page cache, each piece when it was asked for, as a consumer fetches.
pub(super) fn sent_from_file(
    server: Core,
    client: Core,
    directory: &Path,
    seconds: f64,
) -> Result<Moved, LoadError> {
    let path = disk::scratch(directory, FILE_BYTES)?;
    let file = File::open(path.path()).map_err(LoadError::machine("opening a file"))?;
    let mut at = 0;
    let answer = move |mut stream: &TcpStream| {
        stream.read_exact(&mut [0])?;
        let mut left = FILE_BLOCK;
        while left > 0 {
            match rustix::fs::sendfile(stream, &file, Some(&mut at), left)? {
                0 => return Err(UnexpectedEof.into()),
                sent => left -= sent,
            }
        }
        at %= FILE_BYTES;
        Ok(FILE_BLOCK)
    };
    let mut room = vec![0; FILE_BLOCK];
    let ask = move |mut stream: &TcpStream| {
        let asked = stream.write_all(&[0]).and_then(|()| stream.read_exact(&mut room));
        match asked.map_err(|error| error.kind()) {
            Ok(()) => Ok(true),
            // That was all: the other side has gone, perhaps with our question unread.
            Err(UnexpectedEof | ConnectionReset | BrokenPipe) => Ok(false),
            Err(kind) => Err(kind.into()),
        }
    };
    transfer(server, client, seconds, answer, ask)
}

/// Sends for so long; `receive` is called until it says that there is no more.
fn transfer(
    server: Core,
    client: Core,
    seconds: f64,
    mut send: impl FnMut(&TcpStream) -> io::Result<usize> + Send,
    mut receive: impl FnMut(&TcpStream) -> io::Result<bool> + Send,
) -> Result<Moved, LoadError> {
    let failed = LoadError::machine("moving bytes over loopback");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(&failed)?;
    let peer = TcpStream::connect(listener.local_addr().map_err(&failed)?).map_err(&failed)?;
    peer.set_nodelay(true).map_err(&failed)?;
    let (stream, _) = listener.accept().map_err(&failed)?;
    let began = Instant::now();
    let (sent, received) = thread::scope(|scope| {
        let sending = scope.spawn(move || {
            bind(server)?;
            let (cpu, mut bytes) = (thread_cpu(), 0_u64);
            while bytes == 0 || began.elapsed().as_secs_f64() < seconds {
                bytes += send(&stream).map_err(LoadError::machine("sending over loopback"))? as u64;
            }
            Ok((bytes, thread_cpu() - cpu))
        });
        let receiving = scope.spawn(move || {
            bind(client)?;
            let cpu = thread_cpu();
            while receive(&peer).map_err(LoadError::machine("receiving over loopback"))? {}
            Ok(thread_cpu() - cpu)
        });
        Ok::<_, LoadError>((join(sending)?, join(receiving)?))
    })?;
    Ok(Moved {
        gb_s: gb(sent.0) / began.elapsed().as_secs_f64(),
        sender_cpu_s_per_gb: sent.1.as_secs_f64() / gb(sent.0),
        receiver_cpu_s_per_gb: received.as_secs_f64() / gb(sent.0),
    })
}
