//! How this broker's quorum comes to be. Decides, from what the others say of themselves, whether this broker begins a
//! cluster, waits to be taken into one, or asks for it. A cluster is begun by one broker only, the lowest of the named
//! voters, and only when every one of them has said that it is empty: a voter that lost its disk can never begin a second
//! cluster beside the first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};
use tonic::Code;
use tracing::{debug, info, warn};
use uuid::Uuid;
use weir_admin::peer::v1::{HelloReply, HelloRequest};
use weir_model::config::{Endpoint, Voter};
use weir_model::{BrokerId, Incarnation};
use weir_quorum::{NodeId, PeerAddress, Quorum};

use crate::metadata::View;
use crate::peers::identity::{header, id, optional_id};
use crate::peers::{Dialer, Link};

/// How long one Hello may take.
const HELLO_MAX: Duration = Duration::from_millis(500);
/// Time between two rounds of them.
const PAUSE: Duration = Duration::from_millis(50);
/// How often waiting is told in the log.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// Addresses that one round asks.
const ASKED_MAX: usize = 64;

/// What a broker said of itself, or did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Nothing,
    /// It refused to talk: it is of another cluster, or another broker.
    Refused(String),
    Hello(Hello),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) node: NodeId,
    pub(crate) cluster: Option<Uuid>,
    pub(crate) empty: bool,
    pub(crate) leader: Option<(NodeId, Endpoint)>,
    /// Where the cluster counts on a broker with the disk of the one who asked.
    pub(crate) counted_at: Option<Endpoint>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Begin a cluster of these.
    Begin(BTreeMap<NodeId, PeerAddress>),
    /// There is a cluster: ask it to be taken in.
    Join,
    /// Somebody else begins it, or a voter has not said anything yet.
    Wait,
}

/// Decides, for a broker whose own disk is empty. `heard` are the other voters.
pub(crate) fn next(me: NodeId, voters: &[Voter], heard: &BTreeMap<BrokerId, Heard>) -> Step {
    let hellos =
        || heard.values().filter_map(|h| if let Heard::Hello(hello) = h { Some(hello) } else { None });
    if hellos().any(|hello| !hello.empty || hello.leader.is_some()) {
        return Step::Join;
    }
    let lowest = voters.iter().map(|voter| voter.id).min();
    if lowest != Some(me.broker) {
        return Step::Wait;
    }
    let mut nodes = BTreeMap::new();
    for voter in voters {
        let at = PeerAddress { host: voter.peer.host.clone(), port: voter.peer.port };
        let node = if voter.id == me.broker {
            me
        } else {
            match heard.get(&voter.id) {
                Some(Heard::Hello(hello)) if hello.node.broker == voter.id => hello.node,
                _ => return Step::Wait,
            }
        };
        nodes.insert(node, at);
    }
    Step::Begin(nodes)
}

/// Gets a quorum going, if this broker's disk holds none: returns when it takes part in one, or may ask to.
pub(crate) async fn form(
    link: &Link,
    view: &View,
    me: NodeId,
    voters: &[Voter],
    own: PeerAddress,
) -> anyhow::Result<()> {
    let quorum = link.quorum();
    if !quorum.is_empty() {
        // Refuses to go on with a disk that is in the wrong place.
        return find_leader(link, view, me, voters).await.map(|_| ());
    }
    if voters.is_empty() {
        return begin(quorum, BTreeMap::from([(me, own)])).await;
    }
    let mut told = Instant::now();
    loop {
        let others = voters.iter().filter(|voter| voter.id != me.broker);
        let asked = others
            .map(|voter| async { (voter.id, hello(link.dialer(), view, me, voter.id, &voter.peer).await) });
        let heard: BTreeMap<_, _> = join_all(asked).await.into_iter().collect();
        if !quorum.is_empty() {
            return Ok(());
        }
        match next(me, voters, &heard) {
            Step::Begin(nodes) => return begin(quorum, nodes).await,
            Step::Join => return Ok(()),
            Step::Wait => {}
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            warn!(?heard, "waiting for the other voters to begin a cluster");
        }
        sleep(PAUSE).await;
    }
}

async fn begin(quorum: &Quorum, voters: BTreeMap<NodeId, PeerAddress>) -> anyhow::Result<()> {
    info!(voters = ?voters.keys().map(|node| node.broker.0).collect::<Vec<_>>(), "beginning a cluster");
    quorum.initialize(voters).await.context("a cluster can not be begun")
}

/// Asks who is there.
pub(crate) async fn hello(dialer: &Dialer, view: &View, me: NodeId, to: BrokerId, at: &Endpoint) -> Heard {
    hello_within(HELLO_MAX, dialer, view, me, to, at).await
}

/// Asks who is there, and waits so long.
pub(super) async fn hello_within(
    patience: Duration,
    dialer: &Dialer,
    view: &View,
    me: NodeId,
    to: BrokerId,
    at: &Endpoint,
) -> Heard {
    let Ok(mut client) = dialer.to(at) else { return Heard::Nothing };
    let header = header(me, view.cluster_id(), to, None);
    match timeout(patience, client.hello(HelloRequest { header: Some(header) })).await {
        Ok(Ok(reply)) => read(&reply.into_inner()).map_or(Heard::Nothing, Heard::Hello),
        Ok(Err(status)) if status.code() == Code::FailedPrecondition => {
            Heard::Refused(status.message().to_owned())
        }
        Ok(Err(status)) => {
            debug!(%at, error = status.message(), "no hello");
            Heard::Nothing
        }
        Err(_) => Heard::Nothing,
    }
}

