//! How fast one socket takes bytes to another on this machine, from memory and from a file, and what either side pays.

use std::fs::File;
use std::io::{Read, Write};
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
/// What one `sendfile` is asked for: a large fetch.
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

/// From memory.
pub(super) fn copied(server: Core, client: Core, seconds: f64) -> Result<Moved, LoadError> {
    let block = vec![7_u8; BLOCK];
    transfer(server, client, seconds, move |stream| (&*stream).write(&block))
}

/// From the page cache.
pub(super) fn sent_from_file(
    server: Core,
    client: Core,
    directory: &Path,
    seconds: f64,
) -> Result<Moved, LoadError> {
    let path = disk::scratch(directory, FILE_BYTES)?;
    let file = File::open(path.path()).map_err(LoadError::machine("opening a file"))?;
    let mut at = 0;
    transfer(server, client, seconds, move |stream| {
        let sent = rustix::fs::sendfile(stream, &file, Some(&mut at), FILE_BLOCK)?;
        if at >= FILE_BYTES {
            at = 0;
        }
        Ok(sent)
    })
}

fn transfer(
    server: Core,
    client: Core,
    seconds: f64,
    mut send: impl FnMut(&TcpStream) -> std::io::Result<usize> + Send,
) -> Result<Moved, LoadError> {
    let failed = LoadError::machine("moving bytes over loopback");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(&failed)?;
    let peer = TcpStream::connect(listener.local_addr().map_err(&failed)?).map_err(&failed)?;
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
            let (cpu, mut peer, mut block) = (thread_cpu(), peer, vec![0; BLOCK]);
            while peer.read(&mut block).map_err(LoadError::machine("receiving over loopback"))? > 0 {}
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
