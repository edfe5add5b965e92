//! Against a broker of a few lines that answers as it is told.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use weir_wire::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use weir_wire::messages::metadata::{MetadataResponse, MetadataResponseBroker};
use weir_wire::{ApiKey, ErrorCode, Message, frame};

use super::*;

/// Each connection is served until `answers` are used up, then closed.
async fn broker(answers: Vec<Vec<MetadataResponse>>) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for of_connection in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            serve(&mut socket, of_connection).await;
        }
    });
    Address { host: "127.0.0.1".into(), port }
}

async fn serve(socket: &mut TcpStream, answers: Vec<MetadataResponse>) {
    let offer = |key: ApiKey| ApiVersion { api_key: key.code(), min_version: 0, max_version: 9 };
    let keys = vec![offer(ApiKey::ApiVersions), offer(ApiKey::Metadata)];
    answer(socket, &ApiVersionsResponse { api_keys: keys, ..Default::default() }).await;
    for body in answers {
        answer(socket, &body).await;
    }
    let _ = socket.read_i32().await;
}

async fn answer<M: Message>(socket: &mut TcpStream, body: &M) {
    let size = socket.read_i32().await.unwrap();
    let mut bytes = vec![0; size as usize];
    socket.read_exact(&mut bytes).await.unwrap();
    let (header, _) = frame::parse_request(Bytes::from(bytes)).unwrap();
    let frame = frame::encode_response(header.version, header.correlation_id, body).unwrap();
    socket.write_all(&frame.bytes).await.unwrap();
}

fn advertising(port: u16) -> MetadataResponse {
    let broker =
        MetadataResponseBroker { node_id: 7, host: "127.0.0.1".into(), port: i32::from(port), rack: None };
    MetadataResponse { brokers: vec![broker], controller_id: 7, ..Default::default() }
}

fn client(address: &Address) -> Client {
    let options = ClientOptions { call_timeout: Duration::from_secs(10), ..Default::default() };
    Client::new(vec![address.clone()], options)
}

#[tokio::test]
async fn an_advertised_address_out_of_reach_is_told_with_the_address_that_was_reached() {
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let address = broker(vec![vec![advertising(dead)]]).await;
    let failed = client(&address).delete_topic("t").await;
    let Err(ClientError::AdvertisedUnreachable { broker, advertised, via, .. }) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!((broker.0, advertised.port, via), (7, dead, address));
}

#[tokio::test]
async fn a_closed_connection_is_replaced_and_the_call_made_again() {
    let address = broker(vec![vec![], vec![advertising(1)]]).await;
    let client = client(&address);
    let request = weir_wire::messages::metadata::MetadataRequest::default();
    let answered = client.call(&Route::Any, &request).await.unwrap();
    assert_eq!(answered.controller_id, 7);
}

#[tokio::test]
async fn a_topic_that_is_not_in_the_answer_is_unknown() {
    let address = broker(vec![vec![advertising(1)]]).await;
    let failed = client(&address).topic("t").await.unwrap_err();
    assert_eq!(failed.code(), Some(ErrorCode::UnknownTopicOrPartition));
}

#[tokio::test]
async fn no_broker_at_all_names_every_address_that_was_tried() {
    let dead = || async { TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port() };
    let addresses: Vec<Address> =
        [dead().await, dead().await].map(|port| Address { host: "127.0.0.1".into(), port }).into();
    let failed = Client::new(addresses.clone(), ClientOptions::default()).describe_cluster().await;
    let Err(ClientError::NoBroker { tried }) = failed else { panic!("{failed:?}") };
    assert_eq!(tried.into_iter().map(|one| one.address).collect::<Vec<_>>(), addresses);
}
