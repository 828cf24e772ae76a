"""Building: our modules and the wheels' become one zip, the same to the byte whoever builds it, whenever.

What belongs here: putting it together. Not here: which wheels (`locking`), nor judging the result (`checking`).
Files in order of their names, one time, one mode, nothing that tells of the machine. Only another zlib may press
otherwise, and another release of the target's Python compile otherwise: the package says which did.
"""

import hashlib
import json
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import claims_pipeline
from claims_pipeline.packaging.compiling import compile_modules
from claims_pipeline.packaging.contents import ENTRY, ENTRY_TEXT, LABEL, OURS, Target
from claims_pipeline.packaging.wheels import fetch_wheels, open_wheel

_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644
_UNIX = 3
_LEVEL = 6


@dataclass(frozen=True)
class Built:
    """A finished zip."""

    path: Path
    sha256: str
    zipped_bytes: int
    unzipped_bytes: int
    compiled_by: str | None
    """The version of Python that made its byte code; None: it has none."""


def build(target: Target, folder: Path, config: Path | None = None) -> Built:
    """The package for this target in `folder`. `config`: a claims.toml that goes to its root."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="claims-lambda-") as name:
        work = Path(name)
        root = work / "package"
        root.mkdir()
        (work / "wheels").mkdir()
        for wheel in fetch_wheels(target, work / "wheels"):
            open_wheel(wheel, root)
        _add_ours(root)
        if config is not None:
            shutil.copyfile(config, root / "claims.toml")
        compiled_by = compile_modules(root, target)
        label = {"python": target.python, "arch": target.arch, "compiled_by": compiled_by}
        (root / LABEL).write_text(json.dumps(label) + "\n", encoding="utf-8")
        path = folder / target.zip_name
        unfinished = path.with_name(f".{path.name}.unfinished")
        unzipped = _press(root, unfinished)
        unfinished.replace(path)
    return Built(path, sha256_of(path), path.stat().st_size, unzipped, compiled_by)


def sha256_of(path: Path) -> str:
    """Of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _add_ours(root: Path) -> None:
    source, to = Path(claims_pipeline.__file__).parent, root / "claims_pipeline"
    for name in OURS:
        found = source / name
        for path in sorted(found.rglob("*.py")) if found.is_dir() else (found,):
            place = to / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    (root / ENTRY).write_text(ENTRY_TEXT, encoding="utf-8")


def _press(root: Path, path: Path) -> int:
    """The zip; how many bytes it holds unpacked."""
    total = 0
    files = {file.relative_to(root).as_posix(): file for file in root.rglob("*") if file.is_file()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as zipped:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system, info.external_attr = _UNIX, _MODE << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            content = files[name].read_bytes()
            total += len(content)
            zipped.writestr(info, content, compresslevel=_LEVEL)
    return total
