//! Writes answers: bytes made in memory and ranges of log files, in order. Large ranges go from the page cache to the
//! socket by `sendfile`, in one packet with what goes before them; small ones are copied, and go in one write with all that
//! is ready.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;
use weir_log::{Disk, RealDisk, RealFile, Slice, read_exact};

/// A range of a file, to be sent without passing through our memory. The handle keeps the bytes alive even when
/// retention unlinks the file.
#[derive(Clone, Debug)]
pub(crate) struct FileSpan {
    pub(crate) file: Arc<RealFile>,
    pub(crate) position: u64,
    pub(crate) len: usize,
}

/// A disk whose files can be sent.
pub(crate) trait ServedDisk: Disk {
    /// The range to send.
    fn span(slice: Slice<Self::File>) -> FileSpan;
}

impl ServedDisk for RealDisk {
    fn span(Slice { file, position, len, .. }: Slice<RealFile>) -> FileSpan {
        FileSpan { file, position, len }
    }
}

/// One piece of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Memory(Bytes),
    File(FileSpan),
}

impl Piece {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::File(span) => span.len,
        }
    }
}

/// Writes all pieces in order; returns how many bytes went out. A peer that takes nothing for as long as `patience`
/// is given up: what waits for it holds memory and files.
pub(crate) async fn write_all(
    stream: &TcpStream,
    pieces: Vec<Piece>,
    patience: Duration,
) -> io::Result<usize> {
    let total = pieces.iter().map(Piece::len).sum();
    let mut memory: Vec<Bytes> = Vec::with_capacity(pieces.len());
    let mut copied = 0;
    for piece in pieces {
        match piece {
            Piece::Memory(bytes) => memory.push(bytes),
            Piece::File(span) if span.len <= COPIED_MAX => {
                if copied + span.len > COPIES_MAX {
                    write_memory(stream, &mut memory, More::Follows, patience).await?;
                    copied = 0;
                }
                copied += span.len;
                memory.push(copy(&span)?);
            }
            Piece::File(span) => {
                write_memory(stream, &mut memory, More::Follows, patience).await?;
                copied = 0;
                send_file(stream, span, patience).await?;
            }
        }
    }
    write_memory(stream, &mut memory, More::Nothing, patience).await?;
    Ok(total)
}

/// Below this a copy is cheaper than `sendfile`, which is a call and a packet of its own.
const COPIED_MAX: usize = 8 * 1024;
/// So much is copied at most before it is written: many small ranges take no more memory than a few.
const COPIES_MAX: usize = 128 * 1024;

fn copy(span: &FileSpan) -> io::Result<Bytes> {
    let mut bytes = vec![0; span.len];
    read_exact(&*span.file, &mut bytes, span.position)?;
    Ok(bytes.into())
}

/// The most slices one `writev` takes.
const SLICES_MAX: usize = 64;

/// What comes after some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum More {
    /// More of the same answer, at once: the kernel may wait for it to fill the packet.
    Follows,
    Nothing,
}

async fn write_memory(
    stream: &TcpStream,
    pieces: &mut Vec<Bytes>,
    more: More,
    patience: Duration,
) -> io::Result<()> {
    let flags = SendFlags::NOSIGNAL.union(match more {
        More::Follows => SendFlags::MORE,
        More::Nothing => SendFlags::empty(),
    });
    let mut first = 0;
    while first < pieces.len() {
        if pieces[first].is_empty() {
            first += 1;
            continue;
        }
        let slices: Vec<IoSlice<'_>> =
            pieces[first..].iter().take(SLICES_MAX).map(|piece| IoSlice::new(piece)).collect();
        let sent = stream.try_io(Interest::WRITABLE, || {
            let mut nothing = SendAncillaryBuffer::default();
            rustix::net::sendmsg(stream, &slices, &mut nothing, flags).map_err(io::Error::from)
        });
        let mut written = match sent {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                room(stream, patience).await?;
                continue;
            }
            Err(error) => return Err(error),
        };
        while written > 0 {
            let step = written.min(pieces[first].len());
            pieces[first].advance(step);
            written -= step;
            if pieces[first].is_empty() {
                first += 1;
            }
        }
    }
    pieces.clear();
    Ok(())
}

async fn send_file(stream: &TcpStream, span: FileSpan, patience: Duration) -> io::Result<()> {
    let mut position = span.position;
    let mut left = span.len;
    while left > 0 {
        let sent = stream.try_io(Interest::WRITABLE, || {
            rustix::fs::sendfile(stream, span.file.file(), Some(&mut position), left).map_err(io::Error::from)
        });
        match sent {
            // The file is shorter than the log said: the client must not take what follows for records.
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(sent) => left -= sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => room(stream, patience).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits until the peer takes more.
async fn room(stream: &TcpStream, patience: Duration) -> io::Result<()> {
    timeout(patience, stream.writable()).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn open(dir: &Path) -> Arc<RealFile> {
        Arc::new(RealDisk.open(&dir.join("f")).unwrap())
    }

    #[tokio::test]
    async fn memory_and_file_ranges_arrive_in_order_whatever_their_size() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(dir.path().join("f"), &content).unwrap();
        let span = FileSpan { file: open(dir.path()), position: 100, len: 2_500_000 };
        let many = (0..200u8).map(|i| Piece::Memory(Bytes::from(vec![i; 3])));
        let pieces: Vec<_> =
            many.chain([Piece::File(span), Piece::Memory(Bytes::from_static(b"end"))]).collect();
        let mut expected: Vec<u8> = (0..200u8).flat_map(|i| [i; 3]).collect();
        expected.extend_from_slice(&content[100..2_500_100]);
        expected.extend_from_slice(b"end");
        let writer = tokio::spawn(async move { write_all(&server, pieces, PATIENCE).await.unwrap() });
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        assert_eq!(writer.await.unwrap(), expected.len());
        assert!(got == expected);
    }

    #[tokio::test]
    async fn small_ranges_are_copied_a_few_at_a_time_and_arrive_in_order() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..600_000u32).map(|i| (i % 241) as u8).collect();
        std::fs::write(dir.path().join("f"), &content).unwrap();
        let file = open(dir.path());
        let (mut pieces, mut expected) = (Vec::new(), Vec::new());
        let mut position = 0;
        for len in [1, COPIED_MAX, COPIED_MAX + 1, 0, 7].into_iter().cycle().take(60) {
            let span = FileSpan { file: Arc::clone(&file), position: position as u64, len };
            pieces.extend([Piece::Memory(Bytes::from_static(b"head")), Piece::File(span)]);
            expected.extend_from_slice(b"head");
            expected.extend_from_slice(&content[position..position + len]);
            position += len;
        }
        let writer = tokio::spawn(async move { write_all(&server, pieces, PATIENCE).await.unwrap() });
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        assert_eq!(writer.await.unwrap(), expected.len());
        assert!(got == expected);
    }

    #[tokio::test]
    async fn a_file_shorter_than_promised_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), b"").unwrap();
        for len in [10, COPIED_MAX + 1] {
            let span = FileSpan { file: open(dir.path()), position: 0, len };
            let error = write_all(&server, vec![Piece::File(span)], PATIENCE).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[tokio::test]
    async fn a_peer_that_never_reads_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), vec![1; 64 << 20]).unwrap();
        let span = FileSpan { file: open(dir.path()), position: 0, len: 64 << 20 };
        let more = Piece::Memory(Bytes::from(vec![0; 64 << 20]));
        for piece in [Piece::File(span), more] {
            let error = write_all(&server, vec![piece], Duration::from_millis(50)).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }
}
