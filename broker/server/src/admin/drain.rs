//! Drain and Undrain: whether new replicas may be placed on a broker. Moving away those that it has is said by moves.

use weir_admin::admin::v1;
use weir_core::controller::{Decision, Image, drain as drains};

use super::refusal::Refused;
use super::service::AdminService;
use super::words::{Named, check_cluster};

pub(super) async fn drain(
    service: &AdminService,
    request: v1::DrainRequest,
) -> Result<v1::DrainReply, Refused> {
    service.decide(move |image, _| decide_drain(image, &request)).await
}

pub(super) async fn undrain(
    service: &AdminService,
    request: v1::UndrainRequest,
) -> Result<v1::UndrainReply, Refused> {
    service.decide(move |image, _| decide_undrain(image, &request)).await
}

fn decide_drain(image: &Image, request: &v1::DrainRequest) -> Decision<Result<v1::DrainReply, Refused>> {
    decide(image, &request.cluster_id, request.broker.as_ref(), true, |named, changed| v1::DrainReply {
        replicas: image.replica_count(named.id) as u64,
        leaders: image.leader_count(named.id) as u64,
        changed,
    })
}

fn decide_undrain(
    image: &Image,
    request: &v1::UndrainRequest,
) -> Decision<Result<v1::UndrainReply, Refused>> {
    decide(image, &request.cluster_id, request.broker.as_ref(), false, |_, changed| v1::UndrainReply {
        changed,
    })
}

fn decide<R>(
    image: &Image,
    cluster: &str,
    broker: Option<&v1::BrokerRef>,
    drained: bool,
    reply: impl Fn(Named, bool) -> R,
) -> Decision<Result<R, Refused>> {
    let named = match check_cluster(image, cluster).and_then(|()| Named::of(broker)) {
        Ok(named) => named,
        Err(refused) => return Decision { records: Vec::new(), reply: Err(refused) },
    };
    let decision = drains::decide(image, named.id, named.incarnation, drained);
    let changed = !decision.records.is_empty();
    let reply = decision.reply.map(|()| reply(named, changed)).map_err(Refused::from);
    Decision { records: decision.records, reply }
}

#[cfg(test)]
mod tests {
    use weir_admin::admin::v1::RefusalReason as Reason;

    use super::super::tests::{DISK, OTHER_DISK, image, reference};
    use super::*;

    #[test]
    fn draining_names_the_disk_and_may_be_said_twice() {
        let mut image = image();
        let ask = |id, disk| v1::DrainRequest { broker: Some(reference(id, disk)), ..Default::default() };
        let first = decide_drain(&image, &ask(1, DISK));
        assert!(first.reply.unwrap().changed);
        first.records.iter().for_each(|record| image.apply(record).unwrap());
        let again = decide_drain(&image, &ask(1, DISK));
        assert!(!again.reply.unwrap().changed && again.records.is_empty());
        let back = v1::UndrainRequest { broker: Some(reference(1, DISK)), ..Default::default() };
        assert!(decide_undrain(&image, &back).reply.unwrap().changed);
    }

    #[test]
    fn what_means_another_broker_disk_or_cluster_is_refused_and_changes_nothing() {
        let image = image();
        let ask = |cluster: &str, broker| v1::DrainRequest { cluster_id: cluster.to_owned(), broker };
        let nameless = v1::BrokerRef { id: 1, incarnation: String::new() };
        let odd = v1::BrokerRef { id: 1, incarnation: "x".to_owned() };
        let cases = [
            (ask("", Some(reference(1, OTHER_DISK))), Reason::WrongIncarnation),
            (ask("", Some(reference(9, DISK))), Reason::UnknownBroker),
            (ask("", None), Reason::InvalidArgument),
            (ask("", Some(nameless)), Reason::InvalidArgument),
            (ask("", Some(odd)), Reason::InvalidArgument),
            (ask("AAAAAAAAAAAAAAAAAAAAAQ", Some(reference(1, DISK))), Reason::WrongCluster),
        ];
        for (request, wanted) in cases {
            let decision = decide_drain(&image, &request);
            let refused = decision.reply.unwrap_err();
            assert_eq!((refused.reason, decision.records.len()), (wanted, 0), "{request:?}");
            assert!(!refused.advice.is_empty());
        }
    }
}
