"""Where things are. Everything that lasts lives in one directory of the cache, everything of a running cluster in another.

`down` empties what belongs to the cluster and never touches what took minutes to build.
"""

from harness.paths import CACHE, E2E

HERE = E2E / "kind"
REPOSITORY = E2E.parent
CHART = REPOSITORY / "charts" / "weir"

HOME = CACHE / "k8s"
BIN = HOME / "bin"
BUILD_LOGS = HOME / "logs"
# Go's own caches, of this build alone, so that they can be thrown away when everything is built.
GO = HOME / "go"
SOURCES = HOME / "src"
ROOTFS = HOME / "rootfs"
IMAGES = HOME / "images"

# The cluster that runs now.
RUNNING = HOME / "running"
ENGINE = RUNNING / "engine"
KUBECONFIG = RUNNING / "kubeconfig"
