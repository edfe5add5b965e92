//! Whether the cluster has let this broker in: one that registers is fenced until the metadata says otherwise.

use std::sync::Arc;

use weir_core::controller::Image;
use weir_model::BrokerId;

use crate::metadata::View;

/// What the metadata that this broker follows says of one registration of its own.
pub(crate) struct Gate {
    pub(crate) view: Arc<View>,
    pub(crate) me: BrokerId,
    pub(crate) epoch: i64,
}

impl Gate {
    pub(super) fn is_shut(&self) -> bool {
        self.is_shut_in(&self.view.image())
    }

    /// Returns when the broker is let in; at once when it has been.
    pub(super) async fn opens(&self) {
        self.view.until(|image| !self.is_shut_in(image)).await;
    }

    fn is_shut_in(&self, image: &Image) -> bool {
        let registration = image.broker(self.me).map(|broker| &broker.registration);
        registration.is_none_or(|registration| registration.epoch != self.epoch || registration.fenced)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use weir_core::controller::{Record, Registration};
    use weir_model::config::Pairs;

    use super::*;
    use crate::settings::StaticSettings;

    const ME: BrokerId = BrokerId(1);

    fn image(id: BrokerId, epoch: i64, fenced: bool) -> Arc<Image> {
        let mut image = Image::default();
        let registration = Registration { id, epoch, fenced, ..Registration::default() };
        image.apply(&Record::BrokerRegistered(registration)).unwrap();
        Arc::new(image)
    }

    #[test]
    fn it_opens_when_this_registration_of_this_broker_is_fenced_no_more() {
        let config = StaticSettings::from_pairs(Pairs::new()).unwrap().config;
        let view = Arc::new(View::new(ME, Arc::default(), config));
        let gate = Gate { view: Arc::clone(&view), me: ME, epoch: 7 };
        let mut opens = Box::pin(gate.opens());
        for (what, shut) in [
            ("not registered", Arc::default()),
            ("somebody else", image(BrokerId(2), 7, false)),
            ("fenced", image(ME, 7, true)),
            ("as it was before it registered anew", image(ME, 6, false)),
        ] {
            view.publish(shut);
            assert!(gate.is_shut() && opens.as_mut().now_or_never().is_none(), "{what}");
        }
        view.publish(image(ME, 7, false));
        assert!(!gate.is_shut());
        assert!(opens.now_or_never().is_some());
        assert!(gate.opens().now_or_never().is_some(), "and stays so");
    }
}
