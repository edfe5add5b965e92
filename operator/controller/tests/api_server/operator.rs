//! The operator as a process, as it is shipped.

use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::control_plane::write_kubeconfig;

/// A running operator.
pub(crate) struct Operator(Child);

impl Operator {
    /// Starts one that reaches the API server at `server`. Its log goes to `directory`.
    pub(crate) fn start(directory: &Path, identity: &str, server: &str, namespace: &str) -> Self {
        let kubeconfig = directory.join(format!("{identity}.kubeconfig"));
        write_kubeconfig(&kubeconfig, server, "unused");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(directory.join(format!("{identity}.log")))
            .expect("a log file");
        let child = Command::new(env!("CARGO_BIN_EXE_weir-operator"))
            .args(["run", "--http", "127.0.0.1:0", "--identity", identity, "--namespaces", namespace])
            .args(["--lease-namespace", "default", "--lease-name", namespace])
            .args(["--log", "info,weir_operator=debug", "--admin-address", crate::brokers::ADDRESS])
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        Self(child.expect("the operator starts"))
    }

    /// Kills it as a node failure would.
    pub(crate) async fn kill(mut self) {
        self.0.kill().await.expect("it was running");
    }

    /// The memory that it holds, in MiB.
    pub(crate) fn resident_mib(&self) -> u64 {
        let pid = self.0.id().expect("it runs");
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("its memory");
        let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
        pages * 4096 / (1 << 20)
    }

    /// Whether it runs still.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}
