"""Building the package: `salesforce/` goes into it, so that what was installed by pip can deploy it too.

What belongs here: that one step. All else about the package stands in `setup.cfg`.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


class WithSalesforce(build_py):
    """Puts the SFDX project beside the code, as `claims_pipeline/salesforce_project`; a checkout has its own."""

    def run(self) -> None:
        """Build, and copy."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "claims_pipeline" / "salesforce_project"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(HERE / "salesforce", target)


setup(cmdclass={"build_py": WithSalesforce})
