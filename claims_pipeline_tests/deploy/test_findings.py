"""Exceptions from the tools' rules: each is for one thing, has its reason, and goes when it is needed no more."""

from pathlib import Path

import pytest
import yaml

from deploy.checks.findings import Finding, read_exceptions, unexplained
from deploy.checks.templates import DEPLOY, Variant, decided
from deploy.checks.variants import VARIANTS

FOUND = Finding("template.yaml", "new account", "checkov CKV_AWS_1", "Table", "is not as it should be")
ENTRY = {
    "template": "template.yaml",
    "rules": ["checkov CKV_AWS_1"],
    "resources": ["Table"],
    "reason": "Because of a reason that is long enough.",
}


def written(folder: Path, *entries: dict[str, object]) -> Path:
    path = folder / "exceptions.yaml"
    path.write_text(yaml.safe_dump(list(entries)))
    return path


def test_a_finding_without_an_exception_is_told_with_its_place(tmp_path: Path) -> None:
    (line,) = unexplained([FOUND], read_exceptions(written(tmp_path)))
    assert line == "template.yaml (new account): checkov CKV_AWS_1 at Table: is not as it should be"


def test_an_exception_covers_its_own_finding_alone(tmp_path: Path) -> None:
    exceptions = read_exceptions(written(tmp_path, ENTRY))
    assert unexplained([FOUND], exceptions) == []
    other = Finding("template.yaml", "new account", "checkov CKV_AWS_1", "Bucket", "")
    assert len(unexplained([FOUND, other], exceptions)) == 1


def test_an_exception_for_a_variant_covers_no_other(tmp_path: Path) -> None:
    exceptions = read_exceptions(written(tmp_path, ENTRY | {"variants": ["everything adopted"]}))
    assert len(unexplained([FOUND], exceptions)) == 2, "the finding, and the exception that nothing needs"


def test_an_exception_that_nothing_needs_is_told(tmp_path: Path) -> None:
    (line,) = unexplained([], read_exceptions(written(tmp_path, ENTRY)))
    assert "is needed no more" in line


def test_an_exception_without_a_reason_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without its reason"):
        read_exceptions(written(tmp_path, ENTRY | {"reason": "wontfix"}))


def test_ours_name_templates_and_variants_that_there_are() -> None:
    known = {(each.template, each.name) for each in VARIANTS}
    for each in read_exceptions(DEPLOY / "exceptions.yaml"):
        assert each.template in {template for template, _ in known}
        assert {(each.template, variant) for variant in each.variants} <= known


def test_every_template_is_checked() -> None:
    templates = {
        str(path.relative_to(DEPLOY))
        for path in DEPLOY.rglob("*.yaml")
        if "AWSTemplateFormatVersion" in path.read_text()
    }
    assert templates == {each.template for each in VARIANTS}


def test_conditions_are_decided_as_cloudformation_does() -> None:
    template = {
        "Parameters": {
            "On": {"Type": "String", "Default": "no"},
            "Ids": {"Type": "CommaDelimitedList", "Default": ""},
        },
        "Conditions": {
            "IsOn": {"Fn::Equals": [{"Ref": "On"}, "yes"]},
            "HasIds": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "Ids"}]}, ""]}]},
        },
        "Resources": {
            "A": {
                "Type": "T",
                "DependsOn": "B",
                "Properties": {
                    "Name": {"Fn::Sub": "x-${On}-${B.Arn}"},
                    "Ids": {"Fn::If": ["HasIds", {"Ref": "Ids"}, {"Ref": "AWS::NoValue"}]},
                },
            },
            "B": {"Type": "T", "Condition": "IsOn", "Properties": {}},
        },
    }
    off = decided(template, {})["Resources"]
    assert off == {"A": {"Type": "T", "DependsOn": [], "Properties": {"Name": {"Fn::Sub": "x-no-${B.Arn}"}}}}
    on = decided(template, {"On": "yes", "Ids": "a,b"})["Resources"]
    assert (on["A"]["Properties"]["Ids"], on["A"]["DependsOn"]) == (["a", "b"], ["B"])
    with pytest.raises(AssertionError, match="no such parameters"):
        decided(template, {"Of": "yes"})


def test_variants_are_told_apart_by_their_titles() -> None:
    assert len({each.title for each in VARIANTS}) == len(VARIANTS)
    assert Variant("a.yaml", "b", {}).title == "a.yaml (b)"
