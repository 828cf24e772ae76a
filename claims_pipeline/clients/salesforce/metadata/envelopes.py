"""The Metadata API's envelopes: calls written by its WSDL, answers and faults read.

What belongs here: XML both ways. Not here: what is asked, and when (`client`). simple-salesforce's own `deploy` writes
the words `None` into the options and leaves its client speaking XML to every later call, so calls are written here.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import requests

from claims_pipeline.clients.salesforce.refusals import UnexpectedAnswer, safe_code

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:met="{namespace}">'
    "<soapenv:Header><met:SessionHeader><met:sessionId>{session_id}</met:sessionId></met:SessionHeader>"
    "</soapenv:Header><soapenv:Body><met:{operation}>{body}</met:{operation}></soapenv:Body></soapenv:Envelope>"
)


@dataclass(frozen=True)
class DeployOptions:
    """How a deployment is done. It is always rolled back as a whole where anything fails."""

    check_only: bool = False
    tests: tuple[str, ...] = ()
    """The test classes that run; none: what the org asks for by itself."""


@dataclass(frozen=True)
class Fault:
    """A call that was refused: the code without its prefix. The words are looked at, and never shown."""

    code: str
    words: str = field(default="", repr=False)


def envelope(operation: str, body: str, session_id: str) -> bytes:
    """One call."""
    text = _ENVELOPE.format(
        namespace=NAMESPACE, session_id=escape(session_id), operation=operation, body=body
    )
    return text.encode()


def deploy_body(zipped: bytes, options: DeployOptions) -> str:
    """`deploy`, its options in the WSDL's order."""
    level = ["<met:testLevel>RunSpecifiedTests</met:testLevel>"] if options.tests else []
    told = [
        _flag("allowMissingFiles", False),
        _flag("autoUpdatePackage", False),
        _flag("checkOnly", options.check_only),
        _flag("ignoreWarnings", True),
        _flag("performRetrieve", False),
        _flag("purgeOnDelete", False),
        _flag("rollbackOnError", True),
        *(f"<met:runTests>{escape(name)}</met:runTests>" for name in options.tests),
        _flag("singlePackage", True),
        *level,
    ]
    encoded = base64.b64encode(zipped).decode()
    return f"<met:ZipFile>{encoded}</met:ZipFile><met:DeployOptions>{''.join(told)}</met:DeployOptions>"


def status_body(deployment_id: str, *, with_details: bool) -> str:
    """`checkDeployStatus`."""
    return f"<met:asyncProcessId>{escape(deployment_id)}</met:asyncProcessId>" + _flag(
        "includeDetails", with_details
    )


def list_body(types: Iterable[str], version: str) -> str:
    """`listMetadata`, of at most three types."""
    queries = "".join(f"<met:queries><met:type>{name}</met:type></met:queries>" for name in types)
    return f"{queries}<met:asOfVersion>{version}</met:asOfVersion>"


def read_answer(response: requests.Response, operation: str) -> "list[ElementTree.Element] | Fault":
    """The `result` elements of an answer, or its fault. Raises UnexpectedAnswer for what is neither."""
    body = response.content
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise UnexpectedAnswer(f"Salesforce's answer to {operation} is not one that it gives.")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 # without a document type: see above
    except ElementTree.ParseError:
        words = f"Salesforce's answer to {operation} (HTTP {response.status_code}) is not XML."
        raise UnexpectedAnswer(words) from None
    answer = next((node for node in root.iter() if _local(node) == f"{operation}Response"), None)
    if response.status_code == 200 and answer is not None:
        return [node for node in answer if _local(node) == "result"]
    said = next((node.text or "" for node in root.iter() if _local(node) == "faultcode"), "")
    if not said:
        raise UnexpectedAnswer(
            f"Salesforce's answer to {operation} (HTTP {response.status_code}) is no answer."
        )
    words = next((node.text or "" for node in root.iter() if _local(node) == "faultstring"), "")
    return Fault(safe_code(said.strip().rpartition(":")[2]), words)


def text_of(result: ElementTree.Element, name: str) -> str:
    """The text of an element right below a result."""
    return (result.findtext(f"{{{NAMESPACE}}}{name}") or "").strip()


def _flag(name: str, flag: bool) -> str:
    return f"<met:{name}>{'true' if flag else 'false'}</met:{name}>"


def _local(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]
