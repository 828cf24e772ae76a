"""The Lambda template as a stack of moto's CloudFormation, beside a town's CollaborateMD and Salesforce.

What belongs here: making the stack, and by hand, from the same properties, the few resources that moto's CloudFormation
does not make. Not here: what must be true of it. That a thing works here never shows that it is hardened
(`test_template` does).
"""

import io
import json
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from claims_pipeline.sandbox.dynamodb import REGION
from claims_pipeline_tests.deploy.stacks import LAMBDA, as_cloudformation, properties, resources
from claims_pipeline_tests.town import Town
from deploy.checks.templates import Variant

STACK = "claims"
_LONGEST_SECONDS = 60
_SERVICES = ("DYNAMODB", "LAMBDA", "S3", "SECRETS_MANAGER")
_CODE = {"Bucket": "packages", "Key": "collaboratemd-salesforce-sync.zip"}
_FROM_THE_RUNTIME = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_OF_THE_SANDBOX = (
    "CLAIMS_CA_BUNDLE",
    "CLAIMS_CONFIG",
    "COLLABORATEMD_API_BASE_URL",
    "COLLABORATEMD_POLL_SECONDS",
    "SALESFORCE_DOMAIN",
    "SALESFORCE_POLL_SECONDS",
)


@dataclass(frozen=True)
class Deployed:
    """A stack that stands."""

    url: str
    outputs: Mapping[str, str]

    def client(self, service: str) -> Any:
        """AWS's service, as this emulator has it."""
        return _client(self.url, service)

    def payload(self, schedule: str) -> Any:
        """What EventBridge Scheduler hands to the function."""
        target = self.client("scheduler").get_schedule(Name=schedule)["Target"]
        assert target["Arn"] == self.outputs["FunctionArn"]
        return json.loads(target["Input"])

    def environment(self, town: Town) -> dict[str, str]:
        """The function's environment as AWS would give it, and what leads it to the sandbox."""
        held = self.client("lambda").get_function_configuration(FunctionName=self.outputs["FunctionName"])
        beside = {name: town.environment[name] for name in (*_FROM_THE_RUNTIME, *_OF_THE_SANDBOX)}
        emulated = {f"AWS_ENDPOINT_URL_{name}": self.url for name in _SERVICES}
        variables = {
            name: str(value) for name, value in held["Environment"]["Variables"].items()
        }  # moto keeps numbers
        return {**variables, **beside, **emulated}


def _client(url: str, service: str) -> Any:
    nobody = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
    return boto3.client(service, endpoint_url=url, region_name=REGION, **nobody)  # type: ignore[call-overload]


@contextmanager
def emulator() -> Iterator[str]:
    """moto in a process of its own, whose account holds nothing yet; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + _LONGEST_SECONDS
        while not _answers(port):
            assert started.poll() is None, "the emulator ended"
            assert time.monotonic() < deadline, "the emulator never answered"
            time.sleep(0.1)
        yield url
    finally:
        started.terminate()
        started.wait(_LONGEST_SECONDS)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def deploy(url: str, secret: Mapping[str, str], **parameters: str) -> Deployed:
    """The stack, made from the translated template."""
    given = {"CreateSecret": "no", **parameters}  # moto's CloudFormation makes none: it is adopted
    variant = Variant(LAMBDA, "emulated", given)
    name = properties(variant, "Function")["Environment"]["Variables"]["CLAIMS_SECRET_ID"]
    _client(url, "secretsmanager").create_secret(Name=name, SecretString=json.dumps(dict(secret)))
    s3 = _client(url, "s3")
    s3.create_bucket(Bucket=_CODE["Bucket"])
    s3.put_object(**_CODE, Body=_package())
    cloudformation = _client(url, "cloudformation")
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps(as_cloudformation(LAMBDA)),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    found = Deployed(url, {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]})
    _make_what_moto_forgets(found, variant)
    return found


def _package() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("lambda_handler.py", "")
    return packed.getvalue()


def _make_what_moto_forgets(found: Deployed, variant: Variant) -> None:
    known = {"Function": "FunctionArn", "SchedulerRole": "RoleArn", "Failures": "AlarmsTopicArn"}

    def arns(part: Any) -> Any:
        match part:
            case {"Fn::GetAtt": [str() as name, "Arn"]} | {"Ref": str() as name} if name in known:
                return found.outputs[known[name]]
            case dict():
                return {name: arns(each) for name, each in part.items()}
            case list():
                return [arns(each) for each in part]
        return part

    for resource in resources(variant).values():
        if resource["Type"] == "AWS::Scheduler::Schedule":
            found.client("scheduler").create_schedule(**arns(resource["Properties"]))
