//! Whether a disk that has been in a cluster may come back to it here: asked of the other voters before this broker's
//! node of the quorum says a word, for a copy of a disk would vote twice, and a disk of another cluster has nothing to
//! say. Decides from what they answer; silence is no reason against a start, since all may start at once.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::bail;
use futures_util::future::join_all;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::timeout;
use weir_model::config::{Endpoint, Voter};
use weir_quorum::NodeId;

use super::forming::{Heard, hello_within};
use crate::metadata::View;
use crate::peers::Dialer;

/// How long one answer may take. Asked once in a life, and only who can not be reached at all takes so long.
const HELLO_MAX: Duration = Duration::from_secs(2);

/// What the voters' answers come to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// All who answered refuse this broker; one of them says why.
    Elsewhere(String),
    /// Nobody objects. At these addresses the cluster counts on a broker with this very disk.
    Counted(Vec<Endpoint>),
}

/// Fails when the disk must not be started here.
pub(crate) async fn check(
    view: &View,
    me: NodeId,
    voters: &[Voter],
    own: &[TcpListener],
) -> anyhow::Result<()> {
    let dialer = Dialer::new(Handle::current());
    let others = voters.iter().filter(|voter| voter.id != me.broker);
    let asked = others.map(|voter| hello_within(HELLO_MAX, &dialer, view, me, voter.id, &voter.peer));
    let counted = match judge(&join_all(asked).await) {
        Verdict::Elsewhere(why) => bail!(
            "every broker that answered refuses this one: {why}. Is the data directory one of another cluster? \
             Set log.dirs to this cluster's, or controller.quorum.voters to the brokers that it belongs to; a new \
             broker starts with an empty directory"
        ),
        Verdict::Counted(counted) => counted,
    };
    for at in counted {
        if leads_here(&at, own).await {
            continue;
        }
        let twin = match hello_within(HELLO_MAX, &dialer, view, me, me.broker, &at).await {
            Heard::Hello(hello) => hello.node == me,
            Heard::Nothing | Heard::Refused(_) => false,
        };
        if twin {
            bail!(
                "broker {} runs already, with this very disk, at {at}: a data directory must not be copied. Stop that \
                 broker first, or start this one with an empty directory and a node.id of its own",
                me.broker
            );
        }
    }
    Ok(())
}

fn judge(heard: &[Heard]) -> Verdict {
    let mut counted: Vec<Endpoint> = Vec::new();
    let (mut friends, mut refusal) = (false, None);
    for one in heard {
        match one {
            Heard::Nothing => {}
            Heard::Refused(why) => refusal = Some(why),
            Heard::Hello(hello) => {
                friends = true;
                counted.extend(hello.counted_at.clone().filter(|at| !counted.contains(at)));
            }
        }
    }
    match refusal {
        Some(why) if !friends => Verdict::Elsewhere(why.clone()),
        _ => Verdict::Counted(counted),
    }
}

/// Whether that address is this process's own: it is bound, but nobody answers there yet.
async fn leads_here(at: &Endpoint, own: &[TcpListener]) -> bool {
    let Ok(Ok(dialled)) = timeout(HELLO_MAX, TcpStream::connect((at.host.as_str(), at.port))).await else {
        return false;
    };
    let (Ok(there), Ok(here)) = (dialled.peer_addr(), dialled.local_addr()) else { return false };
    own.iter().filter_map(|socket| socket.local_addr().ok()).any(|own| is_own(own, there, here.ip()))
}

/// Whether a connection from `here` that reached `there` has reached the socket `own`.
fn is_own(own: SocketAddr, there: SocketAddr, here: IpAddr) -> bool {
    let on_this_host = there.ip() == here || there.ip().is_loopback();
    own.port() == there.port() && on_this_host && (own.ip() == there.ip() || own.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_model::{BrokerId, Incarnation};

    use super::super::forming::Hello;
    use super::*;

    fn at(port: u16) -> Endpoint {
        Endpoint { host: "h".to_owned(), port }
    }

    fn greets(counted_at: Option<Endpoint>) -> Heard {
        let node = NodeId { broker: BrokerId(1), incarnation: Incarnation(Uuid::from_u128(1)) };
        Heard::Hello(Hello { node, cluster: None, empty: false, leader: None, counted_at })
    }

    #[test]
    fn only_a_disk_that_everybody_refuses_is_in_the_wrong_place() {
        let refused = || Heard::Refused("another cluster".to_owned());
        let nobody = Verdict::Counted(Vec::new());
        assert_eq!(judge(&[]), nobody);
        assert_eq!(judge(&[Heard::Nothing, Heard::Nothing]), nobody);
        assert_eq!(judge(&[refused(), greets(None)]), nobody);
        assert_eq!(judge(&[refused(), Heard::Nothing]), Verdict::Elsewhere("another cluster".to_owned()));
    }

    #[test]
    fn the_places_where_the_cluster_counts_on_this_disk_are_looked_at() {
        let heard = [greets(Some(at(1))), greets(None), greets(Some(at(1))), greets(Some(at(2)))];
        assert_eq!(judge(&heard), Verdict::Counted(vec![at(1), at(2)]));
    }

    #[test]
    fn a_socket_of_ones_own_is_known_by_port_and_host() {
        let own = |own: &str, there: &str, here: &str| {
            is_own(own.parse().unwrap(), there.parse().unwrap(), here.parse().unwrap())
        };
        assert!(own("127.0.0.1:7", "127.0.0.1:7", "127.0.0.1"));
        assert!(own("0.0.0.0:7", "127.0.1.2:7", "127.0.0.1"));
        assert!(own("0.0.0.0:7", "10.0.0.1:7", "10.0.0.1"));
        assert!(!own("0.0.0.0:7", "10.0.0.2:7", "10.0.0.1"));
        assert!(!own("127.0.1.1:7", "127.0.1.2:7", "127.0.0.1"));
        assert!(!own("127.0.0.1:7", "127.0.0.1:8", "127.0.0.1"));
    }
}
