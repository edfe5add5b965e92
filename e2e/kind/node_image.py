"""Puts a node image together where kind's own cannot be pulled: Debian's packages, our programs, and the images a cluster needs.

Kept as a root folder and in the engine; made anew only when something that goes into it has changed.
"""

import hashlib
import shlex
import shutil
from pathlib import Path

from image import oci
from kind import paths, versions
from kind.commands import run
from kind.engine import OwnEngine
from kind.telling import step

_NODE = paths.HERE / "node"
_DEBOOTSTRAP_S = 15 * 60.0
_IMPORT_S = 10 * 60.0
_NAME = "weir/kind-node"
_PACKAGES = (
    "iptables,iproute2,conntrack,socat,ethtool,ipset,kmod,procps,mount,util-linux,runc,containernetworking-plugins,hostname,ca-certificates"
)
_IN_NODE = ("containerd", "containerd-shim-runc-v2", "ctr", "kubelet", "kubeadm", "kubectl")
# Templates: what is between @ is a version.
_PLACES = {
    "init": "init",
    "containerd.toml": "etc/containerd/config.toml",
    "default-cni.yaml": "kind/manifests/default-cni.yaml",
    "default-storage.yaml": "kind/manifests/default-storage.yaml",
}
_TABLES = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")
_APPLETS = ("sh", "ls", "cat", "echo", "sleep", "mkdir", "rm", "wget", "nslookup", "nc", "df", "dd", "head", "test")


def node_image(engine: OwnEngine) -> str:
    """The name of a node image that the engine has."""
    name = f"{_NAME}:{_digest()}"
    if engine.docker("image", "ls", "--quiet", name):
        return name
    _root()
    with step("node image"):
        _fill()
        _import(engine, name)
    return name


def _digest() -> str:
    """Of all that goes into it."""
    parts = [path.read_bytes() for path in sorted(_NODE.iterdir())]
    parts += [Path(__file__).read_bytes(), (paths.HERE / "versions.py").read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _root() -> None:
    """Debian's smallest system. `.done` is written last."""
    done = paths.ROOTFS / ".done"
    wanted = f"{versions.DEBIAN} {_PACKAGES}"
    if done.exists() and done.read_text() == wanted:
        return
    log = paths.BUILD_LOGS / "debootstrap.log"
    shutil.rmtree(paths.ROOTFS, ignore_errors=True)
    with step(f"Debian {versions.DEBIAN} for the nodes", log):
        run(
            ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", versions.DEBIAN, paths.ROOTFS],
            timeout_s=_DEBOOTSTRAP_S,
            log=log,
        )
    for folder in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(paths.ROOTFS / folder, ignore_errors=True)
    done.write_text(wanted)


def _fill() -> None:
    root = paths.ROOTFS
    shutil.rmtree(root / "kind", ignore_errors=True)
    for source, place in _PLACES.items():
        target = root / place
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (_NODE / source).read_text()
        target.write_text(text.replace("@PAUSE@", versions.PAUSE).replace("@LOCAL_PATH@", versions.LOCAL_PATH))
    (root / "init").chmod(0o755)
    (root / "kind" / "version").write_text(f"v{versions.KUBERNETES}\n")
    for program in _IN_NODE:
        shutil.copy(paths.BIN / program, root / "usr/local/bin" / program)
    (root / "opt/cni").mkdir(parents=True, exist_ok=True)
    cni = root / "opt/cni/bin"
    cni.unlink(missing_ok=True)
    cni.symlink_to("/usr/lib/cni")
    _images(root / "kind" / "images")


def _images(folder: Path) -> None:
    """What kubeadm and kubelet ask for by name; `every` for all nodes, the rest for the control plane."""
    every, control_plane = folder / "every", folder / "control-plane"
    kubernetes = f"v{versions.KUBERNETES}"
    oci.write(_pause(), every / "pause.tar", compress=False)
    oci.write(_busybox(), every / "busybox.tar", compress=False)
    oci.write(_kube_proxy(f"registry.k8s.io/kube-proxy:{kubernetes}"), every / "kube-proxy.tar", compress=False)
    for program, name, place in (
        ("coredns", f"registry.k8s.io/coredns/coredns:v{versions.COREDNS}", every),
        ("etcd", f"registry.k8s.io/etcd:{versions.ETCD}-0", control_plane),
        ("local-path-provisioner", f"docker.io/rancher/local-path-provisioner:v{versions.LOCAL_PATH}", control_plane),
        *(
            (f"kube-{part}", f"registry.k8s.io/kube-{part}:{kubernetes}", control_plane)
            for part in ("apiserver", "controller-manager", "scheduler")
        ),
    ):
        files = {f"/usr/local/bin/{program}": paths.BIN / program}
        # CoreDNS is called by its path.
        links = {"/coredns": "/usr/local/bin/coredns"} if program == "coredns" else {}
        image = oci.Image(name, (f"/usr/local/bin/{program}",), files, links, folders={"/tmp": 0o1777})
        oci.write(image, place / f"{program}.tar", compress=False)


def _pause() -> oci.Image:
    program = paths.BIN / "pause"
    run(["cc", "-O2", "-static", "-o", program, _NODE / "pause.c"])
    return oci.Image(f"registry.k8s.io/pause:{versions.PAUSE}", ("/pause",), {"/pause": program}, user="65535:65535")


def _busybox() -> oci.Image:
    files = {"/bin/busybox": Path("/usr/bin/busybox")}
    links = {f"/bin/{applet}": "busybox" for applet in _APPLETS}
    return oci.Image("docker.io/library/busybox:1", ("/bin/sh",), files, links, folders={"/tmp": 0o1777})


def _kube_proxy(name: str) -> oci.Image:
    """It calls iptables, which is a program with many names, its extensions, and the libraries of both."""
    root = paths.ROOTFS
    tables = "/usr/sbin/xtables-nft-multi"
    extensions = [f"/{path.relative_to(root)}" for path in sorted(root.glob("usr/lib/*/xtables/*.so"))]
    places = [tables, *extensions, *_libraries([tables, *extensions])]
    files = {place: root / place.lstrip("/") for place in places}
    files["/usr/local/bin/kube-proxy"] = paths.BIN / "kube-proxy"
    links = {f"/usr/sbin/{table}": "xtables-nft-multi" for table in _TABLES}
    return oci.Image(name, ("/usr/local/bin/kube-proxy",), files, links, folders={"/run": 0o755, "/tmp": 0o1777})


def _libraries(places: list[str]) -> list[str]:
    """The shared libraries that programs of the node image load, by the node image's own loader."""
    told = run(["chroot", paths.ROOTFS, "ldd", *places])
    words = {word for line in told.splitlines() for word in line.split() if not line.endswith(":")}
    return sorted(word for word in words if word.startswith("/"))


def _import(engine: OwnEngine, name: str) -> None:
    # Older ones are of no use, and each is more than a gigabyte.
    for old in engine.docker("image", "ls", "--quiet", _NAME).split():
        engine.docker("image", "rm", "--force", old)
    changes = "--change 'ENTRYPOINT [\"/init\"]' --change 'ENV container=docker'"
    packed = f"tar --create --directory {shlex.quote(str(paths.ROOTFS))} . | docker import {changes} - {name}"
    engine.run("bash", "-o", "pipefail", "-c", packed, timeout_s=_IMPORT_S)
