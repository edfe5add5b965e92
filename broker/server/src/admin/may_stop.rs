//! MayStop: the controller's reasons against a stop, in the words of the service. A question; nothing is reserved.

use weir_admin::admin::v1;
use weir_admin::admin::v1::StopReasonKind as Kind;
use weir_core::controller::may_stop::{Affected, Quorum, Reason, may_stop};
use weir_core::controller::{Decision, Image};
use weir_model::config::Pairs;

use super::refusal::Refused;
use super::service::AdminService;
use super::standing::Standing;
use super::words::{Named, check_cluster, partition_ref};

pub(super) async fn handle(
    service: &AdminService,
    request: v1::MayStopRequest,
) -> Result<v1::MayStopReply, Refused> {
    let (standing, defaults) = (service.standing(), std::sync::Arc::clone(&service.broker.file));
    // Asked by way of the controller's loop, so that the answer is about everything decided before.
    service
        .decide(move |image, _| Decision {
            records: Vec::new(),
            reply: answer(image, &request, &standing, &defaults),
        })
        .await
}

fn answer(
    image: &Image,
    request: &v1::MayStopRequest,
    standing: &Standing,
    defaults: &Pairs,
) -> Result<v1::MayStopReply, Refused> {
    check_cluster(image, &request.cluster_id)?;
    let named = Named::of(request.broker.as_ref())?;
    named.registered(image)?;
    let voters = standing.voter_ids();
    let quorum = Quorum { voters: &voters, live: &standing.live };
    let found = may_stop(image, named.id, named.incarnation, quorum, defaults);
    let (unavoidable, mut reasons): (Vec<_>, Vec<_>) = found
        .iter()
        .map(|reason| (reason.is_unavoidable(), row(image, reason)))
        .partition(|(never, _)| *never);
    if standing.is_fresh {
        reasons.push((false, not_known()));
    }
    let rows = |rows: Vec<(bool, v1::StopReason)>| rows.into_iter().map(|(_, row)| row).collect();
    Ok(v1::MayStopReply {
        may_stop: reasons.is_empty(),
        reasons: rows(reasons),
        unavoidable: rows(unavoidable),
    })
}

fn not_known() -> v1::StopReason {
    v1::StopReason {
        kind: Kind::NotKnown.into(),
        message: "the controller is new and does not know yet which brokers live".to_owned(),
        ..v1::StopReason::default()
    }
}

fn row(image: &Image, reason: &Reason) -> v1::StopReason {
    let plain = |kind: Kind, message: String| v1::StopReason {
        kind: kind.into(),
        message,
        ..v1::StopReason::default()
    };
    let about = |kind: Kind, affected: &Affected, what: &str| {
        let (id, index) = affected.first;
        let topic = image.topic_by_id(id).map(|topic| topic.name.as_str().to_owned()).unwrap_or_default();
        let count = affected.partitions;
        let others = if count > 1 { format!(" and {} others", count - 1) } else { String::new() };
        v1::StopReason {
            kind: kind.into(),
            message: format!("partition {topic}-{index}{others} {what}"),
            partitions: count as u64,
            example: Some(partition_ref(id, index)),
            example_topic: topic,
        }
    };
    match reason {
        // These two were refused before.
        Reason::UnknownBroker => plain(Kind::NotKnown, "the broker is not registered".to_owned()),
        Reason::WrongIncarnation { current } => {
            plain(Kind::NotKnown, format!("the broker has the disk of incarnation {current}"))
        }
        Reason::Offline(affected) => {
            about(Kind::Offline, affected, "would have no leader: its other replicas are behind")
        }
        Reason::BelowMinIsr(affected) => {
            about(Kind::BelowMinIsr, affected, "would have fewer replicas in sync than min.insync.replicas")
        }
        Reason::SingleReplica(affected) => about(Kind::Offline, affected, "has no other replica"),
        Reason::EveryReplicaNeeded(affected) => {
            about(Kind::BelowMinIsr, affected, "needs all of its replicas: min.insync.replicas is as many")
        }
        Reason::MovesInFlight(affected) => about(Kind::MovesInFlight, affected, "is being moved"),
        Reason::QuorumMajority { voters, live } => plain(
            Kind::QuorumMajority,
            format!("the quorum would have {live} of {voters} voters, which is no majority"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use weir_admin::admin::v1::RefusalReason;
    use weir_model::BrokerId;

    use super::super::tests::{DISK, OTHER_DISK, image, reference, with_topic};
    use super::*;

    fn standing(voters: &[i32], live: &[i32]) -> Standing {
        let member = |id: &i32| v1::QuorumMember { broker: Some(reference(*id, DISK)), matched_index: None };
        Standing {
            voters: voters.iter().map(member).collect(),
            live: live.iter().copied().map(BrokerId).collect(),
            ..Standing::default()
        }
    }

    fn ask(
        image: &Image,
        id: i32,
        disk: u128,
        standing: &Standing,
    ) -> Result<v1::MayStopReply, RefusalReason> {
        let request = v1::MayStopRequest { broker: Some(reference(id, disk)), ..Default::default() };
        answer(image, &request, standing, &Pairs::new()).map_err(|refused| refused.reason)
    }

    #[test]
    fn what_can_not_be_helped_does_not_speak_against_a_stop_and_is_told() {
        let single = with_topic(image(), "t", &[0]);
        let reply = ask(&single, 0, DISK, &standing(&[0, 1, 2], &[0, 1, 2])).unwrap();
        assert!(reply.may_stop && reply.reasons.is_empty());
        let told = &reply.unavoidable[0];
        assert_eq!((told.kind(), told.partitions, &*told.example_topic), (Kind::Offline, 1, "t"));
        assert!(told.message.contains("t-0"), "{}", told.message);
    }

    #[test]
    fn a_majority_that_would_be_lost_and_a_new_controller_are_reasons_to_wait() {
        let image = image();
        let reply = ask(&image, 0, DISK, &standing(&[0, 1, 2], &[0, 1])).unwrap();
        assert_eq!((reply.may_stop, reply.reasons[0].kind()), (false, Kind::QuorumMajority));
        let fresh = Standing { is_fresh: true, ..standing(&[0, 1, 2], &[0, 1, 2]) };
        let reply = ask(&image, 0, DISK, &fresh).unwrap();
        assert_eq!((reply.may_stop, reply.reasons[0].kind()), (false, Kind::NotKnown));
    }

    #[test]
    fn another_disk_and_an_unknown_broker_are_refused() {
        let all = standing(&[0, 1, 2], &[0, 1, 2]);
        assert_eq!(ask(&image(), 0, OTHER_DISK, &all).unwrap_err(), RefusalReason::WrongIncarnation);
        assert_eq!(ask(&image(), 9, DISK, &all).unwrap_err(), RefusalReason::UnknownBroker);
    }
}