fn read(reply: &HelloReply) -> Option<Hello> {
    let node = |node: &weir_admin::peer::v1::Node| {
        Some(NodeId { broker: BrokerId(node.broker), incarnation: Incarnation(id(&node.incarnation)?) })
    };
    let address = |at: &weir_admin::peer::v1::Address| {
        Some(Endpoint { host: at.host.clone(), port: u16::try_from(at.port).ok()? })
    };
    let leader = reply
        .leader
        .as_ref()
        .and_then(|leader| Some((node(leader.node.as_ref()?)?, address(leader.peer.as_ref()?)?)));
    Some(Hello {
        node: node(reply.node.as_ref()?)?,
        cluster: optional_id(&reply.cluster_id)?,
        empty: reply.empty,
        leader,
        counted_at: reply.counted_at.as_ref().and_then(address),
    })
}

/// Looks for the controller among all brokers that are known here: those of the settings, of the quorum and of the
/// metadata. An error when all who answered are of another cluster: this disk is in the wrong place.
pub(crate) async fn find_leader(
    link: &Link,
    view: &View,
    me: NodeId,
    voters: &[Voter],
) -> anyhow::Result<Option<(NodeId, Endpoint)>> {
    let asked: BTreeSet<(BrokerId, String)> =
        addresses(link, view, me, voters).into_iter().take(ASKED_MAX).collect();
    let hellos = asked.iter().filter_map(|(broker, at)| {
        let at = Endpoint::parse(at)?;
        Some(async move { hello(link.dialer(), view, me, *broker, &at).await })
    });
    let heard = join_all(hellos).await;
    let leader = heard.iter().find_map(|heard| match heard {
        Heard::Hello(hello) => hello.leader.clone().filter(|(node, _)| *node != me),
        Heard::Nothing | Heard::Refused(_) => None,
    });
    if let Some(leader) = leader {
        return Ok(Some(leader));
    }
    let mut refusals =
        heard.iter().filter_map(|h| if let Heard::Refused(why) = h { Some(why) } else { None });
    let friends = heard.iter().any(|heard| matches!(heard, Heard::Hello(_)));
    match refusals.next() {
        Some(why) if !friends => bail!(
            "every broker that answered refuses this one: {why}. Is the data directory one of another cluster?"
        ),
        _ => Ok(None),
    }
}

fn addresses(link: &Link, view: &View, me: NodeId, voters: &[Voter]) -> Vec<(BrokerId, String)> {
    let named = voters.iter().map(|voter| (voter.id, voter.peer.to_string()));
    let members = link.quorum().members();
    let of_quorum = members.nodes.iter().map(|(node, at)| (node.broker, at.to_string()));
    let image = view.image();
    let registered = image.brokers().filter_map(|broker| {
        let registration = &broker.registration;
        Some((registration.id, registration.peer.as_ref()?.to_string()))
    });
    named.chain(of_quorum).chain(registered).filter(|(broker, _)| *broker != me.broker).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(broker: i32, disk: u128) -> NodeId {
        NodeId { broker: BrokerId(broker), incarnation: Incarnation(Uuid::from_u128(disk)) }
    }

    fn voter(id: i32) -> Voter {
        Voter { id: BrokerId(id), peer: Endpoint { host: "h".to_owned(), port: 9_000 + id as u16 } }
    }

    fn fresh(broker: i32) -> Heard {
        Heard::Hello(Hello {
            node: node(broker, 7),
            cluster: None,
            empty: true,
            leader: None,
            counted_at: None,
        })
    }

    fn settled(broker: i32) -> Heard {
        let cluster = Some(Uuid::from_u128(1));
        Heard::Hello(Hello { node: node(broker, 7), cluster, empty: false, leader: None, counted_at: None })
    }

    #[test]
    fn a_cluster_is_begun_by_the_lowest_voter_when_all_are_new() {
        let voters = [voter(0), voter(1), voter(2)];
        let begun = |step: Step| if let Step::Begin(nodes) = step { nodes.len() } else { 0 };
        let refused = || Heard::Refused(String::new());
        let cases = [
            (0, [(1, fresh(1)), (2, fresh(2))], "begin"),
            (1, [(0, fresh(0)), (2, fresh(2))], "wait"),
            (0, [(1, fresh(1)), (2, Heard::Nothing)], "wait"),
            (0, [(1, fresh(1)), (2, refused())], "wait"),
            (0, [(1, settled(1)), (2, fresh(2))], "join"),
            (0, [(1, settled(1)), (2, Heard::Nothing)], "join"),
            (1, [(0, settled(0)), (2, Heard::Nothing)], "join"),
            (0, [(1, fresh(9)), (2, fresh(2))], "wait"),
        ];
        for (me, heard, expected) in cases {
            let heard = heard.into_iter().map(|(id, heard)| (BrokerId(id), heard)).collect();
            let step = next(node(me, 5), &voters, &heard);
            let told = match &step {
                Step::Begin(_) => "begin",
                Step::Join => "join",
                Step::Wait => "wait",
            };
            assert_eq!(told, expected, "{me} {heard:?}");
            assert!(expected != "begin" || begun(step) == 3);
        }
    }

    #[test]
    fn a_broker_that_is_not_a_voter_never_begins_a_cluster() {
        let heard = BTreeMap::from([(BrokerId(0), fresh(0)), (BrokerId(1), fresh(1))]);
        assert_eq!(next(node(7, 5), &[voter(0), voter(1)], &heard), Step::Wait);
    }
}
