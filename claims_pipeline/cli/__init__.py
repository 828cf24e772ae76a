"""The command line `claims-pipeline`: the same steps as the assets, without Dagster.

What belongs here: options, progress, words and exit codes. Not here: the steps (`sync`). Nothing heavy is imported
before a command needs it, so that `--help` answers at once.
"""

import importlib
import sys

import click

from claims_pipeline.cli.exits import EXIT_CODES_HELP, exit_code_of
from claims_pipeline.errors import words_of
from claims_pipeline.process_memory import importing, keep_it_small

_NAME = "claims-pipeline"
_COMMANDS = {
    "sync": "Fetch, transform and send the claims of one customer, or of all.",
    "replay": "Bring a customer's stored report into Salesforce again, without CollaborateMD.",
    "status": "How every customer stands: due, waiting, stopped, paused; stuck ones first.",
    "alert": "Tell people what needs them (or --test whether they can be told).",
    "ask": "Ask for a sync of a customer, as another system would.",
    "pause": "Hold a customer back, with a reason.",
    "resume": "Let a paused customer be synced again.",
    "release": "What stopped a customer is mended: forget its failed attempts and try again.",
    "confirm": "A person's word that a small report, or another Salesforce org, is right.",
    "onboard": "Set a new customer up: its report once, what would come of it, its entry in claims.toml.",
    "check": "Can we sign in everywhere, are the fields there, is the report readable?",
    "reconcile": "After a full fetch: does Salesforce hold what the source holds, claim by claim?",
    "report": "Write the billing lead's report: what did not arrive, why, and what to do first.",
    "why": "What became of one claim: its report rows, its syncs, what Salesforce holds, what to do.",
    "salesforce": "Install our objects and page into a Salesforce org, and tell what an org lacks of them.",
    "sandbox": "Local stand-ins for CollaborateMD, Salesforce and DynamoDB, until stopped.",
    "lambda": "Build the package of the Lambda function, and check one.",
    "demo": "The whole pipeline through Dagster against a sandbox, with a summary.",
}


_MODULES = {"lambda": "lambda_package"}  # no module can be named by a keyword


class _Lazy(click.Group):
    """Commands are imported when they are run, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = _MODULES.get(cmd_name, cmd_name)
        with importing():
            command: click.Command = importlib.import_module(f"claims_pipeline.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=_Lazy, epilog=EXIT_CODES_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=_NAME)
def root() -> None:
    """Carries claims from CollaborateMD into Salesforce, and proves that every one arrived.

    Settings come from the environment (and claims.toml): see docs/settings.md.
    """


def main() -> None:
    """The console script. Ends with an exit code that a script can tell apart; no traceback, no claim's values."""
    keep_it_small()
    try:
        code = root.main(prog_name=_NAME, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        code = 130
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of polars is no Exception, and its text may quote a claim
        click.echo(words_of(error), err=True)
        code = exit_code_of(error)
    sys.exit(code if isinstance(code, int) else 0)
