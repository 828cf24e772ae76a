"""Checking: a finished zip, whoever built it: would it run on Lambda?

What belongs here: one finding a question. Not here: how a binary is read (`binaries`) or a module tried (`importing`).
The zip is judged as it is: how it was built proves nothing.
"""

import json
import platform
import re
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from claims_pipeline.errors import PermanentError
from claims_pipeline.packaging.binaries import ELF, Binary, BinaryUnreadable, read_binary
from claims_pipeline.packaging.contents import (
    ENTRY,
    LABEL,
    MIB,
    MOST_DIRECT_UPLOAD_BYTES,
    MOST_UNZIPPED_BYTES,
    NEVER_IN_IT,
    TARGETS,
    TEST_FOLDERS,
    Target,
    Version,
)
from claims_pipeline.packaging.importing import try_imports
from claims_pipeline.packaging.interpreters import find_interpreter

_NAMED = 5
_OF_THE_SYSTEM = re.compile(
    r"(ld-linux-.*|lib(c|m|dl|pthread|rt|util|gcc_s|stdc\+\+|resolv|z))\.so(\.\d+)*", re.ASCII
)


class Verdict(StrEnum):
    """What one finding says."""

    OK = "ok"
    NOT_TRIED = "not tried"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One question about the package, and its answer in words."""

    verdict: Verdict
    of: str
    words: str


class NotAPackage(PermanentError):
    """The file cannot be judged at all."""


def target_of(path: Path, python: str | None, arch: str | None) -> Target:
    """What the package is for: as it is asked for, else as the package says itself."""
    with _opened(path) as zipped:
        said = json.loads(zipped.read(LABEL)) if LABEL in zipped.namelist() else {}
    found = (python or said.get("python"), arch or said.get("arch"))
    for target in TARGETS:
        if found == (target.python, target.arch):
            return target
    raise NotAPackage(
        f"{path.name} does not say for which runtime it is. Say it: claims-pipeline lambda check {path.name} "
        "--python 3.13 --arch x86_64"
    )


def check(path: Path, target: Target) -> Iterator[Finding]:
    """Findings about sizes, contents, binaries and imports, in this order."""
    with _opened(path) as zipped:
        yield from _sizes(path, zipped)
        yield from _contents(zipped)
        binaries, unreadable = _binaries(zipped)
        yield from _of_binaries(binaries, unreadable, {Path(name).name for name in zipped.namelist()}, target)
        yield _imports(zipped, target)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile):
        raise NotAPackage(f"{path} is no zip that can be read.") from None


def _sizes(path: Path, zipped: zipfile.ZipFile) -> Iterator[Finding]:
    unzipped = sum(info.file_size for info in zipped.infolist())
    fits = unzipped <= MOST_UNZIPPED_BYTES
    words = f"{unzipped / MIB:.0f} MiB, and Lambda takes {MOST_UNZIPPED_BYTES // MIB}"
    yield Finding(Verdict.OK if fits else Verdict.FAILED, "size unzipped", words)
    zipped_bytes = path.stat().st_size
    way = (
        "can be uploaded directly" if zipped_bytes <= MOST_DIRECT_UPLOAD_BYTES else "goes by way of a bucket"
    )
    yield Finding(Verdict.OK, "size zipped", f"{zipped_bytes / MIB:.0f} MiB: it {way}")


def _contents(zipped: zipfile.ZipFile) -> Iterator[Finding]:
    names = zipped.namelist()
    has_entry = ENTRY in names
    words = f"{ENTRY} stands at the root" if has_entry else f"there is no {ENTRY} at the root"
    yield Finding(Verdict.OK if has_entry else Verdict.FAILED, "handler", words)
    unwanted = sorted({found for name in names if (found := _unwanted(name)) is not None})
    words = f"it holds {_listed(unwanted)}" if unwanted else "no Dagster, no sandbox, no tests"
    yield Finding(Verdict.FAILED if unwanted else Verdict.OK, "contents", words)


def _unwanted(name: str) -> str | None:
    path = PurePosixPath(name)
    for each in NEVER_IN_IT:
        if name.startswith(f"{each}/") or (each == "dagster" and path.parts[0].startswith("dagster")):
            return each
    tests = [place for place, part in enumerate(path.parts[:-1]) if part in TEST_FOLDERS]
    return "/".join(path.parts[: tests[0] + 1]) if tests else None


def _binaries(zipped: zipfile.ZipFile) -> tuple[list[Binary], list[str]]:
    found, unreadable = [], []
    for info in zipped.infolist():
        with zipped.open(info) as stream:
            begins = stream.read(len(ELF))
            if begins != ELF:
                continue
            try:
                found.append(read_binary(info.filename, begins + stream.read()))
            except BinaryUnreadable:
                unreadable.append(info.filename)
    return found, unreadable


def _of_binaries(
    binaries: list[Binary], unreadable: list[str], packed: set[str], target: Target
) -> Iterator[Finding]:
    runtime = target.runtime
    other = [f"{each.name} ({each.machine})" for each in binaries if each.machine != target.machine]
    yield _finding("architecture", [*unreadable, *other], f"{len(binaries)} binaries, all for {target.arch}")
    for_other = [each.name for each in binaries if each.python not in (None, target.python)]
    yield _finding("Python of binaries", for_other, f"all can be loaded by Python {target.python}")
    yield _newest("GLIBC", [(each.glibc, each.name) for each in binaries], runtime.glibc, runtime.name)
    yield _newest("GLIBCXX", [(each.glibcxx, each.name) for each in binaries], runtime.glibcxx, runtime.name)
    missing = [
        f"{each.name} needs {needed}"
        for each in binaries
        for needed in each.needs
        if needed not in packed and not _OF_THE_SYSTEM.fullmatch(needed)
    ]
    yield _finding("libraries", missing, "what binaries load is packed, or the system's own")


def _newest(family: str, asked: list[tuple[Version, str]], limit: Version, system: str) -> Finding:
    too_new = [
        f"{name} needs {family}_{_text(version)}" for version, name in sorted(asked) if version > limit
    ]
    highest = max((version for version, _ in asked), default=(0,))
    well = f"the highest is {family}_{_text(highest)}, and {system} has {_text(limit)}"
    finding = _finding(family, too_new, well)
    if too_new:
        return Finding(finding.verdict, finding.of, f"{finding.words}; {system} has {_text(limit)}")
    return finding


def _imports(zipped: zipfile.ZipFile, target: Target) -> Finding:
    of = f"imports on {target.python}, {target.arch}"
    if platform.machine() != target.machine:
        return Finding(
            Verdict.NOT_TRIED,
            of,
            f"this machine is {platform.machine()}: the binaries were read, nothing was run",
        )
    interpreter = find_interpreter(target.python)
    if interpreter is None:
        return Finding(
            Verdict.NOT_TRIED, of, f"no Python {target.python} is on this machine (PYTHONS may name one)"
        )
    with tempfile.TemporaryDirectory(prefix="claims-package-") as name:
        zipped.extractall(name)
        failed = try_imports(Path(name), interpreter)
    return _finding(
        of,
        [f"{module}: {why}" for module, why in failed.items()],
        "every module, with only the package on the path (and this environment's boto3 as the runtime's)",
    )


def _finding(of: str, wrong: list[str], well: str) -> Finding:
    return Finding(Verdict.FAILED, of, _listed(wrong)) if wrong else Finding(Verdict.OK, of, well)


def _listed(items: list[str]) -> str:
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more


def _text(version: Version) -> str:
    return ".".join(str(part) for part in version)
