"""What a node is made of, and which versions go together. A table: nothing here does anything.

kubeadm of one Kubernetes names the etcd, CoreDNS and pause it wants (CoreDNS 1.14.2 is no Go module, so it is told of the next);
`k8s.io/kubernetes` v1.X.Y is published together with its libraries as v0.X.Y.
"""

from dataclasses import dataclass

KUBERNETES = "1.36.3"
KIND = "0.33.0"
ETCD = "3.6.8"
COREDNS = "1.14.3"
PAUSE = "3.10.2"
CONTAINERD = "2.2.9"
LOCAL_PATH = "0.0.30"
HELM = "3.22.0"
PROMETHEUS_OPERATOR = "0.82.2"
DEBIAN = "bookworm"

_MINOR = KUBERNETES.split(".")[1]


@dataclass(frozen=True)
class Program:
    """One binary: the Go package it is built from."""

    name: str
    package: str


@dataclass(frozen=True)
class Source:
    """A Go module at a version, and the programs that are built from it."""

    name: str
    module: str
    version: str
    programs: tuple[Program, ...]
    # What a release build would put in, by -X.
    stamps: tuple[tuple[str, str], ...] = ()
    # Its go.mod replaces libraries by folders of its own repository: those are published as modules of this version.
    staging: str | None = None

    def ldflags(self) -> str:
        return " ".join(["-s", "-w", *(f"-X {variable}={value}" for variable, value in self.stamps)])


@dataclass(frozen=True)
class Files:
    """Files of a Go module that are used as they are."""

    module: str
    version: str
    paths: tuple[str, ...]


def _kubernetes(*names: str) -> Source:
    """One Go module builds all of them, but each call is a source of its own, so that what others wait for comes first."""
    module = "k8s.io/kubernetes"
    stamp = "k8s.io/component-base/version"
    return Source(
        "kubernetes",
        module,
        f"v{KUBERNETES}",
        tuple(Program(name, f"{module}/cmd/{name}") for name in names),
        (
            (f"{stamp}.gitVersion", f"v{KUBERNETES}"),
            (f"{stamp}.gitMajor", "1"),
            (f"{stamp}.gitMinor", _MINOR),
            (f"{stamp}.gitTreeState", "clean"),
        ),
        staging=f"v0.{KUBERNETES.split('.', 1)[1]}",
    )


_HELM = Source(
    "helm",
    "helm.sh/helm/v3",
    f"v{HELM}",
    (Program("helm", "helm.sh/helm/v3/cmd/helm"),),
    (
        ("helm.sh/helm/v3/internal/version.version", f"v{HELM}"),
        # The Kubernetes that `helm template` assumes.
        ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor", "1"),
        ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor", _MINOR),
        ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor", "1"),
        ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor", _MINOR),
    ),
)
_KIND = Source("kind", "sigs.k8s.io/kind", f"v{KIND}", (Program("kind", "sigs.k8s.io/kind"),))
_CONTAINERD = "github.com/containerd/containerd/v2"

# In the order in which they are built: first what is of use without a cluster.
NODE_AND_TOOLS: tuple[Source, ...] = (
    Source("etcd", "go.etcd.io/etcd/server/v3", f"v{ETCD}", (Program("etcd", "go.etcd.io/etcd/server/v3"),)),
    _kubernetes("kube-apiserver"),
    _HELM,
    _kubernetes("kubectl", "kubelet", "kubeadm", "kube-controller-manager", "kube-scheduler", "kube-proxy"),
    Source(
        "containerd",
        _CONTAINERD,
        f"v{CONTAINERD}",
        tuple(Program(name, f"{_CONTAINERD}/cmd/{name}") for name in ("containerd", "containerd-shim-runc-v2", "ctr")),
        ((f"{_CONTAINERD}/version.Version", f"v{CONTAINERD}"),),
    ),
    Source("coredns", "github.com/coredns/coredns", f"v{COREDNS}", (Program("coredns", "github.com/coredns/coredns"),)),
    Source(
        "local-path-provisioner",
        "github.com/rancher/local-path-provisioner",
        f"v{LOCAL_PATH}",
        (Program("local-path-provisioner", "github.com/rancher/local-path-provisioner"),),
    ),
    _KIND,
)

# All that is needed where kind's own node image can be had.
TOOLS: tuple[Source, ...] = (_kubernetes("kubectl"), _HELM, _KIND)

# What the chart's monitors and rules are objects of.
PROMETHEUS_CRDS = Files(
    "github.com/prometheus-operator/prometheus-operator",
    f"v{PROMETHEUS_OPERATOR}",
    tuple(
        f"example/prometheus-operator-crd/monitoring.coreos.com_{kind}.yaml"
        for kind in ("prometheusrules", "servicemonitors", "podmonitors")
    ),
)
