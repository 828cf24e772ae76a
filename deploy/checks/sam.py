"""What CloudFormation makes of a SAM template: `python -m deploy.checks.sam template.yaml` prints it as JSON.

What belongs here: that translation, which needs the checks' own environment. Not here: all else about templates.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from deploy.checks.templates import REGION, read_template

CODE = "s3://packages/collaboratemd-salesforce-sync.zip"
"""In place of the local zip, as `sam package` puts it there."""


def translated(template: Mapping[str, Any]) -> dict[str, Any]:
    """What CloudFormation makes of a SAM template (one without SAM is left as it is). Asks nobody."""
    copy: dict[str, Any] = json.loads(json.dumps(template))
    if "Transform" not in copy:
        return copy
    for resource in copy["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = CODE
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    plain: dict[str, Any] = translator.translate(copy, {})
    plain.pop("Transform", None)
    return plain


if __name__ == "__main__":
    print(json.dumps(translated(read_template(sys.argv[1]))))
