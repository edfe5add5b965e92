//! The published image: what every reader on this broker sees. Replaced as a whole after each commit.

use std::sync::{Arc, PoisonError, RwLock};

use weir_core::controller::Image;

/// A place to read the latest image from.
#[derive(Debug, Default)]
pub(crate) struct View {
    image: RwLock<Arc<Image>>,
}

impl View {
    /// The latest image. Hold it while one request is answered, so that the answer agrees with itself.
    pub(crate) fn image(&self) -> Arc<Image> {
        Arc::clone(&self.image.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn publish(&self, image: Image) -> Arc<Image> {
        let image = Arc::new(image);
        *self.image.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&image);
        image
    }
}
