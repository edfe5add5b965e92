//! Who this broker is among its peers, and whether a call is meant for it. Decides from the header alone; a call that is
//! refused here changes nothing.

use bytes::Bytes;
use thiserror::Error;
use uuid::Uuid;
use weir_admin::peer::v1::Header;
use weir_model::{BrokerId, Incarnation};
use weir_quorum::NodeId;

/// Why a call is refused: its sender is a stranger here, or takes this broker for another.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Stranger {
    #[error("the call has no header")]
    NoHeader,
    #[error("the call's header is damaged: bad {0}")]
    Damaged(&'static str),
    #[error("this broker is of cluster {ours}, the call is of cluster {theirs}")]
    OtherCluster { ours: Uuid, theirs: Uuid },
    #[error("the call names no cluster, this broker is of cluster {0}")]
    NoCluster(Uuid),
    #[error("this is broker {me}, the call is for broker {asked}")]
    OtherTarget { me: BrokerId, asked: BrokerId },
    #[error("the call is for broker {0} with another disk")]
    OtherIncarnation(BrokerId),
    #[error("not the opening of an HTTP/2 connection")]
    NotHttp2,
    #[error("silent for too long after connecting")]
    Silent,
}

impl Stranger {
    /// The label of the metric.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::NoHeader | Self::Damaged(_) => "bad_header",
            Self::OtherCluster { .. } | Self::NoCluster(_) => "other_cluster",
            Self::OtherTarget { .. } => "other_target",
            Self::OtherIncarnation(_) => "other_incarnation",
            Self::NotHttp2 => "not_http2",
            Self::Silent => "silent",
        }
    }
}

/// What a kind of call must say of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Hello and Register: from brokers that may be in no cluster yet.
    Newcomer,
    /// The quorum's own: meant for one disk, and perhaps older than the cluster's id.
    Quorum,
    /// Everything else.
    Member,
}

/// Checks a header. Gives who calls.
pub(crate) fn check(
    header: Option<&Header>,
    manners: Manners,
    me: NodeId,
    ours: Option<Uuid>,
) -> Result<NodeId, Stranger> {
    let header = header.ok_or(Stranger::NoHeader)?;
    let theirs = optional_id(&header.cluster_id).ok_or(Stranger::Damaged("cluster id"))?;
    let from_disk = id(&header.from_incarnation).ok_or(Stranger::Damaged("sender"))?;
    let to_disk = optional_id(&header.to_incarnation).ok_or(Stranger::Damaged("target"))?;
    if header.from < 0 {
        return Err(Stranger::Damaged("sender"));
    }
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            return Err(Stranger::OtherCluster { ours, theirs });
        }
        (Some(ours), None) if manners == Manners::Member => return Err(Stranger::NoCluster(ours)),
        _ => {}
    }
    if header.to != me.broker.0 {
        return Err(Stranger::OtherTarget { me: me.broker, asked: BrokerId(header.to) });
    }
    match to_disk {
        Some(disk) if disk != me.incarnation.0 => return Err(Stranger::OtherIncarnation(me.broker)),
        None if manners == Manners::Quorum => return Err(Stranger::Damaged("target")),
        _ => {}
    }
    Ok(NodeId { broker: BrokerId(header.from), incarnation: Incarnation(from_disk) })
}

/// A header for a call.
pub(crate) fn header(me: NodeId, cluster: Option<Uuid>, to: BrokerId, disk: Option<Incarnation>) -> Header {
    Header {
        cluster_id: cluster.map_or_else(Bytes::new, bytes_of),
        from: me.broker.0,
        from_incarnation: bytes_of(me.incarnation.0),
        to: to.0,
        to_incarnation: disk.map_or_else(Bytes::new, |disk| bytes_of(disk.0)),
    }
}

/// An id as it is sent.
pub(crate) fn bytes_of(id: Uuid) -> Bytes {
    Bytes::copy_from_slice(id.as_bytes())
}

/// An id as it was sent.
pub(crate) fn id(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok()
}

/// `None` for damage, `Some(None)` for nothing.
pub(crate) fn optional_id(bytes: &[u8]) -> Option<Option<Uuid>> {
    if bytes.is_empty() { Some(None) } else { id(bytes).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(broker: i32, disk: u128) -> NodeId {
        NodeId { broker: BrokerId(broker), incarnation: Incarnation(Uuid::from_u128(disk)) }
    }

    #[test]
    fn a_call_is_taken_only_by_the_broker_the_disk_and_the_cluster_it_is_meant_for() {
        use Manners::{Member, Newcomer, Quorum};
        let (me, them, ours, other) = (node(1, 11), node(2, 22), Uuid::from_u128(7), Uuid::from_u128(8));
        let call = |cluster, to: NodeId, disk: bool| {
            header(them, cluster, to.broker, disk.then_some(to.incarnation))
        };
        let cases = [
            (call(Some(ours), me, true), Member, Some(ours), None),
            (call(Some(ours), me, false), Member, Some(ours), None),
            (call(Some(ours), me, false), Newcomer, None, None),
            (call(None, me, false), Newcomer, Some(ours), None),
            (call(None, me, true), Quorum, Some(ours), None),
            (call(None, me, false), Member, Some(ours), Some("other_cluster")),
            (call(Some(other), me, true), Member, Some(ours), Some("other_cluster")),
            (call(Some(other), me, true), Quorum, Some(ours), Some("other_cluster")),
            (call(Some(other), me, false), Newcomer, Some(ours), Some("other_cluster")),
            (call(Some(ours), them, true), Member, Some(ours), Some("other_target")),
            (call(Some(ours), node(1, 12), true), Member, Some(ours), Some("other_incarnation")),
            (call(Some(ours), me, false), Quorum, Some(ours), Some("bad_header")),
        ];
        for (header, manners, ours, refused) in cases {
            let verdict = check(Some(&header), manners, me, ours);
            assert_eq!(verdict.as_ref().err().map(Stranger::as_str), refused, "{header:?} {manners:?}");
            assert_eq!(verdict.ok(), refused.is_none().then_some(them));
        }
    }

    #[test]
    fn a_damaged_header_is_refused() {
        let me = node(1, 11);
        let good = header(node(2, 22), None, BrokerId(1), None);
        let damaged = |damage: fn(&mut Header)| {
            let mut header = good.clone();
            damage(&mut header);
            check(Some(&header), Manners::Newcomer, me, None).unwrap_err().as_str()
        };
        assert_eq!(check(None, Manners::Newcomer, me, None), Err(Stranger::NoHeader));
        assert_eq!(damaged(|h| h.cluster_id = Bytes::from_static(b"x")), "bad_header");
        assert_eq!(damaged(|h| h.from_incarnation = Bytes::new()), "bad_header");
        assert_eq!(damaged(|h| h.to_incarnation = Bytes::from_static(b"x")), "bad_header");
        assert_eq!(damaged(|h| h.from = -1), "bad_header");
    }
}
