"""The pipeline as a real process, with hooks in it: `python -m claims_pipeline_tests.faults.runner`.

What belongs here: carrying out one order, by the command line's door or by Dagster's. `one` does it in this process,
cold. `serve` imports everything once and forks a process an order, so that hundreds of them do not spend a second each
on imports; each is a process of its own all the same, with its own id, memory, connections and death.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

from claims_pipeline.process_memory import keep_it_small
from claims_pipeline_tests.faults.orders import Order

ORDER = "CLAIMS_SWEEP_ORDER"
"""The environment's name for an order to `one`."""

_DEFINITIONS = "claims_pipeline.definitions"
_LONGEST_SECONDS = 300


def carry_out(order: Order) -> int:
    """Run the command in this process, hooks installed; its exit code."""
    from claims_pipeline_tests.faults import hooks
    from claims_pipeline_tests.faults.conditions import impose
    from claims_pipeline_tests.faults.planted import BUGS

    tape = hooks.Tape(order.tape, order.stop_at, order.signal_number)
    impose(order.conditions)
    if order.bug is not None:
        BUGS[order.bug](tape)
    hooks.install(tape, order.storage)
    sys.argv = list(order.command)
    try:
        _door(order.command[0])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _door(name: str) -> None:
    if name == "dagster":
        from dagster._cli import main
    else:
        from claims_pipeline.cli import main
    main()


def serve(door: str) -> None:
    """Take orders on standard input, one JSON line each, and answer each with one line."""
    _warm_up(door)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = _start(asked) if asked["do"] == "start" else _wait(asked["pid"])
        print(json.dumps(answer), flush=True)


def _warm_up(door: str) -> None:
    """Import what a run imports, and start no thread that a fork would lose."""
    keep_it_small()
    import boto3

    importlib.import_module("claims_pipeline.cli.sync")
    if door == "dagster":
        importlib.import_module("dagster._cli")
        importlib.import_module(_DEFINITIONS)
        del sys.modules[_DEFINITIONS]  # it reads its customers from the environment that each process has
    boto3.client("dynamodb", region_name="us-east-1", endpoint_url="http://127.0.0.1:1").close()


def _start(asked: dict[str, Any]) -> dict[str, Any]:
    pid = os.fork()
    if pid:
        return {"pid": pid}
    try:
        _become(Order.from_json(str(asked["order"])), asked.get("under"))
    except BaseException:  # noqa: BLE001 - nothing of the child may return into the parent's loop
        traceback.print_exc()
    finally:
        os._exit(99)


def _become(order: Order, under: object) -> NoReturn:
    """The process that the order asks for: a fork of this one, or `under` a command (`[]`: cold) a new one."""
    os.environ.clear()
    os.environ.update(order.environment)
    out = os.open(order.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for there, here in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(there, here)
    signal.alarm(_LONGEST_SECONDS)  # a run that hangs is killed, and told as one that never came there
    if isinstance(under, list):
        os.environ[ORDER] = order.to_json()
        command = [*under, sys.executable, "-m", __spec__.name, "one"]
        os.execvp(command[0], command)
    code = carry_out(order)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _wait(pid: int) -> dict[str, Any]:
    """Until the process ends, dies or stops."""
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return {"stopped": os.WSTOPSIG(status)}
    if os.WIFSIGNALED(status):
        return {"killed": os.WTERMSIG(status)}
    return {"ended": os.WEXITSTATUS(status)}


if __name__ == "__main__":
    if sys.argv[1:] == ["one"]:
        sys.exit(carry_out(Order.from_json(os.environ[ORDER])))
    serve(sys.argv[2])
