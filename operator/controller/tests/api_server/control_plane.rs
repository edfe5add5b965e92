//! A real control plane on loopback: etcd, the API server, and the controllers of StatefulSets and of garbage. No kubelet:
//! `kubelet.rs` stands in for it. Everything is in one directory and ends with the value.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kube::{Client, Config};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::waiting::eventually;

const TOKEN: &str = "loopback-only";
const NEEDED: [&str; 3] = ["etcd", "kube-apiserver", "kube-controller-manager"];

/// Where the programs are: built by `e2e/kind/run build`.
fn programs() -> PathBuf {
    let cache = std::env::var_os("WEIR_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/weir"),
        PathBuf::from,
    );
    cache.join("k8s/bin")
}

/// A running control plane.
pub(crate) struct ControlPlane {
    pub(crate) client: Client,
    _processes: Vec<Child>,
    directory: TempDir,
}

impl ControlPlane {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let programs = programs();
        let missing: Vec<_> = NEEDED.iter().filter(|name| !programs.join(name).exists()).collect();
        assert!(
            missing.is_empty(),
            "{missing:?} not found in {}: build them with `e2e/kind/run build`",
            programs.display()
        );
        let directory = tempfile::tempdir().expect("a directory for the control plane");
        keys(directory.path()).await;
        let ports = free_ports();
        let etcd = etcd(&programs, directory.path(), ports);
        let server = api_server(&programs, directory.path(), ports);
        let client = connect(ports[2]).await;
        kubeconfig(directory.path(), ports[2]);
        let manager = controller_manager(&programs, directory.path());
        eventually("the default namespace has its service account", Duration::from_secs(60), || async {
            let accounts: kube::Api<k8s_openapi::api::core::v1::ServiceAccount> =
                kube::Api::namespaced(client.clone(), "default");
            accounts.get_opt("default").await.ok().flatten()
        })
        .await;
        Self { client, _processes: vec![manager, server, etcd], directory }
    }

    /// Where logs are, for a failure.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

async fn keys(directory: &Path) {
    let key = directory.join("accounts.key");
    let made = Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048").output().await;
    assert!(made.expect("openssl").status.success());
    std::fs::write(directory.join("tokens.csv"), format!("{TOKEN},admin,admin,system:masters\n"))
        .expect("tokens");
}

/// Ports that nobody has now: etcd's clients and peers, the API server.
fn free_ports() -> [u16; 3] {
    let sockets = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    sockets.map(|socket| socket.local_addr().expect("an address").port())
}

fn spawn(program: &Path, directory: &Path, arguments: &[String]) -> Child {
    let name = program.file_name().and_then(|name| name.to_str()).expect("a name");
    let log = std::fs::File::create(directory.join(format!("{name}.log"))).expect("a log file");
    let errors = log.try_clone().expect("a log file");
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{name} does not start: {error}"))
}

fn etcd(programs: &Path, directory: &Path, [clients, peers, _]: [u16; 3]) -> Child {
    let at = |port: u16| format!("http://127.0.0.1:{port}");
    let arguments = [
        format!("--data-dir={}", directory.join("etcd").display()),
        format!("--listen-client-urls={}", at(clients)),
        format!("--advertise-client-urls={}", at(clients)),
        format!("--listen-peer-urls={}", at(peers)),
        format!("--initial-advertise-peer-urls={}", at(peers)),
        format!("--initial-cluster=default={}", at(peers)),
        "--unsafe-no-fsync".to_owned(),
    ];
    spawn(&programs.join("etcd"), directory, &arguments)
}

fn api_server(programs: &Path, directory: &Path, [clients, _, port]: [u16; 3]) -> Child {
    let file = |name: &str| directory.join(name).display().to_string();
    let arguments = [
        format!("--etcd-servers=http://127.0.0.1:{clients}"),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--cert-dir={}", file("certificates")),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", file("accounts.key")),
        format!("--service-account-signing-key-file={}", file("accounts.key")),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
    ];
    spawn(&programs.join("kube-apiserver"), directory, &arguments)
}

fn controller_manager(programs: &Path, directory: &Path) -> Child {
    let arguments = [
        format!("--kubeconfig={}", directory.join("kubeconfig").display()),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        "--controllers=statefulset-controller,garbage-collector-controller,namespace-controller,\
         serviceaccount-controller,disruption-controller"
            .to_owned(),
        "--concurrent-gc-syncs=2".to_owned(),
    ];
    spawn(&programs.join("kube-controller-manager"), directory, &arguments)
}

fn kubeconfig(directory: &Path, port: u16) {
    write_kubeconfig(&directory.join("kubeconfig"), &format!("https://127.0.0.1:{port}"), TOKEN);
}

/// A kubeconfig for that address.
pub(crate) fn write_kubeconfig(path: &Path, server: &str, token: &str) {
    let insecure = server.starts_with("https");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: c, cluster: {{server: '{server}', insecure-skip-tls-verify: {insecure}}}}}]\n\
         users: [{{name: u, user: {{token: '{token}'}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u, namespace: weir-system}}}}]\n"
    );
    std::fs::write(path, text).expect("a kubeconfig");
}

async fn connect(port: u16) -> Client {
    let mut config = Config::new(format!("https://127.0.0.1:{port}").parse().expect("an address"));
    config.accept_invalid_certs = true;
    config.auth_info.token = Some(TOKEN.to_owned().into());
    let client = Client::try_from(config).expect("a client");
    eventually("the API server answers", Duration::from_secs(120), || async {
        let request = http::Request::get("/readyz").body(Vec::new()).ok()?;
        client.request_text(request).await.ok()
    })
    .await;
    client
}
