//! All brokers at once: each is asked what it measures, in parallel and not for long. What does not answer is marked, and
//! nothing waits for it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::timeout;
use weir_admin::admin::v1;
use weir_core::controller::{Image, Registration};
use weir_model::{BrokerId, Incarnation};

use super::words::incarnation;
use super::{describe_broker, service::AdminService};

/// Brokers that are asked at the same time.
const AT_ONCE: usize = 32;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// What each broker said, or why it said nothing.
pub(super) type Answers = BTreeMap<BrokerId, Result<v1::DescribeBrokerReply, String>>;

/// Asks each broker its question.
pub(super) async fn ask(
    service: &AdminService,
    image: &Image,
    questions: impl IntoIterator<Item = (BrokerId, v1::DescribeBrokerRequest)>,
) -> Answers {
    let known = questions.into_iter().filter_map(|(id, question)| Some((image.broker(id)?, question)));
    let asked = known.map(|(broker, question)| {
        let registration = broker.registration.clone();
        async move { (registration.id, one(service, &registration, question).await) }
    });
    let asked: Vec<_> = asked.collect();
    stream::iter(asked).buffer_unordered(AT_ONCE).collect().await
}

async fn one(
    service: &AdminService,
    registration: &Registration,
    request: v1::DescribeBrokerRequest,
) -> Result<v1::DescribeBrokerReply, String> {
    if registration.id == service.broker.id {
        return describe_broker::handle(service, request).await.map_err(|refused| refused.message);
    }
    let address = registration.admin.as_ref().ok_or("it has no weir.admin.listener")?;
    let mut client = service.reach.client(address).map_err(|refused| refused.message)?;
    match timeout(PATIENCE, client.describe_broker(request)).await {
        Ok(Ok(reply)) => checked(reply.into_inner(), registration.id, registration.incarnation),
        Ok(Err(status)) => Err(status.message().to_owned()),
        Err(_) => Err(format!("it did not answer within {} ms", PATIENCE.as_millis())),
    }
}

/// An address may lead to another broker by now.
fn checked(
    reply: v1::DescribeBrokerReply,
    id: BrokerId,
    disk: Incarnation,
) -> Result<v1::DescribeBrokerReply, String> {
    let same = reply.broker.as_ref().is_some_and(|broker| {
        broker.id == id.0 && incarnation(&broker.incarnation).is_ok_and(|found| found == disk)
    });
    if same { Ok(reply) } else { Err("another broker, or another disk, answers at its address".to_owned()) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::words::broker_ref;
    use super::*;

    #[test]
    fn what_another_broker_or_disk_says_is_not_believed() {
        let (id, disk) = (BrokerId(1), Incarnation(Uuid::from_u128(5)));
        let reply = |id, disk| v1::DescribeBrokerReply {
            broker: Some(broker_ref(id, disk)),
            ..v1::DescribeBrokerReply::default()
        };
        assert!(checked(reply(id, disk), id, disk).is_ok());
        assert!(checked(reply(BrokerId(2), disk), id, disk).is_err());
        assert!(checked(reply(id, Incarnation(Uuid::from_u128(6))), id, disk).is_err());
        assert!(checked(v1::DescribeBrokerReply::default(), id, disk).is_err());
    }
}
