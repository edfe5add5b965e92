//! One blocking connection: whole frames out, whole frames in. It decides nothing; it takes what is in the socket with as
//! few calls as there can be, and never copies a batch to send it.

use std::io::{self, IoSlice, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use weir_wire::Request;
use weir_wire::frame::{self, SIZE_PREFIX};

use crate::error::LoadError;

/// Who we say we are.
pub(crate) const CLIENT_ID: &str = "weir-load";
/// A broker that is silent for so long has failed.
const SILENCE: Duration = Duration::from_secs(120);
/// The largest answer that is taken.
const MOST: i64 = 256 << 20;
/// What is asked of the socket at once where small answers are due.
const READ_AT_ONCE: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    received: Vec<u8>,
    /// What of `received` was handed out.
    taken: usize,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Result<Self, LoadError> {
        let unreachable = |source| LoadError::Unreachable { address: address.to_owned(), source };
        let mut addresses = address.to_socket_addrs().map_err(unreachable)?;
        let first = addresses.next().ok_or_else(|| unreachable(io::ErrorKind::NotFound.into()))?;
        let stream = TcpStream::connect(first).map_err(unreachable)?;
        let prepared = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(SILENCE)));
        prepared.map_err(unreachable)?;
        Ok(Self { stream, address: first, received: Vec::new(), taken: 0 })
    }

    /// The same socket, for another thread: one of the two sends, the other reads.
    pub(crate) fn split(&self) -> Result<Self, LoadError> {
        let stream = self.stream.try_clone().map_err(|source| self.failed(source))?;
        Ok(Self { stream, address: self.address, received: Vec::new(), taken: 0 })
    }

    /// Asks and waits. For setting up; what is measured sends prepared frames.
    pub(crate) fn ask<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, LoadError> {
        let encoded = frame::encode_request(version, 1, Some(CLIENT_ID), request);
        let frame = encoded.map_err(|source| LoadError::Encode { api: R::NAME, source })?;
        self.send(&[&frame.bytes])?;
        self.answer::<R>(version)
    }

    /// The next answer, decoded.
    pub(crate) fn answer<R: Request>(&mut self, version: i16) -> Result<R::Response, LoadError> {
        let frame = self.next_frame()?;
        let parsed = frame::parse_response::<R>(version, frame);
        parsed.map(|(_, body)| body).map_err(|source| LoadError::Unreadable { api: R::NAME, source })
    }

    /// Sends all pieces, by as few calls as the socket allows.
    pub(crate) fn send(&mut self, pieces: &[&[u8]]) -> Result<(), LoadError> {
        let mut slices = [IoSlice::new(&[]); 3];
        let count = pieces.len().min(slices.len());
        slices.iter_mut().zip(pieces).for_each(|(slice, piece)| *slice = IoSlice::new(piece));
        let mut left = &mut slices[..count];
        while !left.is_empty() {
            let sent = self.stream.write_vectored(left).map_err(|source| self.failed(source))?;
            if sent == 0 {
                return Err(LoadError::Closed { address: self.address });
            }
            IoSlice::advance_slices(&mut left, sent);
        }
        Ok(())
    }

    /// Is there a whole answer that was read already?
    pub(crate) fn has_frame(&self) -> bool {
        self.whole_frame().is_ok_and(|size| size.is_some())
    }

    /// The next small answer; reads on as far as there is something. A copy is made of it.
    pub(crate) fn next_frame(&mut self) -> Result<Bytes, LoadError> {
        loop {
            if let Some(size) = self.whole_frame()? {
                let start = self.taken + SIZE_PREFIX;
                self.taken = start + size;
                return Ok(Bytes::copy_from_slice(&self.received[start..start + size]));
            }
            self.make_room();
            self.fill(READ_AT_ONCE)?;
        }
    }

    /// The one answer that is due, however large, without a copy; the buffer comes back by [`Self::give_back`].
    pub(crate) fn take_large_frame(&mut self) -> Result<Bytes, LoadError> {
        self.make_room();
        let whole = loop {
            if let Some(size) = self.claimed_size()? {
                break SIZE_PREFIX + size;
            }
            self.fill(READ_AT_ONCE)?;
        };
        while self.received.len() < whole {
            self.fill(whole - self.received.len())?;
        }
        if self.received.len() > whole {
            return Err(LoadError::Nonsense("more than one answer came to one request".into()));
        }
        Ok(Bytes::from(std::mem::take(&mut self.received)).slice(SIZE_PREFIX..))
    }

    /// Returns the memory of a large answer that is no longer looked at.
    pub(crate) fn give_back(&mut self, frame: Bytes) {
        // Emptied first, or it would be moved within its memory.
        let mut emptied = frame;
        emptied.clear();
        self.received = Vec::from(emptied);
    }

    fn fill(&mut self, wanted: usize) -> Result<(), LoadError> {
        // One more than is due: memory that is filled to the brim can not be taken back from `Bytes`.
        self.received.reserve(wanted + 1);
        let read = rustix::io::read(&self.stream, spare_capacity(&mut self.received));
        match read {
            Ok(0) => Err(LoadError::Closed { address: self.address }),
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(self.failed(errno.into())),
        }
    }

    /// Moves what was not handed out to the front.
    fn make_room(&mut self) {
        self.received.drain(..self.taken);
        self.taken = 0;
    }

    /// The size of the next answer, if all of it is here.
    fn whole_frame(&self) -> Result<Option<usize>, LoadError> {
        let here = self.received.len() - self.taken;
        Ok(self.claimed_size()?.filter(|size| here >= SIZE_PREFIX + size))
    }

    /// The size that the next answer says it has, if that much of it is here.
    fn claimed_size(&self) -> Result<Option<usize>, LoadError> {
        let rest = &self.received[self.taken..];
        let Some(prefix) = rest.first_chunk::<SIZE_PREFIX>() else { return Ok(None) };
        let claimed = i64::from(i32::from_be_bytes(*prefix));
        let size = usize::try_from(claimed).ok().filter(|_| (4..=MOST).contains(&claimed));
        size.map(Some).ok_or(LoadError::TooLarge { size: rest.len(), claimed })
    }

    fn failed(&self, source: io::Error) -> LoadError {
        LoadError::Connection { address: self.address, source }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn answering(bytes: Vec<u8>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        thread::spawn(move || {
            let (mut peer, _) = listener.accept().expect("a connection");
            peer.write_all(&bytes).expect("writes");
            let _ = peer.read(&mut [0; 1]);
        });
        address
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32).to_be_bytes()[..], body].concat()
    }

    #[test]
    fn frames_that_came_together_are_handed_out_one_by_one() {
        let mut connection =
            Connection::open(&answering([framed(b"first"), framed(b"second")].concat())).expect("connects");
        assert_eq!(&connection.next_frame().expect("a frame")[..], b"first");
        assert_eq!(&connection.next_frame().expect("a frame")[..], b"second");
    }

    #[test]
    fn a_large_frame_is_whole_and_its_memory_comes_back() {
        let body = vec![7; 3 << 20];
        let mut connection = Connection::open(&answering(framed(&body))).expect("connects");
        let frame = connection.take_large_frame().expect("a frame");
        assert_eq!(frame, body);
        connection.give_back(frame);
        assert!(connection.received.capacity() >= body.len());
    }

    #[test]
    fn a_size_that_no_broker_sends_is_refused() {
        let mut connection = Connection::open(&answering(vec![0xff; 8])).expect("connects");
        assert!(matches!(connection.take_large_frame(), Err(LoadError::TooLarge { .. })));
    }

    #[test]
    fn a_broker_that_hangs_up_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let mut connection = Connection::open(&address).expect("connects");
        drop(listener.accept());
        assert!(matches!(connection.next_frame(), Err(LoadError::Closed { .. })));
    }
}
