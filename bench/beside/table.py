"""The table of a comparison, for people and as facts for other programs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Line:
    """One contender's figures. `seconds` and `api_calls` are scaled to the book where it carried only its beginning."""

    name: str
    how: str
    rows: int
    carried: int
    seconds: float
    peak_mib: float
    api_calls: int
    taken: int
    """Claims that stand in the org afterwards."""
    refused: int
    """Of those carried, how many the org was told to refuse."""
    verdict: str
    exit_code: int

    @property
    def is_scaled(self) -> bool:
        """Whether only a part of the book was carried."""
        return self.carried < self.rows

    @property
    def missing(self) -> int:
        """Claims that the org would have taken and does not have."""
        return self.carried - self.refused - self.taken


def of_rounds(rounds: Sequence[Sequence[Line]]) -> list[Line]:
    """Each contender's line: its fastest round, with the worst of all else that any round had."""
    return [
        replace(
            min(lines, key=lambda line: line.seconds),
            peak_mib=max(line.peak_mib for line in lines),
            api_calls=max(line.api_calls for line in lines),
            taken=min(line.taken for line in lines),
            verdict=" / ".join(dict.fromkeys(line.verdict for line in lines)),
        )
        for lines in zip(*rounds, strict=True)
    ]


def printed(lines: Sequence[Line]) -> Iterator[str]:
    """The table; ratios to the first line."""
    first = lines[0]
    head = f"{'':<32}{'seconds':>10}{'x':>8}{'peak MiB':>10}{'x':>7}{'API calls':>11}{'arrived':>20}"
    yield head
    for line in lines:
        about = "~" if line.is_scaled else ""
        seconds, calls = f"{about}{line.seconds:,.1f}", f"{about}{line.api_calls:,}"
        arrived = f"{line.taken:,} of {line.carried - line.refused:,}"
        yield (
            f"{line.name:<32}{seconds:>10}{line.seconds / first.seconds:>8.2f}{line.peak_mib:>10,.0f}"
            f"{line.peak_mib / first.peak_mib:>7.2f}{calls:>11}{arrived:>20}"
        )
        yield f"    {line.how}"
        ended = f"; exit code {line.exit_code}" if line.exit_code else ""
        yield f"    of the {line.refused:,} refused: {line.verdict}{ended}"
        if line.missing:
            yield f"    MISSING: {line.missing:,} claims that the org would have taken"
    if any(line.is_scaled for line in lines):
        yield "~ of fewer claims, scaled to the book; its memory is not"


def as_facts(lines: Sequence[Line]) -> list[dict[str, object]]:
    """One object a line, for JSON."""
    return [asdict(line) for line in lines]
