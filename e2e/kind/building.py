"""Builds the programs of `versions` from Go modules, each once a version. Writes nothing outside the cache directory.

Interrupted, the next run goes on with the program that was not finished: a binary appears under its name only when it is
whole, and Go keeps what it has compiled. When all are built, Go's caches (7 GB) are of no more use and are removed.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

from kind import paths
from kind.commands import CommandFailed, run
from kind.telling import say, step
from kind.versions import Files, Program, Source

_RESOLVE_S = 10 * 60.0
_BUILD_S = 30 * 60.0
_REPLACED = re.compile(r"^\s*(\S+) => \./staging/", re.MULTILINE)


def build(sources: tuple[Source, ...], keep_caches: bool = False) -> None:
    """Every program of every source, where it is not there in this version already."""
    missing = [source for source in sources if wanting(source)]
    if missing and not shutil.which("go"):
        raise CommandFailed("`go` is not on the PATH: install Go 1.26 or newer, Kubernetes is built with it")
    if missing:
        say(f"building {sum(len(wanting(source)) for source in missing)} programs; cold, all of them take a quarter of an hour or more")
    for source in missing:
        folder = _module(source)
        for program in wanting(source):
            _build_one(source, program, folder)
    if not keep_caches:
        forget_caches()


def fetched(files: Files) -> list[Path]:
    """The files of a Go module, kept beside the programs."""
    folder = paths.HOME / "files" / f"{Path(files.module).name}-{files.version}"
    kept = [folder / Path(path).name for path in files.paths]
    if not all(path.exists() for path in kept):
        folder.mkdir(parents=True, exist_ok=True)
        with step(f"fetching {files.module} {files.version}"):
            module = _downloaded(files.module, files.version)
            for path, copy in zip(files.paths, kept, strict=True):
                shutil.copyfile(Path(module["Dir"]) / path, copy)
        forget_caches()
    return kept


def wanting(source: Source) -> list[Program]:
    return [program for program in source.programs if not _built(source, program).exists()]


def forget_caches() -> None:
    """Hundreds of thousands of files: they are moved away at once, and removed while we go on."""
    discarded = paths.GO.with_suffix(".discarded")
    if paths.GO.exists() and not discarded.exists():
        paths.GO.rename(discarded)
        shutil.rmtree(paths.SOURCES, ignore_errors=True)
    if discarded.exists():
        say(f"removing Go's caches of the build, {discarded}")
        subprocess.Popen(["nice", "rm", "-rf", discarded], stdin=subprocess.DEVNULL, start_new_session=True)


def _built(source: Source, program: Program) -> Path:
    """A program of one version; `bin/NAME` is a link to it."""
    return paths.BIN / "versions" / f"{program.name}-{source.version}"


def _build_one(source: Source, program: Program, folder: Path) -> None:
    binary = _built(source, program)
    binary.parent.mkdir(parents=True, exist_ok=True)
    log = paths.BUILD_LOGS / f"build-{program.name}.log"
    with step(f"building {program.name} {source.version}", log):
        partial = binary.with_name(f".{binary.name}.partial")
        run(
            ["go", "build", "-trimpath", "-ldflags", source.ldflags(), "-o", partial, program.package],
            cwd=folder,
            env=_environment(),
            timeout_s=_BUILD_S,
            log=log,
        )
        partial.rename(binary)
    _link(paths.BIN / program.name, binary)


def _link(name: Path, binary: Path) -> None:
    fresh = name.with_name(f".{name.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(binary.relative_to(name.parent))
    fresh.rename(name)


def _module(source: Source) -> Path:
    """A Go module of ours that requires the source's, with all its programs as tools."""
    folder = paths.SOURCES / f"{source.name}-{source.version}"
    ready = folder / f".resolved-{'-'.join(program.name for program in source.programs)}"
    if ready.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    log = paths.BUILD_LOGS / f"resolve-{source.name}.log"
    with step(f"resolving {source.module} {source.version}", log):
        if not (folder / "go.mod").exists():
            (folder / "go.mod").write_text(f"module weir.dev/e2e/{source.name}\n\ngo 1.26.0\n{_replaces(source)}")
        wanted = [f"{program.package}@{source.version}" for program in source.programs]
        run(["go", "get", "-tool", *wanted], cwd=folder, env=_environment(), timeout_s=_RESOLVE_S, log=log)
    ready.touch()
    return folder


def _replaces(source: Source) -> str:
    """Its own replaces are for its repository alone: in ours, the published libraries take their place."""
    if source.staging is None:
        return ""
    module = _downloaded(source.module, source.version)
    return published(Path(module["GoMod"]).read_text(), source.staging)


def _downloaded(module: str, version: str) -> dict[str, str]:
    """Where Go has put a module."""
    wanted = ["go", "mod", "download", "-json", f"{module}@{version}"]
    return json.loads(run(wanted, env=_environment(), timeout_s=_RESOLVE_S, cwd=paths.HOME))


def published(go_mod: str, version: str) -> str:
    """The replaces of a go.mod that point into `./staging`, turned to published modules of a version."""
    lines = [f"\t{module} => {module} {version}\n" for module in _REPLACED.findall(go_mod)]
    return f"\nreplace (\n{''.join(lines)})\n"


def _environment() -> dict[str, str]:
    return {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=mod -buildvcs=false -modcacherw",
        "GOMODCACHE": str(paths.GO / "mod"),
        "GOCACHE": str(paths.GO / "build"),
        "GOWORK": "off",
    }
