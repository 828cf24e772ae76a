"""Findings of the tools, and the exceptions that people have written down for them.

What belongs here: holding one against the other. Not here: how a tool is run (`tools`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

_SHORTEST_REASON = 20

AS_WRITTEN = "as written"


@dataclass(frozen=True, order=True)
class Finding:
    """What one tool holds against one resource of one template, in one of its variants or as it is written."""

    template: str
    variant: str
    rule: str  # "checkov CKV_AWS_116"
    resource: str
    message: str


@dataclass(frozen=True)
class Allowed:
    """One thing that is excepted, in these variants (none named: in all), and why."""

    template: str
    rule: str
    resource: str
    variants: frozenset[str]
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is this one."""
        same = (finding.template, finding.rule, finding.resource) == (self.template, self.rule, self.resource)
        return same and (not self.variants or finding.variant in self.variants)


def read_exceptions(path: Path) -> list[Allowed]:
    """The exceptions as they are written down; one without a reason is no exception."""
    found = []
    for entry in yaml.safe_load(path.read_text()):
        reason = str(entry["reason"]).strip()
        if len(reason) < _SHORTEST_REASON:
            raise ValueError(f"an exception without its reason: {entry}")
        variants = frozenset(entry.get("variants", ()))
        found += [
            Allowed(entry["template"], rule, resource, variants, reason)
            for rule in entry["rules"]
            for resource in entry["resources"]
        ]
    return found


def unexplained(findings: Iterable[Finding], exceptions: Sequence[Allowed]) -> list[str]:
    """A line for each finding that nobody excepted, and for each exception that nothing needs any more."""
    needed = set()
    lines = []
    for finding in sorted(findings):
        covering = [each for each in exceptions if each.covers(finding)]
        needed.update(covering)
        if not covering:
            where = f"{finding.template} ({finding.variant})"
            lines.append(f"{where}: {finding.rule} at {finding.resource}: {finding.message}")
    return lines + [
        f"{each.template}: the exception from {each.rule} at {each.resource} is needed no more: take it out"
        for each in exceptions
        if each not in needed
    ]
