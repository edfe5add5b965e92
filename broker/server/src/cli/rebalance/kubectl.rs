//! The way to Kubernetes: the user's kubectl, a process for each question, each with a deadline. Decides which Cluster is
//! meant, and what kubectl's complaints mean to a user. Nothing is tried again.

use std::io;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::cluster::{Cluster, Clusters};
use super::target::Target;
use crate::cli::failure::Failure;

/// The kind with its group: other operators have Clusters too.
const CLUSTERS: &str = "clusters.weir.dev";
/// The most that is read of an answer: a Cluster of a thousand brokers has a fifth of a megabyte.
const ANSWER_MAX: u64 = 64 << 20;

/// Calls kubectl.
pub(super) struct Kubectl<'a> {
    pub(super) target: &'a Target,
    patience: Duration,
}

impl<'a> Kubectl<'a> {
    pub(super) const fn new(target: &'a Target, patience: Duration) -> Self {
        Self { target, patience }
    }

    /// The Cluster that is meant, as it is now.
    pub(super) async fn cluster(&self) -> Result<Cluster, Failure> {
        match &self.target.cluster {
            Some(name) => parse(&self.run(&["get", CLUSTERS, name, "--output=json"]).await?),
            None => {
                let there: Clusters = parse(&self.run(&["get", CLUSTERS, "--output=json"]).await?)?;
                the_only(there.items, self.target)
            }
        }
    }

    /// Merges a patch into that Cluster; gives it as it is then.
    pub(super) async fn patch(&self, cluster: &Cluster, patch: &Value) -> Result<Cluster, Failure> {
        let patch = format!("--patch={patch}");
        let name = &cluster.metadata.name;
        parse(&self.run(&["patch", CLUSTERS, name, "--type=merge", &patch, "--output=json"]).await?)
    }

    /// What kubectl prints, if it does what it is told.
    async fn run(&self, words: &[&str]) -> Result<Vec<u8>, Failure> {
        let mut command = Command::new(&self.target.kubectl);
        command.args(words).args(self.target.flags()).kill_on_drop(true);
        // A login may have to ask its user.
        command.stdin(Stdio::inherit()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(|error| self.unstartable(&error))?;
        let done = tokio::time::timeout(self.patience, finish(child)).await;
        let output = done.map_err(|_| self.silent())?.map_err(|source| {
            let what = format!("reading what {} says", self.target.kubectl.display());
            Failure::Io { what, source }
        })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(refusal(&String::from_utf8_lossy(&output.stderr), self.target))
    }

    fn unstartable(&self, error: &io::Error) -> Failure {
        let path = self.target.kubectl.display();
        if error.kind() == io::ErrorKind::NotFound {
            return Failure::refused(
                format!("there is no program {path}"),
                "these commands speak to Kubernetes through kubectl: install it, or name it with --kubectl PATH",
            );
        }
        Failure::refused(format!("{path} can not be started: {error}"), "name another with --kubectl PATH")
    }

    fn silent(&self) -> Failure {
        let (path, seconds) = (self.target.kubectl.display(), self.patience.as_secs_f32());
        Failure::refused(
            format!("{path} has not answered within {seconds} s"),
            "call `kubectl get clusters` by hand: it may want a login, or not reach Kubernetes; --timeout waits longer",
        )
    }
}

async fn finish(mut child: Child) -> io::Result<Output> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
    Ok(Output { status: child.wait().await?, stdout, stderr })
}

async fn read(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(ANSWER_MAX).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(answer).map_err(|error| {
        Failure::refused(
            format!("kubectl's answer is no Cluster that this program understands: {error}"),
            "is `weir` of the same version as the operator? see `weir --version`",
        )
    })
}

/// The one that there is, where nobody has named one.
fn the_only(mut there: Vec<Cluster>, target: &Target) -> Result<Cluster, Failure> {
    if there.len() > 1 {
        let names: Vec<_> = there.iter().map(|cluster| cluster.metadata.name.as_str()).collect();
        let message = format!("there are several Clusters: {}", names.join(", "));
        return Err(Failure::refused(message, "say which with --cluster NAME"));
    }
    there.pop().ok_or_else(|| {
        let at = target.namespace.as_ref().map(|name| format!("namespace {name}"));
        let message = format!("there is no Cluster in {}", at.as_deref().unwrap_or("kubectl's namespace"));
        Failure::refused(message, ELSEWHERE)
    })
}

