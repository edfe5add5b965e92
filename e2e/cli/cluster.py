"""weir cluster describe, completions, and what is said when there is no broker, no Kafka, or no such command."""

import socket
import threading

from command_line import attempt, refused, rows, weir, weir_json
from scenario import BOOTSTRAP, equal


def main() -> None:
    described = weir_json("cluster", "describe")
    (broker,) = described["brokers"]
    equal("the port", broker["address"].rpartition(":")[2], BOOTSTRAP.rpartition(":")[2])
    equal("health", (described["under_replicated"], described["without_leader"], broker["fenced"]), (0, 0, False))
    equal("the table", rows(weir("cluster", "describe"))[-1][1], broker["address"])
    equal("as YAML", f"cluster_id: {described['cluster_id']}\n" in weir("cluster", "describe", "-o", "yaml"), True)
    for shell in ("bash", "zsh", "fish"):
        equal(f"completions of {shell}", "reset-offsets" in weir("completions", shell), True)
    equal("no colour in a pipe", "\x1b" in weir("cluster", "describe"), False)

    refused("topic", "list", bootstrap="127.0.0.1:1", code=1, says=("nothing answers on 127.0.0.1:1 (connection refused)", "weir dev"))
    refused("topic", "list", "-o", "xml", code=2, says=("json", "yaml"))
    refused("topics", code=2, says=("unrecognized subcommand",))
    refused("topic", "list", bootstrap="localhost:nonsense", code=2, says=("no port between 1 and 65535",))
    no_kafka()
    equal("help", attempt("--help").code, 0)
    print("cluster, three shells, five refusals")


def no_kafka() -> None:
    """Something that speaks another protocol."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=greet, daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        refused("topic", "list", "--timeout", "5s", bootstrap=address, code=1, says=(address,))


if __name__ == "__main__":
    main()
