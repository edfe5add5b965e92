//! Which fenced brokers clients are still told of. Decides on values and is told the time.
//!
//! A client that hears in one answer that a leader is another one and that the old one is no broker any more has to hand
//! its partitions over and to give the old broker up at the same moment. librdkafka (2.10 and later) loses that race: the
//! partition is left with nobody until the next regular refresh, a second later with a client that is tuned, five minutes
//! with one that is not. So whoever was fenced is named for some seconds more, as it was before its fencing was noticed; it
//! leads nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use weir_core::controller::Image;
use weir_model::BrokerId;

/// How long a fenced broker is still named: several refreshes of a client that is tuned to notice quickly. Not for longer,
/// since clients may try to reach it.
const NAMED_FOR: Duration = Duration::from_secs(5);

/// Who was seen to be fenced, and when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parting {
    since: BTreeMap<BrokerId, Instant>,
}

impl Parting {
    /// The metadata has changed.
    pub(super) fn look(&mut self, before: &Image, after: &Image, now: Instant) {
        self.since.retain(|id, since| is_fenced(after, *id) && now.duration_since(*since) < NAMED_FOR);
        let ids = after.brokers().map(|broker| broker.registration.id);
        let fenced = ids.filter(|id| is_fenced(after, *id) && before.is_active(*id));
        self.since.extend(fenced.map(|id| (id, now)));
    }

    /// Whether a broker that is fenced is to be named all the same.
    pub(crate) fn names(&self, id: BrokerId, now: Instant) -> bool {
        self.since.get(&id).is_some_and(|since| now.saturating_duration_since(*since) < NAMED_FOR)
    }
}

fn is_fenced(image: &Image, id: BrokerId) -> bool {
    image.broker(id).is_some_and(|broker| broker.registration.fenced)
}

#[cfg(test)]
mod tests {
    use weir_core::controller::{Record, Registration};

    use super::*;

    const ID: BrokerId = BrokerId(1);

    fn image(fenced: bool) -> Image {
        let mut image = Image::default();
        let registration = Registration { id: ID, fenced, ..Registration::default() };
        image.apply(&Record::BrokerRegistered(registration)).unwrap();
        image
    }

    #[test]
    fn a_broker_is_named_for_some_seconds_after_it_was_fenced() {
        let (mut parting, at) = (Parting::default(), Instant::now());
        let (active, fenced) = (image(false), image(true));
        parting.look(&active, &active, at);
        assert!(!parting.names(ID, at));
        parting.look(&active, &fenced, at);
        parting.look(&fenced, &fenced, at + NAMED_FOR / 2);
        assert!(parting.names(ID, at + NAMED_FOR / 2));
        assert!(!parting.names(ID, at + NAMED_FOR));
        assert!(!parting.names(BrokerId(2), at));
    }

    #[test]
    fn who_is_back_gone_or_was_never_there_is_not_named() {
        let at = Instant::now();
        let (active, fenced, nobody) = (image(false), image(true), Image::default());
        for after in [&active, &nobody] {
            let mut parting = Parting::default();
            parting.look(&active, &fenced, at);
            parting.look(&fenced, after, at);
            assert!(!parting.names(ID, at));
        }
        let mut parting = Parting::default();
        parting.look(&nobody, &fenced, at);
        assert!(!parting.names(ID, at), "one that has only registered");
    }
}
