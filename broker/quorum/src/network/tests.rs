//! How often a node is asked, and which answer counts, when the library does not wait for one.

use std::task::Waker;

use openraft::{EntryPayload, LeaderId};
use tokio::sync::oneshot;

use super::*;
use crate::types::Entry;

type Said = Result<Bytes, PeerError>;

/// Keeps the questions; the test answers them.
#[derive(Default)]
struct Kept(Mutex<Vec<Option<oneshot::Sender<Said>>>>);

impl Kept {
    fn asked(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn answer(&self, question: usize, said: Said) {
        let _ = self.0.lock().unwrap()[question].take().unwrap().send(said);
    }

    fn append(&self, question: usize, response: AppendEntriesResponse<NodeId>) {
        self.answer(question, Ok(Answer::Append(response).encode()));
    }
}

impl Peers for Kept {
    fn ask(&self, _: NodeId, _: &PeerAddress, _: Call, _: Bytes) -> Answering {
        let (answer, answered) = oneshot::channel();
        self.0.lock().unwrap().push(Some(answer));
        Box::pin(async move { answered.await.unwrap() })
    }
}

fn line(peers: &Arc<Kept>) -> Line {
    let lines = Lines {
        me: NodeId::default(),
        peers: Arc::clone(peers) as Arc<dyn Peers>,
        contacts: Contacts::default(),
        pause: Duration::ZERO,
        silent: Arc::default(),
    };
    lines.line(NodeId::default(), &PeerAddress { host: "there".to_owned(), port: 1 })
}

fn id(index: u64) -> LogId {
    LogId { leader_id: LeaderId::new(1, NodeId::default()), index }
}

/// What comes after `prev`, up to `last`.
fn entries(term: u64, prev: u64, last: u64) -> AppendEntriesRequest<TypeConfig> {
    let entry = |index| Entry { log_id: id(index), payload: EntryPayload::Blank };
    AppendEntriesRequest {
        vote: Vote::new_committed(term, NodeId::default()),
        prev_log_id: Some(id(prev)),
        entries: (prev + 1..=last).map(entry).collect(),
        leader_commit: None,
    }
}

/// As the library does: what is not answered at once is given up.
fn ask(line: &mut Line, request: AppendEntriesRequest<TypeConfig>) -> Option<String> {
    let mut asking = Box::pin(line.append(request));
    match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer.map_or_else(|why| why.to_string(), |said| format!("{said:?}"))),
        Poll::Pending => None,
    }
}

fn said(response: &AppendEntriesResponse<NodeId>) -> Option<String> {
    Some(format!("{response:?}"))
}

#[test]
fn a_node_that_is_slow_is_heard_though_it_was_given_up() {
    let peers = Arc::<Kept>::default();
    let mut line = line(&peers);
    for _ in 0..3 {
        assert_eq!(ask(&mut line, entries(1, 4, 7)), None);
    }
    assert_eq!(peers.asked(), 3, "what was lost on the way is sent again");
    peers.answer(1, Err(PeerError::Unreachable("old news".to_owned())));
    peers.append(0, AppendEntriesResponse::Success);
    assert_eq!(ask(&mut line, entries(1, 4, 7)), said(&AppendEntriesResponse::Success));
    assert_eq!(ask(&mut line, entries(1, 7, 7)), None, "what comes next is another question");
}

#[test]
fn an_answer_says_no_more_than_what_was_sent() {
    let cases = [
        ("less than is asked for by now", 7, 9, said(&AppendEntriesResponse::PartialSuccess(Some(id(7))))),
        ("more than is asked for by now", 9, 7, said(&AppendEntriesResponse::Success)),
        ("a sign of life, and now there are entries", 4, 7, None),
    ];
    for (what, first, then, wanted) in cases {
        let peers = Arc::<Kept>::default();
        let mut line = line(&peers);
        assert_eq!(ask(&mut line, entries(1, 4, first)), None);
        peers.append(0, AppendEntriesResponse::Success);
        assert_eq!(ask(&mut line, entries(1, 4, then)), wanted, "{what}");
    }
}

#[test]
fn only_the_latest_attempts_are_waited_for() {
    let peers = Arc::<Kept>::default();
    let mut line = line(&peers);
    for _ in 0..3 * UNDER_WAY_MAX {
        assert_eq!(ask(&mut line, entries(1, 4, 7)), None);
    }
    assert_eq!(line.under_way.len(), UNDER_WAY_MAX);
}

#[test]
fn another_reign_or_another_place_is_asked_anew() {
    for other in [entries(2, 4, 7), entries(1, 3, 7)] {
        let peers = Arc::<Kept>::default();
        let mut line = line(&peers);
        assert_eq!(ask(&mut line, entries(1, 4, 7)), None);
        assert_eq!(ask(&mut line, other.clone()), None);
        assert_eq!(peers.asked(), 2);
        assert_eq!(line.under_way.len(), 1);
        peers.append(1, AppendEntriesResponse::Conflict);
        assert_eq!(ask(&mut line, other), said(&AppendEntriesResponse::Conflict));
    }
}

#[test]
fn a_question_that_failed_is_asked_again() {
    let peers = Arc::<Kept>::default();
    let mut line = line(&peers);
    let mut asking = Box::pin(line.append(entries(1, 4, 7)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(asking.as_mut().poll(&mut cx).is_pending());
    peers.answer(0, Err(PeerError::Unreachable("gone".to_owned())));
    assert!(matches!(asking.as_mut().poll(&mut cx), Poll::Ready(Err(_))));
    drop(asking);
    assert_eq!(ask(&mut line, entries(1, 4, 7)), None);
    assert_eq!(peers.asked(), 2);
}
