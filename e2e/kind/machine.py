"""What this machine can do, asked once: is there a usable Docker, which packages lack, which cgroups and capabilities it has.

Changes nothing but what `install_packages` says it installs.
"""

import functools
import os
import platform
import shutil
from pathlib import Path

from kind.commands import CommandFailed, run, succeeds
from kind.telling import step

_CAP_SYS_RESOURCE = 24
_ASK_S = 20.0
_PULL_S = 10 * 60.0
_APT_S = 10 * 60.0
# What an engine and a node image of our own need of Debian: a file that it brings, and the package.
_NEEDED = {
    "/usr/sbin/dockerd": "docker.io",
    "/usr/sbin/runc": "runc",
    "/usr/sbin/debootstrap": "debootstrap",
    "/usr/sbin/iptables": "iptables",
    "/usr/bin/nsenter": "util-linux",
    "/usr/sbin/mkfs.ext4": "e2fsprogs",
    "/usr/bin/busybox": "busybox-static",
    "/usr/bin/cc": "gcc",
}


@functools.cache
def docker_is_usable(node_image: str) -> bool:
    """Whether a Docker engine answers, and kind's own node image is there or can be pulled."""
    if os.environ.get("WEIR_KIND_ENGINE") == "own":
        return False
    if not shutil.which("docker") or not succeeds(["docker", "version"], timeout_s=_ASK_S):
        return False
    if succeeds(["docker", "image", "inspect", node_image], timeout_s=_ASK_S):
        return True
    with step(f"Docker is here: pulling {node_image}"):
        try:
            run(["docker", "pull", "--quiet", node_image], timeout_s=_PULL_S)
        except CommandFailed:
            return False
    return True


def check_own_engine() -> None:
    """An engine of our own: root on Linux, and Debian's packages."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        raise CommandFailed(
            "no Docker that can pull kind's node image answers here, and an engine of our own needs root on Linux: "
            "start Docker, or run this as root, or give a cluster with --kubeconfig"
        )
    install_packages()


def install_packages() -> None:
    install(_NEEDED)


def install(needed: dict[str, str]) -> None:
    """By apt, where a file is not there: the files, and the packages that bring them."""
    missing = sorted({package for file, package in needed.items() if not Path(file).exists()})
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise CommandFailed(f"not installed: {', '.join(missing)} (Debian's names), and there is no apt-get to install them with")
    with step(f"installing {', '.join(missing)} by apt"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], timeout_s=_APT_S, env=quiet)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], timeout_s=_APT_S, env=quiet)


def may_lower_oom_scores() -> bool:
    """Whether we have CAP_SYS_RESOURCE, which privileged containers are given, and which nobody can hand on who lacks it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            return bool(int(line.split()[1], 16) >> _CAP_SYS_RESOURCE & 1)
    return True


def has_cgroup_v2() -> bool:
    return Path("/sys/fs/cgroup/cgroup.controllers").exists()
