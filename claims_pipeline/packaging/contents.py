"""Contents: what the Lambda package holds, for which runtimes, and what AWS lets a package be.

What belongs here: these facts, once. Sources: AWS's pages on Lambda runtimes and quotas.
"""

from dataclasses import dataclass
from pathlib import Path

FUNCTION = "collaboratemd-salesforce-sync"
DIRECT = (
    "aws-lambda-powertools",
    "aws-xray-sdk",
    "polars",
    "pydantic",
    "pyjwt[crypto]",
    "rapidfuzz",
    "requests",
    "simple-salesforce",
    "simplejson",
    "tenacity",
)
"""What the handler's own modules import, as pip names it."""
IN_THE_RUNTIME = ("boto3", "botocore", "s3transfer")
"""What the runtime brings itself, patched by AWS: not packed. Their small dependencies are packed with the rest."""
LEFT_OUT = ("apprise",)
"""What is imported where it is installed, and told where it is not: in Lambda alerts go to SNS, by boto3."""
OURS = (
    "__init__.py",
    "process_memory.py",
    "errors.py",
    "lambda_handler.py",
    "py.typed",
    "alerts",
    "claims",
    "clients",
    "lambda_door",
    "settings",
    "storage",
    "sync",
)
"""Modules and rooms of `claims_pipeline` in the package: the handler's, and those it stands on."""
ENTRY = "lambda_handler.py"
ENTRY_TEXT = (
    '"""The handler string `lambda_handler.lambda_handler` leads here."""\n'
    "from claims_pipeline.lambda_handler import lambda_handler  # noqa: F401\n"
)
LABEL = "claims_pipeline/lambda_package.json"
"""Says inside the zip which runtime it is for."""
NEVER_IN_IT = ("claims_pipeline_tests", "claims_pipeline/sandbox", "dagster", "moto", "pytest", "_pytest")
"""Top-level packages (and rooms of ours) that have no business in it."""
TEST_FOLDERS = frozenset({"test", "tests"})

MIB = 1024 * 1024
MOST_UNZIPPED_BYTES = 250 * MIB
MOST_DIRECT_UPLOAD_BYTES = 50 * MIB
"""A larger zip goes by way of a bucket, as `sam deploy` and `aws cloudformation package` do it anyway."""

Version = tuple[int, ...]


@dataclass(frozen=True)
class Runtime:
    """An operating system below a runtime: the newest symbols that its C and C++ libraries have."""

    name: str
    glibc: Version
    glibcxx: Version


AMAZON_LINUX_2 = Runtime("Amazon Linux 2", (2, 26), (3, 4, 24))
AMAZON_LINUX_2023 = Runtime("Amazon Linux 2023", (2, 34), (3, 4, 29))
RUNTIMES = {"3.11": AMAZON_LINUX_2, "3.12": AMAZON_LINUX_2023, "3.13": AMAZON_LINUX_2023}
DEFAULT_PYTHON = "3.13"
ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Lambda's names, and those of wheels and binaries."""


@dataclass(frozen=True)
class Target:
    """What a package is built for."""

    python: str
    arch: str

    @property
    def machine(self) -> str:
        """The architecture as wheels and this machine name it."""
        return ARCHITECTURES[self.arch]

    @property
    def runtime(self) -> Runtime:
        """What it must run on."""
        return RUNTIMES[self.python]

    @property
    def platforms(self) -> tuple[str, ...]:
        """Tags of wheels, the most wanted first. The last asks for more than Amazon Linux 2 has: a wheel whose name
        says so and whose binaries do not is taken, and the finished package is what is judged.
        """
        return tuple(f"{tag}_{self.machine}" for tag in ("manylinux_2_17", "manylinux2014", "manylinux_2_28"))

    @property
    def lock(self) -> Path:
        """The list of its wheels, each with its hash."""
        return Path(__file__).parent / "locks" / f"{self.python}-{self.arch}.txt"

    @property
    def zip_name(self) -> str:
        """The file that is built."""
        return f"{FUNCTION}-{self.python}-{self.arch}.zip"


TARGETS = tuple(Target(python, arch) for python in RUNTIMES for arch in ARCHITECTURES)
