"""The saved reports of the sandbox, who is running one, and how each run is to go.

What belongs here: what the service knows and decides, without HTTP. Not here: requests and answers (`app`, `wire`), the
ZIP (`zips`). Time passes with requests, not with a clock: a running report is so many answers from its end.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from threading import Lock
from typing import Self

from claims_pipeline.sandbox.collaboratemd.entries import Content, Entry
from claims_pipeline.sandbox.collaboratemd.zips import ZipShape, write_zip

FIRST_IDENTIFIER = 7_000_001
ZIPS_KEPT = 8
Key = tuple[str, str, str]
"""(customer number, report id, filter id)."""


class Answer(Enum):
    """What the service says to a run or a poll: the name is ours, the value its `Status`."""

    DATA = ("SUCCESS", "data")
    EMPTY = ("SUCCESS", "no data")
    RUNNING = ("REPORT RUNNING", "")
    TIMED_OUT = ("REPORT TIMED OUT", "")
    NOT_FOUND = ("NOT FOUND", "")
    INVALID_CRITERIA = ("INVALID CRITERIA", "")
    ERROR = ("ERROR", "")

    @property
    def status(self) -> str:
        return str(self.value[0])


class EmptyData(Enum):
    """How a SUCCESS without data is written."""

    ABSENT = "absent"
    BLANK = "blank"
    NULL = "null"


@dataclass(frozen=True)
class Script:
    """How a saved report's runs go: the n-th answer to `run`, the n-th answer to a poll of one run; the last repeats.

    In `runs`, DATA means accepted. `message` is the `StatusMessage`, which at the service echoes the filter's criteria.
    """

    runs: tuple[Answer, ...] = (Answer.DATA,)
    polls: tuple[Answer, ...] = (Answer.DATA,)
    empty_data: EmptyData = EmptyData.ABSENT
    message: str = "Filter criteria: Last Activity = Previous 30 Days; Patient = ALL"

    @classmethod
    def ready_after(cls, polls: int, *, empty: int = 0) -> Self:
        """Running for so many polls, then so many times a success without its data, then the data."""
        return cls(polls=(*(Answer.RUNNING,) * polls, *(Answer.EMPTY,) * empty, Answer.DATA))

    @classmethod
    def without_rows(cls) -> Self:
        """The filter finds nothing: a success without data, for ever."""
        return cls(polls=(Answer.EMPTY,))


@dataclass(frozen=True)
class Wire:
    """How answers are written. `data_text` stands in for the base64 of the ZIP, whatever the report."""

    json_refused: bool = False
    data_first: bool = False
    lines_of_76: bool = False
    slashes_escaped: bool = False
    root: str = "ReportResponse"
    data_text: str | None = None


@dataclass(frozen=True)
class Report:
    """What a saved report holds: entries to be packed, or a file that is handed out as if it were the ZIP."""

    entries: tuple[Entry, ...] = ()
    shape: ZipShape = field(default_factory=ZipShape)
    as_it_is: Content | None = None

    @classmethod
    def csv(cls, content: Content, *, name: str = "Claims.csv", shape: ZipShape | None = None) -> Self:
        """One CSV entry, as reports normally are."""
        return cls((Entry(name, content),), shape or ZipShape())


@dataclass
class Run:
    """One run of a saved report: the report as it stood then, and how far it has come."""

    identifier: int
    key: Key
    report: Report
    script: Script
    answered: int = 0
    packing: Lock = field(default_factory=Lock)

    @property
    def is_running(self) -> bool:
        return Answer.RUNNING in self._ahead

    @property
    def _ahead(self) -> tuple[Answer, ...]:
        polls = self.script.polls
        return polls[min(self.answered, len(polls) - 1) :]

    def pass_time(self) -> Answer:
        """The answer that is due now; the next one is a step further."""
        answer = self._ahead[0]
        self.answered += 1
        return answer


class ReportShelf:
    """Customers, their saved reports by filter, and the runs of each partner. Safe to change while it is served."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wire = Wire()
        self.unavailable: set[str] = set()
        self.tells_running_identifier = True
        self.runs: list[Run] = []
        self._reports: dict[Key, Report] = {}
        self._scripts: dict[Key, Script] = {}
        self._asked: Counter[Key] = Counter()
        self._slots: dict[str, Run] = {}
        self._by_identifier: dict[tuple[str, int], Run] = {}
        self._zips: deque[Path] = deque()
        self._lock = Lock()

    def put(self, customer: str, report: str, filter_id: str, content: Report | Content) -> None:
        """Save or replace a report; plain content is its CSV. Runs already under way keep what they had."""
        saved = content if isinstance(content, Report) else Report.csv(content)
        with self._lock:
            self._reports[customer, report, filter_id] = saved

    def remove(self, customer: str, report: str, filter_id: str) -> None:
        """Take a report away; it need not be there."""
        with self._lock:
            self._reports.pop((customer, report, filter_id), None)

    def script(self, customer: str, report: str, filter_id: str, script: Script) -> None:
        """Say how the report's runs go from now on, counted anew."""
        with self._lock:
            self._scripts[customer, report, filter_id] = script
            self._asked[customer, report, filter_id] = 0

    def contents(self) -> Iterator[Key]:
        """What is saved."""
        with self._lock:
            return iter(sorted(self._reports))

    def occupy(self, partner: str, *, answers: int, report: Report | None = None) -> int:
        """Let a foreign report of this partner run for so many answers; returns its identifier."""
        script = Script.ready_after(answers)
        with self._lock:
            return self._start(partner, ("99999999", "0", "0"), report or Report(), script).identifier

    def free_slots(self) -> None:
        """Every partner's slot is free, as if the report that ran in it had been fetched long ago."""
        with self._lock:
            self._slots.clear()

    def run(self, partner: str, key: Key) -> tuple[Answer, int | None, str]:
        """Answer to a `run`: status, identifier if one is told, message."""
        with self._lock:
            script = self._scripts.get(key, Script())
            running = self._slots.get(partner)
            if running is not None and running.is_running:
                running.pass_time()
                told = running.identifier if self.tells_running_identifier else None
                return Answer.RUNNING, told, running.script.message
            if key not in self._reports:
                return Answer.NOT_FOUND, None, script.message
            answer = script.runs[min(self._asked[key], len(script.runs) - 1)]
            self._asked[key] += 1
            if answer is not Answer.DATA:
                return answer, None, script.message
            started = self._start(partner, key, self._reports[key], script)
            return answer, started.identifier, script.message

    def _start(self, partner: str, key: Key, report: Report, script: Script) -> Run:
        run = Run(FIRST_IDENTIFIER + len(self.runs), key, report, script)
        self.runs.append(run)
        self._slots[partner] = self._by_identifier[partner, run.identifier] = run
        return run

    def poll(self, partner: str, identifier: int) -> tuple[Answer, Run | None]:
        """Answer to a poll. The customer in the path is not looked at: a foreign identifier gives foreign data."""
        with self._lock:
            run = self._by_identifier.get((partner, identifier))
            return (Answer.NOT_FOUND, None) if run is None else (run.pass_time(), run)

    def packed(self, run: Run) -> Path:
        """The run's ZIP on disk, packed at the first asking."""
        path = self.folder / f"{run.identifier}.zip"
        with run.packing:
            if not path.exists():
                self._pack(run.report, path)
        return path

    def _pack(self, report: Report, path: Path) -> None:
        unfinished = path.with_suffix(".part")
        with unfinished.open("w+b") as file:
            if report.as_it_is is not None:
                file.writelines(Entry("", report.as_it_is).chunks())
            else:
                write_zip(report.entries, report.shape, file)
        unfinished.replace(path)
        with self._lock:
            self._zips.append(path)
            gone = self._zips.popleft() if len(self._zips) > ZIPS_KEPT else None
        if gone is not None:
            gone.unlink(missing_ok=True)


def script_from(words: Mapping[str, object]) -> Script:
    """A script as people write it: lists of answers by name in lower case, and a message. Raises ValueError."""
    return Script(
        _answers(words.get("runs", ["data"])),
        _answers(words.get("polls", ["data"])),
        message=str(words.get("message", Script.message)),
    )


def _answers(words: object) -> tuple[Answer, ...]:
    if (
        not isinstance(words, list)
        or not words
        or any(str(word).upper() not in Answer.__members__ for word in words)
    ):
        raise ValueError(f"runs and polls are lists of {', '.join(answer.name.lower() for answer in Answer)}")
    return tuple(Answer[str(word).upper()] for word in words)
