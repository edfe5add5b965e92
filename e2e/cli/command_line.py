"""Runs the `weir` command line as a user would: arguments and input in; exit code, output and complaints out."""

import json
import os
import subprocess
from dataclasses import dataclass

from scenario import BOOTSTRAP

WEIR = os.environ["WEIR_BINARY"]
WITHIN_S = 40


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def attempt(*arguments: str, stdin: str = "", bootstrap: str = BOOTSTRAP) -> Ended:
    finished = subprocess.run(
        [WEIR, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
        env={**os.environ, "WEIR_BOOTSTRAP": bootstrap},
    )
    return Ended(finished.returncode, finished.stdout, finished.stderr)


def weir(*arguments: str, stdin: str = "") -> str:
    """What a command that must succeed prints."""
    ended = attempt(*arguments, stdin=stdin)
    if ended.code != 0 or ended.err:
        raise AssertionError(f"weir {' '.join(arguments)} ended with {ended.code}:\n{ended.out}{ended.err}")
    return ended.out


def weir_json(*arguments: str):
    """The same as a value: one, or for `consume` one a line."""
    printed = weir(*arguments, "-o", "json")
    return [json.loads(line) for line in printed.splitlines()] if arguments[0] == "consume" else json.loads(printed)


def refused(*arguments: str, code: int, says: tuple[str, ...], stdin: str = "", bootstrap: str = BOOTSTRAP) -> None:
    """A command that must fail, with this exit code and these words on stderr, and nothing on stdout."""
    ended = attempt(*arguments, stdin=stdin, bootstrap=bootstrap)
    missing = [words for words in says if words not in ended.err]
    if ended.code != code or missing or ended.out:
        raise AssertionError(
            f"weir {' '.join(arguments)} ended with {ended.code} instead of {code}, without {missing}:\n{ended.out}{ended.err}"
        )


def rows(table: str) -> list[list[str]]:
    """The words of each line of a table."""
    return [line.split() for line in table.splitlines() if line.strip()]
