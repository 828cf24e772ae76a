"""Starting and filling a sandbox from the command line.

What belongs here: what `sandbox` and `demo` share. The sandbox needs packages of its own (`claims-pipeline[sandbox]`).
"""

import signal
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from claims_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from claims_pipeline.sandbox.systems import Sandbox

Command = TypeVar("Command", bound=Callable[..., Any])
_NAMES = ("Riverside Family Practice", "Lakeview Cardiology", "Hilltop Pediatrics")


REPORT_OPTIONS = (
    click.option(
        "--report",
        "reports",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A CSV report of your own; a second one becomes a second customer's of the same org.",
    ),
    click.option(
        "--claims", default=2000, show_default=True, help="Claims to invent, when no report is given."
    ),
    click.option("--charges", is_flag=True, help="Invent a report with a row a charge line."),
    click.option("--seed", default=1, show_default=True, help="The same seed invents the same claims."),
)


def with_report_options(command: Command) -> Command:
    """The command with the options that say which reports the sandbox serves."""
    for option in reversed(REPORT_OPTIONS):
        command = option(command)
    return command


class SandboxNotInstalled(PermanentError):
    """The sandbox's own packages are missing."""


def start_sandbox(folder: Path, customers: int, seed: int, org: str = "standing") -> "Sandbox":
    """A running sandbox with so many customers and the org's payors."""
    try:
        from claims_pipeline.sandbox.systems import OrgAge, Sandbox, SandboxCustomer
    except ModuleNotFoundError as error:
        raise SandboxNotInstalled(
            f"The sandbox needs the package {error.name}. Install it: pip install 'claims-pipeline[sandbox]'."
        ) from None
    numbers = [f"1000{number}00{number}" for number in range(1, customers + 1)]
    named = [SandboxCustomer(number, _NAMES[place % len(_NAMES)]) for place, number in enumerate(numbers)]
    return Sandbox(folder, customers=tuple(named), seed=seed, org=OrgAge(org))


def fill(sandbox: "Sandbox", reports: Sequence[Path], *, claims: int, charges: bool, seed: int) -> None:
    """Put each report on the shelf of a customer of its own; without any, an invented one with some faulty rows."""
    from claims_pipeline.sandbox.generator import Grain, ReportPlan, write_report
    from claims_pipeline.sandbox.systems import FULL_FILTER_ID, RECENT_FILTER_ID

    paths = list(reports)
    if not paths:
        grain = Grain.CHARGE if charges else Grain.CLAIM
        plan = ReportPlan(claims, seed=seed, grain=grain, faults=0.01, as_of=datetime.now(UTC).date())
        paths = [sandbox.folder / "invented.csv"]
        write_report(plan, paths[0])
    for customer, path in zip(sandbox.customers, paths, strict=True):
        for filter_id in (RECENT_FILTER_ID, FULL_FILTER_ID):
            sandbox.put_report(customer.number, path, filter_id)


def wait_for_stop() -> None:
    """Until Ctrl-C or a termination signal."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
