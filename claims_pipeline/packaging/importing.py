"""Importing: the package's modules, in a clean interpreter with nothing on its path but the package and the runtime.

What belongs here: that try. The runtime's own boto3 is played by the one of this environment (pure Python, laid beside
the package as /var/runtime is). Not here: whether the binaries fit Lambda's system (`binaries`): this machine's may be
newer.
"""

import importlib.util
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from claims_pipeline.packaging.contents import IN_THE_RUNTIME

_LONGEST_SECONDS = 300
_TRY = """
import importlib, json, sys
package, runtime, modules = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
sys.dont_write_bytecode = True
sys.path[:0] = [package]
sys.path.append(runtime)
failed = {}
for name in modules:
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed[name] = f"{type(error).__name__}: {error}"
import lambda_handler
if not failed and not callable(lambda_handler.lambda_handler):
    failed["lambda_handler"] = "it has no function lambda_handler"
places = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
foreign = {
    name: place
    for name, place in places.items()
    if "site-packages" in place and not place.startswith((package, runtime))
}
print(json.dumps({"failed": failed, "foreign": foreign}))
"""
_LAZY = ("aws_lambda_powertools.tracing", "aws_xray_sdk.core", "cryptography.hazmat.primitives.serialization")
"""What the handler imports only where it needs it."""


def try_imports(package: Path, interpreter: Path) -> dict[str, str]:
    """What cannot be imported, and why, by module: the handler first, then each module of ours in the package."""
    with runtime_folder() as runtime:
        modules = json.dumps(["lambda_handler", *_ours_in(package), *_LAZY])
        command = [str(interpreter), "-I", "-S", "-c", _TRY, str(package), str(runtime), modules]
        done = subprocess.run(  # noqa: S603 - a Python of this machine
            command, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False, cwd=package
        )
    if done.returncode:
        return {"lambda_handler": (done.stderr.strip().splitlines() or ["the interpreter died"])[-1]}
    told = json.loads(done.stdout.splitlines()[-1])
    return {**told["failed"], **{name: f"comes from {path}" for name, path in told["foreign"].items()}}


def _ours_in(package: Path) -> list[str]:
    """Names of the modules of ours."""
    root = package / "claims_pipeline"
    names = (path.relative_to(package).with_suffix("").parts for path in sorted(root.rglob("*.py")))
    return [".".join(parts).removesuffix(".__init__") for parts in names]


@contextmanager
def runtime_folder() -> Iterator[Path]:
    """A folder that holds what Lambda's own runtime brings."""
    with tempfile.TemporaryDirectory(prefix="claims-runtime-") as name:
        folder = Path(name)
        for each in IN_THE_RUNTIME:
            found = importlib.util.find_spec(each)
            if found is not None and found.origin is not None:
                (folder / each).symlink_to(Path(found.origin).parent)
        yield folder
