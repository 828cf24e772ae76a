"""`python -m deploy.checks FOLDER`: every template by every tool. npm installed cdk-nag into FOLDER."""

import json
import sys
import tempfile
from pathlib import Path

from deploy.checks import tools
from deploy.checks.findings import Finding, read_exceptions, unexplained
from deploy.checks.sam import translated
from deploy.checks.templates import DEPLOY, decided, read_template
from deploy.checks.variants import VARIANTS

EXCEPTIONS = DEPLOY / "exceptions.yaml"


def find(modules: Path) -> set[Finding]:
    """What all tools say, over each template as written and in each of its variants."""
    names = sorted({each.template for each in VARIANTS})
    found = set(tools.cfn_lint({DEPLOY / name: name for name in names}))
    with tempfile.TemporaryDirectory(dir=modules) as work:
        files = {}
        for place, variant in enumerate(VARIANTS):
            path = Path(work).resolve() / f"{place}.json"
            plain = decided(translated(read_template(variant.template)), variant.parameters)
            path.write_text(json.dumps(plain, indent=1))
            files[path] = variant
        found.update(tools.checkov(files))
        for path, variant in files.items():
            found.update(tools.cdk_nag(path, variant, modules))
    return found


def main() -> int:
    """0 when nothing is left unexplained."""
    exceptions = read_exceptions(EXCEPTIONS)
    found = find(Path(sys.argv[1]).resolve())
    lines = unexplained(found, exceptions)
    for line in lines:
        print(line)
    if not lines:
        print(
            f"{len(VARIANTS)} variants of {len({each.template for each in VARIANTS})} templates are clean by cfn-lint, "
            f"checkov and cdk-nag's HIPAA pack; {len(found)} findings are excepted, each with its reason."
        )
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
