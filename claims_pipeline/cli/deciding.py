"""What the commands share by which a person decides: who decides, why, and the sync state.

What belongs here: options and their shapes. Not here: the decisions (`clients.sync_state`), nor their words.
"""

import getpass
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from claims_pipeline.clients.sync_state import CustomerState, SyncState
    from claims_pipeline.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
_LONGEST_NAME = 64
_LONGEST_REASON = 200


def _one_line(text: str, longest: int) -> str:
    stripped = text.strip()
    if not stripped.isprintable() or not 0 < len(stripped) <= longest:
        raise click.BadParameter(f"it should be one line of at most {longest} characters")
    return stripped


def _who(_context: click.Context, _option: click.Parameter, given: str | None) -> str:
    if given is not None:
        return _one_line(given, _LONGEST_NAME)
    return this_user()


def this_user() -> str:
    """This machine's name of whoever types."""
    try:
        return getpass.getuser()[:_LONGEST_NAME]
    except (ImportError, KeyError, OSError):
        raise click.UsageError("This machine does not say who you are: add --by NAME.") from None


def by_option(command: Command) -> Command:
    """The command with `--by`: who decides, kept with the decision."""
    words = "Who decides; kept with the decision. This machine's user name by default."
    return click.option("--by", callback=_who, metavar="NAME", help=words)(command)


def reason_option(command: Command) -> Command:
    """The command with `--reason`."""
    words = f"Why: one line of at most {_LONGEST_REASON} characters, without any patient's data. It is kept and shown."
    return click.option(
        "--reason",
        required=True,
        metavar="TEXT",
        help=words,
        callback=lambda _context, _option, given: _one_line(given, _LONGEST_REASON),
    )(command)


def open_state() -> "tuple[Settings, SyncState]":
    """Settings and sync state. The imports cost half a second, and `--help` needs none of them."""
    from claims_pipeline.sync import connections

    settings = connections.read_settings()
    return settings, connections.open_state(settings, f"cli-{uuid.uuid4().hex}")


def how_it_stands(settings: "Settings", state: "CustomerState") -> str:
    """What follows for the sensor, in words."""
    from claims_pipeline.sync.connections import utc_now
    from claims_pipeline.sync.due import stands

    verdict = stands(state, settings.customer(state.customer), utc_now(), settings.due)
    return f"Customer {state.customer} is {verdict.standing.value}: {verdict.why}."


def read_of_settings(settings: "Settings", state: "SyncState") -> "Mapping[str, CustomerState]":
    """The state of every customer of the settings."""
    return state.read_many([each.number for each in settings.customers])
