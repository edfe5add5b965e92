//! The most requests that a minimal server answers: tokio on one thread, which reads what is there and writes it back.
//! Asked like a broker is by producers of one record a request: so many connections, five requests under way on each.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::pinned::{Core, bind, join};
use crate::cost::thread_cpu;
use crate::error::LoadError;

const CONNECTIONS: usize = 16;
const DEPTH: usize = 5;
/// About what a produce request of one small record takes.
const REQUEST: usize = 256;

/// What an echo reaches.
#[derive(Debug, Serialize)]
pub(crate) struct Echoed {
    requests_per_s: f64,
    server_cpu_us_per_request: f64,
}

pub(super) fn run(server: Core, client: Core, seconds: f64) -> Result<Echoed, LoadError> {
    let (address, known) = mpsc::channel();
    let (stop, stopped) = oneshot::channel();
    thread::scope(|scope| {
        let serving = scope.spawn(move || bind(server).and_then(|()| serve(&address, stopped)));
        let address = known.recv().map_err(|_| LoadError::Nonsense("the echo has not started".into()))?;
        let asking: Vec<_> = (0..CONNECTIONS)
            .map(|_| scope.spawn(move || bind(client).and_then(|()| ask(address, seconds))))
            .collect();
        let began = Instant::now();
        let answered: u64 = asking.into_iter().map(join).sum::<Result<u64, _>>()?;
        let took = began.elapsed().as_secs_f64();
        // It may have failed already, and then says so itself.
        let _ = stop.send(());
        let cpu: Duration = join(serving)?;
        Ok(Echoed {
            requests_per_s: answered as f64 / took,
            server_cpu_us_per_request: cpu.as_secs_f64() * 1e6 / answered as f64,
        })
    })
}

/// Until it is told to stop; gives the processor time that it took.
pub(crate) fn serve(
    address: &mpsc::Sender<SocketAddr>,
    stopped: oneshot::Receiver<()>,
) -> Result<Duration, LoadError> {
    let failed = LoadError::machine("serving an echo");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(&failed)?;
    let cpu = thread_cpu();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(&failed)?;
        // Whoever asked for it waits for it.
        let _ = address.send(listener.local_addr().map_err(&failed)?);
        let accepting = async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream));
            }
        };
        tokio::select! {
            () = accepting => {}
            _ = stopped => {}
        }
        Ok::<_, LoadError>(())
    })?;
    Ok(thread_cpu() - cpu)
}

async fn echo(mut stream: tokio::net::TcpStream) {
    let mut buffer = vec![0; 16 << 10];
    // A client that is done hangs up, which ends this.
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

fn ask(address: SocketAddr, seconds: f64) -> Result<u64, LoadError> {
    let failed = LoadError::machine("asking an echo");
    let mut stream = TcpStream::connect(address).map_err(&failed)?;
    stream.set_nodelay(true).map_err(&failed)?;
    let request = [7_u8; REQUEST];
    let mut buffer = vec![0; 16 << 10];
    let (began, mut sent, mut received) = (Instant::now(), 0_usize, 0_usize);
    loop {
        let over = sent > 0 && began.elapsed().as_secs_f64() >= seconds;
        while !over && sent - received / REQUEST < DEPTH {
            stream.write_all(&request).map_err(&failed)?;
            sent += 1;
        }
        if received == sent * REQUEST {
            return Ok(sent as u64);
        }
        received += stream.read(&mut buffer).map_err(&failed)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_comes_back() {
        let echoed = run(Core(0), Core(0), 0.05).expect("runs");
        assert!(echoed.requests_per_s > 0.0 && echoed.server_cpu_us_per_request > 0.0);
    }
}
