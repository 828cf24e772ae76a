"""Templates as a stack would hold them: read, and with their conditions decided.

What belongs here: reading and rewriting templates as plain dicts. Not here: SAM (`sam`), nor what must be true of them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[1]
ACCOUNT, REGION = "123456789012", "us-east-1"
PSEUDO: dict[str, Any] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "claims",
    "AWS::URLSuffix": "amazonaws.com",
}
_NO_VALUE = object()


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, read as their long ones."""


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)


@dataclass(frozen=True)
class Variant:
    """A template as somebody deploys it: with these parameters beside the defaults."""

    template: str
    name: str
    parameters: Mapping[str, str]

    @property
    def title(self) -> str:
        """How findings name it."""
        return f"{self.template} ({self.name})"


def read_template(name: str) -> dict[str, Any]:
    """A template below `deploy/`, in long form."""
    template: dict[str, Any] = yaml.load((DEPLOY / name).read_text(), _Loader)  # noqa: S506 - a SafeLoader of ours
    return template


def decided(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The template with conditions decided and parameters put in: what a stack with them holds."""
    values = _values(template, parameters)
    conditions: dict[str, bool] = {}

    def holds(name: str) -> bool:
        if name not in conditions:
            conditions[name] = bool(_judged(template["Conditions"][name], values, holds))
        return conditions[name]

    found: dict[str, Any] = {"Resources": {}, "Outputs": {}}
    for section, kept in found.items():
        for name, part in template.get(section, {}).items():
            if "Condition" not in part or holds(part["Condition"]):
                kept[name] = _put_in({k: v for k, v in part.items() if k != "Condition"}, values, holds)
    for part in found["Resources"].values():
        waits_for = part.get("DependsOn", [])
        waits_for = waits_for if isinstance(waits_for, list) else [waits_for]
        part["DependsOn"] = [name for name in waits_for if name in found["Resources"]]
    return found


def _values(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    values = dict(PSEUDO)
    for name, declared in template.get("Parameters", {}).items():
        value = str(given.get(name, declared.get("Default", "")))
        if declared["Type"] == "CommaDelimitedList" or declared["Type"].startswith("List<"):
            values[name] = value.split(",")
        else:
            values[name] = int(value) if declared["Type"] == "Number" else value
    unknown = set(given) - set(template.get("Parameters", {}))
    assert not unknown, f"no such parameters: {sorted(unknown)}"
    return values


def _judged(part: Any, values: Mapping[str, Any], holds: Callable[[str], bool]) -> Any:
    """A condition's own functions, all parameters known."""
    match part:
        case {"Fn::Equals": [left, right]}:
            return _judged(left, values, holds) == _judged(right, values, holds)
        case {"Fn::Not": [inner]}:
            return not _judged(inner, values, holds)
        case {"Fn::And": inner}:
            return all(_judged(each, values, holds) for each in inner)
        case {"Fn::Or": inner}:
            return any(_judged(each, values, holds) for each in inner)
        case {"Fn::Join": [separator, inner]}:
            return separator.join(_judged(inner, values, holds))
        case {"Condition": name}:
            return holds(name)
        case {"Ref": name}:
            return values[name]
        case _:
            return part


def _put_in(part: Any, values: Mapping[str, Any], holds: Callable[[str], bool]) -> Any:
    if isinstance(part, list):
        inner = (_put_in(each, values, holds) for each in part)
        return [each for each in inner if each is not _NO_VALUE]
    if not isinstance(part, dict):
        return part
    match part:
        case {"Fn::If": [name, yes, no]}:
            return _put_in(yes if holds(name) else no, values, holds)
        case {"Ref": "AWS::NoValue"}:
            return _NO_VALUE
        case {"Ref": name} if name in values:
            return values[name]
        case {"Fn::Sub": [str() as text, dict() as names]}:
            inner = {name: _put_in(each, values, holds) for name, each in names.items()}
            known = {name: each for name, each in inner.items() if isinstance(each, str)}
            text = _filled(text, {**values, **known})
            left = {name: each for name, each in inner.items() if name not in known}
            return {"Fn::Sub": [text, left]} if left else _put_in({"Fn::Sub": text}, values, holds)
        case {"Fn::Sub": str() as text}:
            text = _filled(text, values)
            return {"Fn::Sub": text} if "${" in text else text
    inner_parts = {name: _put_in(each, values, holds) for name, each in part.items()}
    return {name: each for name, each in inner_parts.items() if each is not _NO_VALUE}


def _filled(text: str, values: Mapping[str, Any]) -> str:
    return re.sub(r"\$\{([\w:]+)\}", lambda found: str(values.get(found[1], found[0])), text)
