"""The way to a namespace's Topics for programs that run in the engine beside the cluster: connections that stay open, and one Topic
after another over them. What to reach is a question as JSON: a kubeconfig, a namespace, a spec and a count.
"""

import base64
import json
import ssl
import tempfile
from dataclasses import dataclass
from http.client import HTTPSConnection
from urllib.parse import urlsplit

_ANSWER_S = 60.0
_CREATED = 201


@dataclass(frozen=True)
class TopicsDoor:
    """One namespace's Topics, all with the same spec."""

    context: ssl.SSLContext
    host: str
    port: int
    namespace: str
    spec: dict

    @classmethod
    def of(cls, question: dict) -> "TopicsDoor":
        kubeconfig = question["kubeconfig"]
        server = urlsplit(kubeconfig["clusters"][0]["cluster"]["server"])
        return cls(_context(kubeconfig), server.hostname, server.port, question["namespace"], question["spec"])

    @property
    def path(self) -> str:
        return f"/apis/weir.dev/v1alpha1/namespaces/{self.namespace}/topics"

    def connect(self) -> HTTPSConnection:
        return HTTPSConnection(self.host, self.port, context=self.context, timeout=_ANSWER_S)

    def create(self, connection: HTTPSConnection, name: str) -> dict:
        """The object as the API server has stored it."""
        metadata = {"name": name, "namespace": self.namespace}
        topic = {"apiVersion": "weir.dev/v1alpha1", "kind": "Topic", "metadata": metadata, "spec": self.spec}
        connection.request("POST", self.path, json.dumps(topic), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != _CREATED:
            raise OSError(f"{name}: {answer.status} {said[:300]!r}")
        return json.loads(said)


def _context(kubeconfig: dict) -> ssl.SSLContext:
    """Trusts the cluster, and is trusted as whom the kubeconfig names."""
    cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
    context = ssl.create_default_context(cadata=_decoded(cluster, "certificate-authority-data"))
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as identity:
        identity.write(_decoded(user, "client-certificate-data") + "\n" + _decoded(user, "client-key-data"))
        identity.flush()
        context.load_cert_chain(identity.name)
    return context


def _decoded(of: dict, name: str) -> str:
    return base64.b64decode(of[name]).decode()
