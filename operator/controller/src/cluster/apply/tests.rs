//! What steps look like on the wire, against a service that writes down what it is asked.

use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower::service_fn;
use weir_model::BrokerId;
use weir_operator_plan::{Event, EventLevel};

use super::*;
use crate::brokers::AddressPattern;
use crate::key::ClusterKey;
use crate::lease::Fence;

/// One request.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    path: String,
    query: String,
    kind: String,
    body: Value,
}

/// Answers every request with the status, or with what was written, and remembers it.
#[derive(Clone)]
struct Server {
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: StatusCode,
}

impl Server {
    fn answering(answer: StatusCode) -> Self {
        Self { asked: Arc::default(), answer }
    }

    fn client(&self) -> Client {
        let server = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { server.take(request).await }
        });
        Client::new(service, "prod")
    }

    async fn take(&self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_deletion = parts.method == Method::DELETE;
        let asked: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        self.asked.lock().unwrap().push(Asked {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            kind: kind.to_owned(),
            body: asked.clone(),
        });
        let answer = if !self.answer.is_success() {
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "No",
                "code": self.answer.as_u16()})
        } else if is_deletion {
            json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})
        } else {
            asked
        };
        let mut response = Response::new(Body::from(answer.to_string().into_bytes()));
        *response.status_mut() = self.answer;
        Ok(response)
    }

    async fn apply(&self, steps: &[Step]) -> (Result<(), Error>, Vec<Asked>) {
        let client = self.client();
        let key = ClusterKey { namespace: "prod".to_owned(), name: "logs".to_owned() };
        let (wake, _woken) = mpsc::channel(1);
        let pattern = AddressPattern::new(String::new());
        let session = Session::start(key, pattern, Fence::closed(), wake, CancellationToken::new());
        let events = Events::new(client.clone(), "one".to_owned());
        let mut cluster = Cluster::new("logs", Default::default());
        cluster.metadata.namespace = Some("prod".to_owned());
        let target = Target::new(&client, &events, &session, &cluster, "id");
        let applied = target.apply(steps).await;
        (applied, self.asked.lock().unwrap().clone())
    }
}

fn service(name: &str) -> Step {
    let manifest = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}});
    Step::Apply(Object { kind: Kind::Service, name: name.to_owned(), manifest })
}

fn pod() -> Step {
    Step::DeletePod { name: "logs-1".to_owned(), uid: "u-1".to_owned(), broker: BrokerId(1) }
}

#[tokio::test]
async fn objects_are_applied_in_order_by_the_operators_field_manager() {
    let (applied, asked) = Server::answering(StatusCode::OK).apply(&[service("a"), service("b")]).await;
    applied.unwrap();
    let paths: Vec<_> = asked.iter().map(|asked| asked.path.as_str()).collect();
    assert_eq!(paths, ["/api/v1/namespaces/prod/services/a", "/api/v1/namespaces/prod/services/b"]);
    for asked in &asked {
        assert_eq!((&asked.method, &*asked.kind), (&Method::PATCH, "application/apply-patch+yaml"));
        assert!(asked.query.contains("force=true") && asked.query.contains("fieldManager=weir-operator"));
    }
}

#[tokio::test]
async fn a_deletion_names_exactly_what_was_looked_at() {
    let volume = Step::DeleteVolume {
        name: "data-logs-2".to_owned(),
        uid: "u-2".to_owned(),
        resource_version: "77".to_owned(),
    };
    let set = ObjectRef { kind: Kind::StatefulSet, name: "logs".to_owned(), uid: "u-3".to_owned() };
    let steps = [pod(), volume, Step::Orphan(set)];
    let (applied, asked) = Server::answering(StatusCode::OK).apply(&steps).await;
    applied.unwrap();
    assert!(asked.iter().all(|asked| asked.method == Method::DELETE));
    assert_eq!(asked[0].body["preconditions"], json!({"uid": "u-1"}));
    assert_eq!(asked[1].body["preconditions"], json!({"uid": "u-2", "resourceVersion": "77"}));
    assert_eq!(asked[2].path, "/apis/apps/v1/namespaces/prod/statefulsets/logs");
    assert_eq!(asked[2].body["propagationPolicy"], "Orphan");
    assert_eq!(asked[2].body["preconditions"], json!({"uid": "u-3"}));
}

#[tokio::test]
async fn deleting_what_is_gone_is_done_and_a_precondition_that_fails_ends_the_pass() {
    let (applied, _) = Server::answering(StatusCode::NOT_FOUND).apply(&[pod()]).await;
    applied.unwrap();
    let (applied, asked) = Server::answering(StatusCode::CONFLICT).apply(&[pod(), service("a")]).await;
    assert_eq!(applied.unwrap_err().kind(), crate::metrics::Failure::Conflict);
    assert_eq!(asked.len(), 1, "what comes after a failure is not done");
}

#[tokio::test]
async fn what_the_api_server_refuses_is_named() {
    let (applied, _) = Server::answering(StatusCode::UNPROCESSABLE_ENTITY).apply(&[service("a")]).await;
    let wrong = applied.unwrap_err().wrong().unwrap();
    assert!(wrong.starts_with("apply Service a"), "{wrong}");
}

#[tokio::test]
async fn an_event_that_happens_again_is_counted_and_never_a_failure() {
    let event = |note: &str| {
        Step::Event(Event {
            level: EventLevel::Normal,
            reason: "BrokerRestarted",
            action: "Roll",
            note: note.to_owned(),
        })
    };
    let (applied, asked) = Server::answering(StatusCode::OK).apply(&[event("a"), event("b")]).await;
    applied.unwrap();
    assert_eq!([&asked[0].method, &asked[1].method], [Method::POST, Method::PATCH]);
    assert_eq!(asked[0].path, "/apis/events.k8s.io/v1/namespaces/prod/events");
    assert_eq!(asked[1].body["series"]["count"], 2);
    let (applied, _) = Server::answering(StatusCode::FORBIDDEN).apply(&[event("a")]).await;
    applied.unwrap();
}
