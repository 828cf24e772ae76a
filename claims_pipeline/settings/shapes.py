"""How a single value must look: one function a shape, text in, value out.

What belongs here: shapes that one value has by itself. Each raises ValueError with words that never quote the value
(they are shown to people). Not here: what values must be to each other (`load`, `customers`, `sign_in`).
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from claims_pipeline.settings.facts import StorageLocation

LOOPBACK = ("localhost", "127.0.0.1", "::1")
OLDEST_API_VERSION = 47.0  # the first with Bulk API 2.0 queries
_TOPIC = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?"
_PLAIN_HTTP = ("http", "json", "xml", "form")
_MY_DOMAIN = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"


def matching(pattern: str) -> Callable[[str], str]:
    """A shape: the whole text matches the pattern."""
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError("does not look right")
        return text

    return check


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if not parts.hostname:
        raise ValueError("is not a URL")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("is not https (plain http is for this machine's own sandbox only)")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password, which belong into settings of their own")
    return parts


def service_url(url: str) -> str:
    """`https://host[:port]`, without a path; http for the loopback only. A slash at the end goes."""
    parts = _split(url)
    if parts.path.strip("/") or parts.query or parts.fragment or url.endswith(("?", "#")):
        raise ValueError("has a path or a query behind the host")
    return f"{parts.scheme}://{parts.netloc}"


def alert_address(text: str) -> str:
    """The ARN of an SNS topic, or a URL that Apprise may know; in plain HTTP to this machine alone."""
    if text.startswith("arn:"):
        return matching(_TOPIC)(text)
    scheme, separator, rest = text.partition("://")
    if not separator or not rest or not re.fullmatch(r"[a-z][a-z0-9+-]*", scheme, re.ASCII):
        raise ValueError("holds something that is no ARN of an SNS topic and no URL")
    host = rest.rpartition("@")[2].split("/")[0].split(":")[0]
    if scheme in _PLAIN_HTTP and host not in LOOPBACK:
        raise ValueError(
            "holds an address in plain HTTP: it should be https, or the scheme with an s at its end"
        )
    return text


def salesforce_domain(text: str) -> str:
    """`login`, `test`, a My Domain without `.salesforce.com`, or a whole login URL."""
    if "://" in text:
        url = service_url(text)
        if (urlsplit(url).hostname or "").endswith(".lightning.force.com"):
            raise ValueError("is the address of the Lightning pages, where nothing signs in")
        return url
    lowered = text.lower().removesuffix(".salesforce.com")
    if lowered.endswith("force.com"):
        raise ValueError("is the address of the Lightning pages, where nothing signs in")
    if not re.fullmatch(_MY_DOMAIN, lowered):
        raise ValueError("is no domain")
    if lowered not in ("login", "test") and "." not in lowered:
        raise ValueError("lacks the `.my` (or `.sandbox.my`) at the end of a My Domain")
    return lowered


def api_version(text: str) -> str:
    """Two or three digits, a point and a zero."""
    version = matching(r"v?\d{2,3}\.0")(text).removeprefix("v")
    if float(version) < OLDEST_API_VERSION:
        raise ValueError("is too old for Bulk API 2.0 queries")
    return version


def field_names(text: str) -> frozenset[str]:
    """API names of Salesforce fields, separated by commas or spaces."""
    name = matching(r"[A-Za-z]\w{0,79}")
    return frozenset(name(part) for part in re.split(r"[,\s]+", text) if part)


def column_labels(text: str) -> dict[str, str | None]:
    """A JSON object: report field -> label, or null where the report has no such column."""
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except ValueError:
        raise ValueError("is not JSON") from None
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise ValueError("is not a JSON object")
    labels: dict[str, str | None] = {}
    for field, label in pairs:
        if field in labels:
            raise ValueError(f"names {field} twice")
        if label is not None and (not isinstance(label, str) or not label.strip()):
            raise ValueError(f"has something else than a label or null for {field}")
        labels[field] = label
    return labels


def pem_private_key(text: str) -> str:
    """An RSA private key without a passphrase, in PEM: the text itself (`\\n` for line ends will do) or its file."""
    pem = text.replace("\\n", "\n") if "-----BEGIN" in text else _file_text(text)
    # cryptography costs 50 ms to import, and only this way of signing in needs it
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise ValueError("is locked with a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is neither a private key in PEM nor a file that holds one") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("is not an RSA key, and Salesforce takes no other")
    return pem


def _file_text(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError):
        raise ValueError("is neither a private key in PEM nor a file that can be read") from None


def existing_file(text: str) -> Path:
    """The path of a file that is there."""
    try:
        path = Path(text).expanduser()
        is_there = path.is_file()
    except (OSError, ValueError, RuntimeError):
        is_there = False
    if not is_there:
        raise ValueError("names no file that is there")
    return path


def storage_location(text: str) -> StorageLocation:
    """A folder by its whole path, or `s3://bucket/prefix`."""
    if text.startswith("s3://"):
        bucket, _, prefix = text.removeprefix("s3://").partition("/")
        matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")(bucket)
        return StorageLocation(folder=None, bucket=bucket, prefix=prefix.strip("/"))
    if "://" in text:
        raise ValueError("is neither a folder nor s3://")
    try:
        folder = Path(text).expanduser()
    except RuntimeError:
        raise ValueError("names a home folder that is not there") from None
    if not folder.is_absolute():
        raise ValueError("is not a whole path, so each door of the pipeline would find another folder")
    return StorageLocation(folder=folder)
