//! Ctrl-C: the first one asks for a clean end, a second one ends the process at once.

use tokio::sync::watch;

/// Says when the user wants to stop.
pub(super) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    pub(super) fn listen() -> Self {
        let (asked, receiver) = watch::channel(false);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            let _ = asked.send(true);
            if tokio::signal::ctrl_c().await.is_ok() {
                // By convention 128 and the number of SIGINT.
                std::process::exit(130);
            }
        });
        Self(receiver)
    }

    /// Returns when the user has asked to stop, else never.
    pub(super) async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
