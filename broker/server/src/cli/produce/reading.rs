//! Lines of stdin or of a file, read on a thread of their own: a read that waits for somebody to type can not be
//! interrupted, and must not hold up the end of the process. Bounded: a few chunks are ahead, and no line is endless.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::PathBuf;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::cli::failure::Failure;

/// A chunk is handed on when it is this large, or when reading on would wait.
const CHUNK_BYTES: usize = 256 << 10;
const CHUNKS_AHEAD: usize = 4;
const BUFFER_BYTES: usize = 128 << 10;
/// No broker takes a record this large by default.
const LONGEST_LINE: usize = 64 << 20;

/// Where lines come from.
pub(super) struct Source {
    input: Box<dyn Read + Send>,
    name: String,
    /// Of a file.
    pub(super) size: Option<u64>,
    /// Somebody sits at it.
    pub(super) is_typed: bool,
}

/// Some lines, without their ends.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) lines: Vec<Bytes>,
    /// With their ends.
    pub(super) bytes: u64,
}

impl Source {
    /// A file, or else stdin.
    pub(super) fn open(path: Option<PathBuf>) -> Result<Self, Failure> {
        let Some(path) = path else {
            let stdin = io::stdin();
            let is_typed = stdin.is_terminal();
            return Ok(Self { input: Box::new(stdin), name: "stdin".into(), size: None, is_typed });
        };
        let name = path.display().to_string();
        let failed = |source| Failure::Io { what: name.clone(), source };
        let file = File::open(&path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        let size = about.is_file().then_some(about.len());
        Ok(Self { input: Box::new(file), name, size, is_typed: false })
    }

    /// Starts reading.
    pub(super) fn read(self) -> mpsc::Receiver<Result<Chunk, Failure>> {
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        std::thread::spawn(move || {
            let mut reader = BufReader::with_capacity(BUFFER_BYTES, self.input);
            loop {
                let chunk = next_chunk(&mut reader, LONGEST_LINE);
                let chunk = chunk.map_err(|source| Failure::Io { what: self.name.clone(), source });
                let ended = !matches!(&chunk, Ok(chunk) if !chunk.lines.is_empty());
                if matches!(&chunk, Ok(chunk) if chunk.lines.is_empty())
                    || sender.blocking_send(chunk).is_err()
                    || ended
                {
                    return;
                }
            }
        });
        receiver
    }
}

/// The next lines; none at the end.
fn next_chunk<R: Read>(reader: &mut BufReader<R>, longest: usize) -> io::Result<Chunk> {
    let mut chunk = Chunk::default();
    loop {
        let mut line = Vec::new();
        let read = reader.by_ref().take(longest as u64 + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(chunk);
        }
        if read > longest && line.last() != Some(&b'\n') {
            let message = format!("a line is longer than {longest} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        chunk.bytes += read as u64;
        strip_end(&mut line);
        chunk.lines.push(Bytes::from(line));
        // Reading on would wait when no whole line is in the buffer.
        let waits = !reader.buffer().contains(&b'\n');
        if waits || chunk.bytes as usize >= CHUNK_BYTES {
            return Ok(chunk);
        }
    }
}

/// A line feed, and a carriage return in front of it.
fn strip_end(line: &mut Vec<u8>) {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(input: &[u8], buffer: usize) -> Vec<String> {
        let mut reader = BufReader::with_capacity(buffer, input);
        let mut lines = Vec::new();
        loop {
            let chunk = next_chunk(&mut reader, 100).unwrap();
            if chunk.lines.is_empty() {
                return lines;
            }
            lines.extend(chunk.lines.iter().map(|line| String::from_utf8(line.to_vec()).unwrap()));
        }
    }

    #[test]
    fn lines_lose_their_ends_whatever_the_buffer_holds() {
        for buffer in [1, 3, 64] {
            assert_eq!(lines_of(b"a\nbb\r\n\nlast", buffer), ["a", "bb", "", "last"], "buffer of {buffer}");
            assert_eq!(lines_of(b"", buffer), Vec::<String>::new());
            assert_eq!(lines_of(b"\n", buffer), [""]);
        }
    }

    #[test]
    fn an_endless_line_is_an_error() {
        let long = [b'x'; 101];
        assert!(next_chunk(&mut BufReader::new(&long[..]), 100).is_err());
        assert!(next_chunk(&mut BufReader::new(&long[..100]), 100).is_ok());
    }
}
