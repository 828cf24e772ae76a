"""Templates as our tests look at them: resources of a decided template, and the statements of its policies.

What belongs here: reading them. Not here: what must be true of them.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from claims_pipeline_tests.paths import REPOSITORY
from deploy.checks.templates import Variant, decided, read_template
from deploy.checks.variants import VARIANTS

CHECKS_PYTHON = REPOSITORY / "build/deploy-check/bin/python"
LAMBDA = "template.yaml"
NEW_ACCOUNT, NETWORKED, ADOPTED = (each for each in VARIANTS if each.template == LAMBDA)


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, its lists always lists."""

    policy: str
    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]


def resources(variant: Variant) -> dict[str, Any]:
    """What a stack of this variant holds, by logical id; a SAM template is not translated."""
    found: dict[str, Any] = decided(read_template(variant.template), variant.parameters)["Resources"]
    return found


def properties(variant: Variant, name: str) -> dict[str, Any]:
    """The properties of one resource."""
    found: dict[str, Any] = resources(variant)[name]["Properties"]
    return found


def statements(variant: Variant, role: str) -> Iterator[Statement]:
    """The statements of the managed policies of one role."""
    for name, resource in resources(variant).items():
        held = resource["Properties"]
        if resource["Type"] != "AWS::IAM::ManagedPolicy" or {"Ref": role} not in held["Roles"]:
            continue
        for each in held["PolicyDocument"]["Statement"]:
            actions, of = _texts(each["Action"]), _texts(each["Resource"])
            yield Statement(name, each.get("Sid", ""), each["Effect"], actions, of)


def _texts(part: object) -> tuple[str, ...]:
    parts = part if isinstance(part, list) else [part]
    return tuple(each if isinstance(each, str) else json.dumps(each) for each in parts)


@cache
def as_cloudformation(template: str) -> Mapping[str, Any]:
    """A SAM template as CloudFormation makes it; done in the checks' own environment."""
    assert CHECKS_PYTHON.exists(), "run: make deploy-check"
    done = subprocess.run(
        [str(CHECKS_PYTHON), "-m", "deploy.checks.sam", template],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
