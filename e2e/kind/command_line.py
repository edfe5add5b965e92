"""The commands of `e2e/kind/run`, and which function each one calls. Decides nothing else."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from kind import building, cluster, cuts, faults, layout, paths, versions
from kind.cluster import Cluster
from kind.collect import collect
from kind.commands import CommandFailed
from kind.engine import OwnEngine
from kind.first_steps import first_steps
from kind.scenarios.playing import scenarios
from kind.telling import fail, say
from kind.trial import trial

# What these are followed by is for them, whatever it looks like.
_PASSED_ON = {"kubectl": ["kubectl"], "helm": ["helm"], "docker": ["docker"], "in": []}
_DESCRIPTION = "A real Kubernetes with nodes that can fail, made by kind. See e2e/kind/README.md."


def main() -> int:
    words = sys.argv[1:]
    given = os.environ.get("KUBECONFIG_GIVEN")
    if words[:1] == ["--kubeconfig"] and len(words) > 1:
        given, words = words[1], words[2:]
    kubeconfig = Path(given).resolve() if given else None
    try:
        if words and words[0] in _PASSED_ON:
            _become(kubeconfig, [*_PASSED_ON[words[0]], *words[1:]])
        asked = _parser().parse_args(words)
        asked.kubeconfig = kubeconfig
        asked.run(asked)
        return 0
    except CommandFailed as failed:
        fail(f"error: {failed}")
        return 1
    except BrokenPipeError:
        # Whoever read what we print has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        fail("stopped; `e2e/kind/run down` removes what is there, `up` goes on")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="e2e/kind/run", description=_DESCRIPTION)
    parser.add_argument("--kubeconfig", help="use this cluster instead of making one (also: KUBECONFIG_GIVEN)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _of_the_cluster(commands)
    _of_nodes(commands)
    for name in _PASSED_ON:
        # Only for the list of commands: their words are never looked at.
        commands.add_parser(name, help=f"{name} … where the cluster is")
    return parser


def _of_the_cluster(commands) -> None:
    def add(name: str, run: Callable, what: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=what, description=what)
        command.set_defaults(run=run)
        return command

    building_it = add("build", _build, "build every program of a node, kind, helm and kubectl")
    building_it.add_argument("--keep-caches", action="store_true", help="keep Go's caches, 7 GB, to build other versions faster")
    made = add("up", _up, "make the cluster, or find it")
    made.add_argument("--workers", type=int, default=layout.WORKERS, help="how many nodes for pods (default: %(default)s)")
    shown = add("first-steps", lambda asked: first_steps(asked.kubeconfig, asked.workers), "up, the chart, three brokers, a round trip")
    shown.add_argument("--workers", type=int, default=layout.WORKERS, help="how many nodes for pods (default: %(default)s)")
    add("down", lambda asked: cluster.down(asked.kubeconfig), "remove the cluster and everything that it runs on")
    add("status", _status, "what runs, and what is broken on purpose")
    loaded = add("load", lambda asked: _here(asked).load(asked.archive), "put an image on every node")
    loaded.add_argument("archive", type=Path, help="an OCI archive, such as e2e/image/build writes")
    collected = add("collect", lambda asked: collect(_here(asked), asked.folder), "gather logs, events and descriptions")
    collected.add_argument("folder", type=Path)
    played = add("scenarios", _scenarios, "what happens to clusters, with clients at work: all of it, or what is asked")
    played.add_argument("--core", action="store_true", help="those that CI runs")
    played.add_argument("--only", default="", metavar="WORD", help="those that have this in their sentence")
    played.add_argument("--keep", action="store_true", help="keep what clients wrote")
    played.add_argument("--down", action="store_true", help="remove the cluster afterwards")
    played.add_argument("--if-built", action="store_true", help="where Kubernetes would have to be built first, say so and leave it")
    add("test", lambda asked: trial(asked.kubeconfig), "three brokers on real nodes: DNS, volumes, a node that goes and comes back")


def _of_nodes(commands) -> None:
    node = commands.add_parser("node", help="stop, start, remove, pause, unpause, cut, heal, drain, uncordon NODE").add_subparsers(
        required=True, metavar="WHAT"
    )
    for name, run, undo, what in (
        ("stop", faults.stop, faults.start, "take its power"),
        ("start", faults.start, None, "give it power again"),
        ("remove", faults.remove, faults.heal, "take its power, and take it off Kubernetes"),
        ("pause", faults.pause, faults.unpause, "let everything on it stand still"),
        ("unpause", faults.unpause, None, "let it go on"),
        ("heal", faults.heal, None, "undo everything that was done to it"),
        ("drain", faults.drain, faults.uncordon, "evict its pods, as before maintenance"),
        ("uncordon", faults.uncordon, None, "let it take pods again"),
    ):
        _fault(node, name, lambda there, asked, run=run: run(there, asked.node), undo, what).add_argument("node")
    cut = _fault(node, "cut", lambda there, asked: faults.cut_off(there, asked.node, asked.off), cuts.heal, "drop all its packets")
    cut.add_argument("node")
    cut.add_argument("--from", dest="off", choices=("all", "api-server"), default="all", help="(default: all)")

    disk = commands.add_parser("disk", help="fill, empty, lose NODE: the disk of a node's volumes").add_subparsers(
        required=True, metavar="WHAT"
    )
    full = _fault(disk, "fill", lambda there, asked: faults.fill_disk(there, asked.node, asked.leave), faults.empty_disk, "leave no room")
    full.add_argument("node")
    full.add_argument("--leave", type=int, default=0, metavar="BYTES", help="leave so much room (default: 0)")
    for name, run, what in (
        ("empty", faults.empty_disk, "take away what `fill` put there"),
        ("lose", faults.lose_disk, "power off, and on again with empty volumes"),
    ):
        _fault(disk, name, lambda there, asked, run=run: run(there, asked.node), None, what).add_argument("node")

    server = commands.add_parser("apiserver", help="stop, start: the API server alone").add_subparsers(required=True, metavar="WHAT")
    undo = lambda there, _: faults.start_api_server(there)  # noqa: E731
    _fault(server, "stop", lambda there, _: faults.stop_api_server(there), undo, "stop it").set_defaults(node=layout.CONTROL_PLANE)
    _fault(server, "start", lambda there, _: faults.start_api_server(there), None, "start it again")


def _fault(commands, name: str, run: Callable, undo: Callable | None, what: str) -> argparse.ArgumentParser:
    """A command that breaks or mends something. What can be undone takes `--for SECONDS`, and then undoes itself."""
    command = commands.add_parser(name, help=what, description=what)
    if undo:
        command.add_argument("--for", dest="seconds", type=float, metavar="SECONDS", help="undo it after so long, and wait for that")

    def act(asked) -> None:
        there = _here(asked)
        run(there, asked)
        if not undo or asked.seconds is None:
            return
        try:
            say(f"for {asked.seconds:.0f} s")
            time.sleep(asked.seconds)
        finally:
            undo(there, asked.node)

    command.set_defaults(run=act)
    return command


def _here(asked) -> Cluster:
    return cluster.running(asked.kubeconfig)


def _build(asked) -> None:
    building.build(versions.NODE_AND_TOOLS, asked.keep_caches)
    say(f"all programs are in {paths.BIN}")


def _up(asked) -> None:
    there = cluster.up(asked.kubeconfig, asked.workers)
    print(there.kubectl("get", "nodes", "--label-columns=topology.kubernetes.io/zone"), end="")
    print("use it with: e2e/kind/run kubectl …; run anything beside it with: e2e/kind/run in …")


def _scenarios(asked) -> None:
    missing = cluster.not_at_hand(asked.kubeconfig) if asked.if_built else None
    if missing:
        print(f"SKIPPED: {missing}")
        return
    try:
        summary = scenarios(asked.kubeconfig, asked.core, asked.only, asked.keep)
    finally:
        if asked.down:
            cluster.down(asked.kubeconfig)
    # The last word: it is what a runner of many programs shows of this one.
    print(summary, flush=True)


def _status(asked) -> None:
    there = _here(asked)
    engine = there.engine
    if not there.is_ours:
        print(f"a cluster that was given, by {asked.kubeconfig}")
    else:
        print(f"engine: {'our own' if isinstance(engine, OwnEngine) else 'the Docker of this machine'}")
        for node in there.nodes():
            state = faults.state(there, node)
            cut = ", cut off" if state == "running" and cuts.is_cut(there, node) else ""
            print(f"node {node}: {state}{cut}, {there.address(node)}")
    print(there.kubectl("get", "nodes", "--label-columns=topology.kubernetes.io/zone", "--request-timeout=10s"), end="")


def _become(kubeconfig: Path | None, words: list[str]) -> None:
    """This process becomes the program, so that its terminal, its signals and its exit code are its own."""
    if not words:
        raise CommandFailed("nothing to run: say which program after `in`")
    engine = cluster.running(kubeconfig).engine
    command = [str(word) for word in engine.inside(list(words))]
    sys.stdout.flush()
    os.execvpe(command[0], command, {**os.environ, **engine.environment()})
