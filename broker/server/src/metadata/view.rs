//! The published image and the settings that follow from it: what every reader on this broker sees. Replaced as a whole
//! after each commit.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use tokio::sync::watch;
use tracing::error;
use uuid::Uuid;
use weir_core::controller::Image;
use weir_model::BrokerId;
use weir_model::config::{BrokerConfig, Pairs};

use super::parting::Parting;
use crate::partition::settings::SettingsOf;

/// A place to read the latest image from.
#[derive(Debug)]
pub(crate) struct View {
    me: BrokerId,
    file: Arc<Pairs>,
    latest: RwLock<Latest>,
    /// The cluster that the disk is of, as was written down when it was first known.
    written: OnceLock<Uuid>,
    /// Counts the images.
    count: watch::Sender<u64>,
}

#[derive(Clone, Debug)]
struct Latest {
    image: Arc<Image>,
    config: Arc<BrokerConfig>,
    parting: Parting,
}

impl View {
    /// A view of nothing yet; `config` are the static settings alone.
    pub(crate) fn new(me: BrokerId, file: Arc<Pairs>, config: BrokerConfig) -> Self {
        let config = Arc::new(config);
        let latest = RwLock::new(Latest { image: Arc::default(), config, parting: Parting::default() });
        Self { me, file, latest, written: OnceLock::new(), count: watch::Sender::new(0) }
    }

    /// The broker that looks.
    pub(crate) fn me(&self) -> BrokerId {
        self.me
    }

    /// The latest image. Hold it while one request is answered, so that the answer agrees with itself.
    pub(crate) fn image(&self) -> Arc<Image> {
        Arc::clone(&self.latest.read().unwrap_or_else(PoisonError::into_inner).image)
    }

    /// Whether clients are to be told of a broker: while it is not fenced, and for a moment after. Of this one only while it
    /// is not, for it can not serve.
    pub(crate) fn names(&self, image: &Image, id: BrokerId) -> bool {
        let fenced = image.broker(id).is_none_or(|broker| broker.registration.fenced);
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        !fenced || (id != self.me && latest.parting.names(id, Instant::now()))
    }

    /// The broker's settings as of the latest image.
    pub(crate) fn config(&self) -> Arc<BrokerConfig> {
        Arc::clone(&self.latest.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// The cluster that this disk belongs to: known before the metadata of this start is.
    pub(crate) fn cluster_id(&self) -> Option<Uuid> {
        self.written.get().copied().or_else(|| self.image().cluster_id())
    }

    /// The disk is of that cluster.
    pub(crate) fn is_of(&self, cluster: Uuid) {
        let _ = self.written.set(cluster);
    }

    /// The first image from now on that satisfies. Give it a deadline.
    pub(crate) async fn until(&self, satisfies: impl Fn(&Image) -> bool) -> Arc<Image> {
        let mut count = self.count.subscribe();
        loop {
            count.mark_unchanged();
            let image = self.image();
            if satisfies(&image) || count.changed().await.is_err() {
                return image;
            }
        }
    }

    pub(crate) fn publish(&self, image: Arc<Image>) {
        let config = SettingsOf { image: &image, me: self.me, file: &self.file }.broker();
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        match config {
            Ok(config) => latest.config = Arc::new(config),
            Err(problem) => {
                error!(error = %problem, "stored broker settings are not legal; the last ones stay")
            }
        }
        let before = std::mem::replace(&mut latest.image, Arc::clone(&image));
        latest.parting.look(&before, &image, Instant::now());
        drop(latest);
        self.count.send_modify(|count| *count += 1);
    }
}
