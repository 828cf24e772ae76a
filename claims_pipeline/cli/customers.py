"""Which customers a command is for.

What belongs here: the option `--customer`, and what it means. Not here: what is done for them.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from claims_pipeline.settings import Customer, Settings

Command = TypeVar("Command", bound=Callable[..., Any])


def with_customers(command: Command) -> Command:
    """The command with the option, as `numbers`."""
    option = click.option(
        "--customer",
        "numbers",
        multiple=True,
        help="CollaborateMD customer number; all of the settings by default.",
    )
    return option(command)


def chosen_customers(settings: Settings, numbers: tuple[str, ...]) -> list[Customer]:
    """The customers that were named, or all. An unknown number raises SettingsError before anything runs."""
    return [settings.customer(number) for number in numbers] or list(settings.customers)
