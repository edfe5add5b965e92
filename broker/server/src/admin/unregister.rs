//! Unregister: a broker that has left for good is forgotten.

use weir_admin::admin::v1;
use weir_core::controller::{Decision, Image, unregister_broker};
use weir_model::config::Pairs;

use super::refusal::Refused;
use super::service::AdminService;
use super::words::{Named, check_cluster};

pub(super) async fn handle(
    service: &AdminService,
    request: v1::UnregisterRequest,
) -> Result<v1::UnregisterReply, Refused> {
    let defaults = std::sync::Arc::clone(&service.broker.file);
    service.decide(move |image, _| decide(image, &request, &defaults)).await
}

fn decide(
    image: &Image,
    request: &v1::UnregisterRequest,
    defaults: &Pairs,
) -> Decision<Result<v1::UnregisterReply, Refused>> {
    let done = |reply| Decision { records: Vec::new(), reply };
    let named =
        match check_cluster(image, &request.cluster_id).and_then(|()| Named::of(request.broker.as_ref())) {
            Ok(named) => named,
            Err(refused) => return done(Err(refused)),
        };
    // It is gone already: what was asked for.
    if image.broker(named.id).is_none() {
        return done(Ok(v1::UnregisterReply { changed: false }));
    }
    let decision = unregister_broker::decide(image, named.id, Some(named.incarnation), defaults);
    let reply = decision.reply.map(|()| v1::UnregisterReply { changed: true }).map_err(Refused::from);
    Decision { records: decision.records, reply }
}

#[cfg(test)]
mod tests {
    use weir_admin::admin::v1::RefusalReason as Reason;
    use weir_core::controller::Record;
    use weir_model::BrokerId;

    use super::super::tests::{DISK, OTHER_DISK, image, reference, with_topic};
    use super::*;

    fn ask(image: &Image, id: i32, disk: u128) -> Result<bool, Reason> {
        let request = v1::UnregisterRequest { broker: Some(reference(id, disk)), ..Default::default() };
        let decision = decide(image, &request, &Pairs::new());
        assert_eq!(decision.records.is_empty(), !decision.reply.as_ref().is_ok_and(|reply| reply.changed));
        decision.reply.map(|reply| reply.changed).map_err(|refused| refused.reason)
    }

    #[test]
    fn only_a_broker_that_is_gone_and_holds_nothing_is_forgotten() {
        let mut image = image();
        assert_eq!(ask(&image, 1, DISK), Err(Reason::BrokerAlive));
        for id in [0, 1] {
            let id = BrokerId(id);
            image.apply(&Record::BrokerFencingChanged { id, fenced: true }).unwrap();
        }
        assert_eq!(ask(&image, 1, OTHER_DISK), Err(Reason::WrongIncarnation));
        assert_eq!(ask(&image, 1, DISK), Ok(true));
        assert_eq!(ask(&image, 9, DISK), Ok(false));
        let held = with_topic(image, "t", &[0]);
        assert_eq!(ask(&held, 0, DISK), Err(Reason::BrokerHoldsReplicas));
    }
}
