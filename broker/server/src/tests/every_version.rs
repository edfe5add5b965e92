//! A broker in this process, asked over a socket: every key it advertises, in every version, must be answered with bytes
//! that decode as that version.

use bytes::Bytes;
use weir_wire::messages::api_versions::ApiVersionsRequest;
use weir_wire::messages::produce::ProduceRequest;
use weir_wire::{ApiKey, ErrorCode, Request, Visitor, frame};

use super::{Peer, broker};
use crate::dispatch::SERVED;

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

fn blank(key: ApiKey, version: i16) -> (Bytes, IsAnswer) {
    let (frame, is_answer) = key.visit(Blank { version });
    if key != ApiKey::Produce {
        return (frame, is_answer);
    }
    // Its default asks for no answer.
    let request = ProduceRequest { acks: -1, ..ProduceRequest::default() };
    (frame::encode_request(version, 7, Some("test"), &request).unwrap().bytes, is_answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_advertised_key_is_answered_in_every_version() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[]).await;
    let mut asked = 0;
    for key in SERVED {
        for version in key.valid_versions().iter() {
            let (frame, is_answer) = blank(*key, version);
            let mut peer = Peer::of(&running).await;
            peer.send_bytes(&frame).await;
            is_answer(version, peer.next_frame().await)
                .unwrap_or_else(|why| panic!("{} v{version}: {why}", key.name()));
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_version_of_api_versions_is_answered_in_version_zero() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[]).await;
    let mut peer = Peer::of(&running).await;
    // Size, key 18, version 99, correlation id 7, no client id, no tags.
    peer.send_bytes(&[0, 0, 0, 11, 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0]).await;
    let (_, response) = frame::parse_response::<ApiVersionsRequest>(0, peer.next_frame().await).unwrap();
    assert_eq!(response.error_code, i16::from(ErrorCode::UnsupportedVersion));
    assert!(response.api_keys.iter().any(|key| key.api_key == 18));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_stop_leaves_a_directory_that_opens_clean() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[]).await;
    running.stop().await;
    assert!(directory.path().join("clean-shutdown").exists());
}
