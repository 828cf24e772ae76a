"""The checks of `salesforce/`: clean as it stands, and red, with the reason, for each mistake planted in a copy."""

from pathlib import Path

import pytest

from claims_pipeline_tests.salesforce.mistakes import MISTAKES
from claims_pipeline_tests.salesforce.project import FORCE_APP, Project


def test_all_of_it_is_clean_as_it_stands(tmp_path: Path) -> None:
    """Every step, on a copy: the very thing that `make salesforce-check` says of the repository."""
    checked = Project.copied_to(tmp_path / "salesforce").check()
    assert checked.exit_code == 0, checked.lines
    assert checked.lines[-1].endswith(": 0 findings.")


@pytest.mark.parametrize("step", sorted({mistake.step for mistake in MISTAKES}))
def test_each_planted_mistake_is_found_by_its_step(step: str, tmp_path: Path) -> None:
    """All the mistakes of a step in one copy: red, and each with its own reason."""
    project = Project.copied_to(tmp_path / "salesforce")
    planted = [mistake for mistake in MISTAKES if mistake.step == step]
    for mistake in planted:
        project.plant(mistake.file, mistake.before, mistake.after)
    checked = project.check(step)
    assert checked.exit_code == 1, checked.lines
    missed = [mistake.name for mistake in planted if not any(mistake.found in line for line in checked.lines)]
    assert not missed, checked.lines


def test_a_file_that_would_never_be_deployed_is_found(tmp_path: Path) -> None:
    """A field of which the name and the file's name differ would come back as another."""
    project = Project.copied_to(tmp_path / "salesforce")
    fields = project.folder / FORCE_APP / "objects" / "Claim__c" / "fields"
    (fields / "Source_Hash__c.field-meta.xml").rename(fields / "Source_Hsh__c.field-meta.xml")
    checked = project.check("conversion")
    assert checked.exit_code == 1
    assert any("Source_Hsh__c" in line for line in checked.lines), checked.lines


def test_a_step_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """A misspelt step must not look like a clean one."""
    project = Project.copied_to(tmp_path / "salesforce")
    with pytest.raises(AssertionError, match="There is no pmdd; the steps are"):
        project.check("pmdd")