const ELSEWHERE: &str =
    "`kubectl get clusters.weir.dev --all-namespaces` shows where there are some; name it with --namespace";

/// What kubectl's complaint means.
fn refusal(complaint: &str, target: &Target) -> Failure {
    let last =
        complaint.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it did not say why");
    let said = last.strip_prefix("error: ").unwrap_or(last);
    let says = |word: &str| complaint.contains(word);
    if says("doesn't have a resource type") || says("no matches for kind") {
        return Failure::refused(
            "this Kubernetes knows no Clusters of Weir",
            "install the chart, or their definitions by `weir-operator crds | kubectl apply -f -`; or name another \
             Kubernetes with --context",
        );
    }
    if says("(NotFound)")
        && let Some(name) = &target.cluster
    {
        return Failure::refused(format!("there is no Cluster {name:?}: {said}"), ELSEWHERE);
    }
    let help = if says("(Forbidden)") {
        "these commands need the verbs get and patch on clusters.weir.dev: ask whoever keeps the roles"
    } else if says("(Conflict)") {
        "somebody else has changed it at the same moment: try again"
    } else if says("context") {
        "`kubectl config get-contexts` shows which there are"
    } else if says("connect") || says("dial tcp") || says("timeout") {
        "is that the right Kubernetes? `kubectl cluster-info` says; name another with --context"
    } else {
        "`kubectl get clusters.weir.dev` by hand may tell more"
    };
    Failure::refused(format!("kubectl: {said}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(failure: &Failure) -> String {
        let Failure::Refused { message, help } = failure else { panic!("another failure: {failure:?}") };
        format!("{message} | {}", help.as_deref().unwrap_or("-"))
    }

    fn named(name: &str) -> Target {
        Target { cluster: Some(name.to_owned()), ..Target::default() }
    }

    #[test]
    fn every_complaint_comes_with_what_to_do() {
        let cases = [
            (
                "error: the server doesn't have a resource type \"clusters\"\n",
                "this Kubernetes knows no Clusters of Weir | install the chart",
            ),
            (
                "Error from server (NotFound): clusters.weir.dev \"logs\" not found",
                "there is no Cluster \"logs\": Error from server (NotFound): clusters.weir.dev \"logs\" not found | `kubectl get",
            ),
            (
                "Error from server (Forbidden): clusters.weir.dev is forbidden: User \"me\" can not patch",
                "kubectl: Error from server (Forbidden): clusters.weir.dev is forbidden: User \"me\" can not patch | these \
                 commands need the verbs get and patch",
            ),
            (
                "error: context \"east\" does not exist",
                "kubectl: context \"east\" does not exist | `kubectl config get-contexts`",
            ),
            (
                "E1122 memcache.go:265] couldn't get current server API group list\nThe connection to the server \
                 localhost:8080 was refused - did you specify the right host or port?\n\n",
                "kubectl: The connection to the server localhost:8080 was refused - did you specify the right host or \
                 port? | is that the right Kubernetes?",
            ),
            ("", "kubectl: it did not say why | `kubectl get clusters.weir.dev` by hand"),
        ];
        for (complaint, expected) in cases {
            let told = told(&refusal(complaint, &named("logs")));
            assert!(told.starts_with(expected), "{told}");
        }
    }

    #[test]
    fn the_name_may_be_left_out_where_there_is_one_and_nowhere_else() {
        let called = |name: &str| {
            let mut cluster = Cluster::default();
            cluster.metadata.name = name.to_owned();
            cluster
        };
        let only = the_only(vec![called("logs")], &Target::default()).unwrap();
        assert_eq!(only.metadata.name, "logs");
        let several = the_only(vec![called("a"), called("b")], &Target::default()).unwrap_err();
        assert_eq!(told(&several), "there are several Clusters: a, b | say which with --cluster NAME");
        let elsewhere = Target { namespace: Some("prod".to_owned()), ..Target::default() };
        let none = the_only(Vec::new(), &elsewhere).unwrap_err();
        assert!(told(&none).starts_with("there is no Cluster in namespace prod | "), "{}", told(&none));
    }
}
