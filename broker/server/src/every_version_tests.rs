//! A broker in this process, asked over a socket: every key it advertises, in every version, must be answered with bytes
//! that decode as that version.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use weir_model::config::Pairs;
use weir_wire::messages::api_versions::ApiVersionsRequest;
use weir_wire::{ApiKey, ErrorCode, Request, Visitor, frame};

use crate::dispatch::SERVED;
use crate::settings::StaticSettings;
use crate::start::{Running, start};

const PATIENCE: Duration = Duration::from_secs(20);

async fn broker(directory: &std::path::Path) -> Running {
    let pairs = Pairs::from([
        ("listeners".to_owned(), "PLAINTEXT://127.0.0.1:0".to_owned()),
        ("log.dirs".to_owned(), directory.display().to_string()),
        ("weir.http.listener".to_owned(), String::new()),
        ("offsets.topic.num.partitions".to_owned(), "2".to_owned()),
    ]);
    start(StaticSettings::from_pairs(pairs).unwrap()).await.unwrap()
}

fn address(running: &Running) -> String {
    running.bound[0].advertised.to_string()
}

async fn exchange(stream: &mut TcpStream, frame: &[u8]) -> Bytes {
    timeout(PATIENCE, async {
        stream.write_all(frame).await.unwrap();
        let len = stream.read_i32().await.expect("the broker closed the connection");
        let mut body = vec![0; usize::try_from(len).unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        Bytes::from(body)
    })
    .await
    .expect("no answer")
}

/// A request of a key and version with every field at its default, and whether bytes are an answer to it.
struct Blank {
    version: i16,
}

type IsAnswer = fn(i16, Bytes) -> Result<(), String>;

impl Visitor for Blank {
    type Out = (Bytes, IsAnswer);

    fn visit<R: Request>(self) -> Self::Out {
        let frame = frame::encode_request(self.version, 7, Some("test"), &R::default()).unwrap();
        let is_answer: IsAnswer = |version, bytes| match frame::parse_response::<R>(version, bytes) {
            Ok((7, _)) => Ok(()),
            Ok((other, _)) => Err(format!("correlation id {other}")),
            Err(error) => Err(error.to_string()),
        };
        (frame.bytes, is_answer)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_advertised_key_is_answered_in_every_version() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path()).await;
    let mut asked = 0;
    for key in SERVED {
        for version in key.valid_versions().iter() {
            let (frame, is_answer) = key.visit(Blank { version });
            let mut stream = TcpStream::connect(address(&running)).await.unwrap();
            if *key == ApiKey::Produce {
                continue;
            }
            let answer = exchange(&mut stream, &frame).await;
            is_answer(version, answer).unwrap_or_else(|why| panic!("{} v{version}: {why}", key.name()));
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_version_of_api_versions_is_answered_in_version_zero() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path()).await;
    let mut stream = TcpStream::connect(address(&running)).await.unwrap();
    // Size, key 18, version 99, correlation id 7, no client id, no tags.
    let frame = [0, 0, 0, 11, 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0];
    let answer = exchange(&mut stream, &frame).await;
    let (_, response) = frame::parse_response::<ApiVersionsRequest>(0, answer).unwrap();
    assert_eq!(response.error_code, i16::from(ErrorCode::UnsupportedVersion));
    assert!(response.api_keys.iter().any(|key| key.api_key == 18));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_stop_leaves_a_directory_that_opens_clean() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path()).await;
    running.stop().await;
    assert!(directory.path().join("clean-shutdown").exists());
}
