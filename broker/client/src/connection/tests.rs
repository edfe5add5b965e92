use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use weir_wire::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use weir_wire::messages::metadata::{MetadataRequest, MetadataResponse};
use weir_wire::{ErrorCode, Message};

use super::*;

const VERSIONS_V0_ERROR: i16 = ErrorCode::UnsupportedVersion.code();

async fn listen() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, Address { host: "127.0.0.1".into(), port })
}

async fn read_request(socket: &mut TcpStream) -> (frame::RequestHeader, weir_wire::Reader) {
    let size = socket.read_i32().await.unwrap();
    let mut bytes = vec![0; size as usize];
    socket.read_exact(&mut bytes).await.unwrap();
    frame::parse_request(Bytes::from(bytes)).unwrap()
}

async fn answer<M: Message>(socket: &mut TcpStream, version: i16, correlation_id: i32, body: &M) {
    let frame = frame::encode_response(version, correlation_id, body).unwrap();
    socket.write_all(&frame.bytes).await.unwrap();
}

fn offer(keys: &[(ApiKey, i16)]) -> ApiVersionsResponse {
    let api_keys = keys
        .iter()
        .map(|(key, max)| ApiVersion { api_key: key.code(), min_version: 0, max_version: *max })
        .collect();
    ApiVersionsResponse { api_keys, ..Default::default() }
}

async fn shake_hands(socket: &mut TcpStream) {
    let (header, _) = read_request(socket).await;
    let offered = offer(&[(ApiKey::ApiVersions, 4), (ApiKey::Metadata, 9)]);
    answer(socket, header.version, header.correlation_id, &offered).await;
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

#[tokio::test]
async fn an_older_broker_is_asked_again_in_its_own_version() {
    let (listener, address) = listen().await;
    let broker = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (first, _) = read_request(&mut socket).await;
        assert_eq!(first.version, 4);
        let refusal =
            ApiVersionsResponse { error_code: VERSIONS_V0_ERROR, ..offer(&[(ApiKey::ApiVersions, 2)]) };
        answer(&mut socket, 0, first.correlation_id, &refusal).await;
        let (second, _) = read_request(&mut socket).await;
        assert_eq!(second.version, 2);
        answer(&mut socket, 2, second.correlation_id, &offer(&[(ApiKey::Fetch, 12)])).await;
        socket
    });
    let connection = Connection::open(&address, &ClientOptions::default(), soon()).await.unwrap();
    assert_eq!(connection.version_of(ApiKey::Fetch, i16::MAX).unwrap(), 12);
    assert!(matches!(connection.version_of(ApiKey::Produce, i16::MAX), Err(ClientError::Unsupported { .. })));
    drop(broker.await.unwrap());
}

#[tokio::test]
async fn pipelined_requests_get_their_own_answers() {
    let (listener, address) = listen().await;
    let broker = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        shake_hands(&mut socket).await;
        let (first, _) = read_request(&mut socket).await;
        let (second, _) = read_request(&mut socket).await;
        for (header, controller_id) in [(first, 1), (second, 2)] {
            let body = MetadataResponse { controller_id, ..Default::default() };
            answer(&mut socket, header.version, header.correlation_id, &body).await;
        }
        socket
    });
    let connection = Connection::open(&address, &ClientOptions::default(), soon()).await.unwrap();
    let request = MetadataRequest::default();
    let (first, second) = tokio::join!(connection.call(&request, soon()), connection.call(&request, soon()));
    assert_eq!((first.unwrap().controller_id, second.unwrap().controller_id), (1, 2));
    drop(broker.await.unwrap());
}

#[tokio::test]
async fn an_answer_with_a_foreign_number_ends_the_connection() {
    let (listener, address) = listen().await;
    let broker = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        shake_hands(&mut socket).await;
        let (header, _) = read_request(&mut socket).await;
        answer(&mut socket, header.version, header.correlation_id + 1, &MetadataResponse::default()).await;
        socket
    });
    let connection = Connection::open(&address, &ClientOptions::default(), soon()).await.unwrap();
    let failed = connection.call(&MetadataRequest::default(), soon()).await;
    assert!(matches!(failed, Err(ClientError::NotKafka { .. })), "{failed:?}");
    drop(broker.await.unwrap());
}

#[tokio::test]
async fn a_web_server_is_not_taken_for_a_broker() {
    let (listener, address) = listen().await;
    let broker = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = read_request(&mut socket).await;
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        socket
    });
    let failed = Connection::open(&address, &ClientOptions::default(), soon()).await;
    assert!(matches!(failed, Err(ClientError::NotKafka { .. })), "{failed:?}");
    drop(broker.await.unwrap());
}

#[tokio::test]
async fn an_answer_that_does_not_parse_is_an_error() {
    let (listener, address) = listen().await;
    let broker = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        shake_hands(&mut socket).await;
        let (header, _) = read_request(&mut socket).await;
        let mut junk = vec![0, 0, 0, 12];
        junk.extend_from_slice(&header.correlation_id.to_be_bytes());
        junk.extend_from_slice(&[0xff; 8]);
        socket.write_all(&junk).await.unwrap();
        socket
    });
    let connection = Connection::open(&address, &ClientOptions::default(), soon()).await.unwrap();
    let failed = connection.call(&MetadataRequest::default(), soon()).await;
    assert!(matches!(failed, Err(ClientError::Decode { .. })), "{failed:?}");
    drop(broker.await.unwrap());
}

#[tokio::test]
async fn a_broker_that_hangs_up_closes_the_call() {
    let (listener, address) = listen().await;
    let broker = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        shake_hands(&mut socket).await;
        let _ = read_request(&mut socket).await;
    });
    let connection = Connection::open(&address, &ClientOptions::default(), soon()).await.unwrap();
    let failed = connection.call(&MetadataRequest::default(), soon()).await;
    assert!(matches!(failed, Err(ClientError::Closed { .. })), "{failed:?}");
    broker.await.unwrap();
}

#[tokio::test]
async fn a_broker_that_says_nothing_is_given_up_at_the_deadline() {
    let (listener, address) = listen().await;
    let options = ClientOptions { connect_timeout: Duration::from_millis(100), ..Default::default() };
    let failed = Connection::open(&address, &options, soon()).await;
    assert!(matches!(failed, Err(ClientError::Timeout { api: ApiKey::ApiVersions, .. })), "{failed:?}");
    drop(listener);
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let (listener, address) = listen().await;
    drop(listener);
    let failed = Connection::open(&address, &ClientOptions::default(), soon()).await;
    assert!(matches!(failed, Err(ClientError::Unreachable { .. })), "{failed:?}");
}
