"""Writes many Topics as fast as the API server takes them, over a few connections that stay open. Run by `many_topics`.

Its standard input is a question as JSON: how to reach the API server, as a kubeconfig has it, and what to write where. Its last
line is how many seconds that took.
"""

import base64
import json
import ssl
import sys
import tempfile
import threading
import time
from http.client import HTTPSConnection
from urllib.parse import urlsplit

_AT_ONCE = 8
_ANSWER_S = 60.0


def main() -> None:
    question = json.load(sys.stdin)
    context, host = _context(question["kubeconfig"]), urlsplit(question["kubeconfig"]["clusters"][0]["cluster"]["server"])
    failures: list[str] = []
    began = time.monotonic()
    threads = [
        threading.Thread(
            target=_write, args=(context, host.hostname, host.port, question, range(first, question["count"], _AT_ONCE), failures)
        )
        for first in range(_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(failures[0])
    print(f"{time.monotonic() - began:.3f}")


def _write(context: ssl.SSLContext, host: str, port: int, question: dict, numbers: range, failures: list[str]) -> None:
    connection = HTTPSConnection(host, port, context=context, timeout=_ANSWER_S)
    path = f"/apis/weir.dev/v1alpha1/namespaces/{question['namespace']}/topics"
    try:
        for number in numbers:
            metadata = {"name": f"topic-{number}", "namespace": question["namespace"]}
            topic = {"apiVersion": "weir.dev/v1alpha1", "kind": "Topic", "metadata": metadata, "spec": question["spec"]}
            connection.request("POST", path, json.dumps(topic), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 201:
                raise OSError(f"topic-{number}: {answer.status} {said[:300]!r}")
    except OSError as failed:
        failures.append(str(failed))
    finally:
        connection.close()


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


if __name__ == "__main__":
    main()
