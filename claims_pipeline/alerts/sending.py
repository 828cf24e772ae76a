"""Sending: how a message leaves: to a topic of SNS by boto3, to all else by the library Apprise.

What belongs here: destinations, and one message to one of them. Not here: what is said (`messages`). An address holds
tokens and passwords: nothing of it is ever printed. Apprise is imported when it is needed, and stands not in the
Lambda function's package.
"""

import hashlib
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from claims_pipeline.alerts.messages import Message
from claims_pipeline.errors import ClaimsPipelineError

_LONGEST_SUBJECT = 100
_QUIET = ("apprise", "requests_oauthlib", "oauthlib")
_KIND = re.compile(r"[a-z][a-z0-9+-]{0,30}", re.ASCII)


class NotSent(ClaimsPipelineError):
    """A destination did not take a message. Says which by its place and kind, never its address."""


@dataclass(frozen=True)
class Destination:
    """One address of CLAIMS_ALERTS_TO. `id`: a digest, by which the sync state knows it."""

    id: str
    place: int
    address: SecretStr

    @property
    def is_topic(self) -> bool:
        """Whether it is a topic of SNS."""
        return self.address.get_secret_value().startswith("arn:")

    @property
    def words(self) -> str:
        """For people: where in the setting it stands, and of what kind it is."""
        scheme = self.address.get_secret_value().partition("://")[0]
        kind = "an SNS topic" if self.is_topic else scheme if _KIND.fullmatch(scheme) else "another"
        return f"address {self.place} of CLAIMS_ALERTS_TO ({kind})"


Send = Callable[[Destination, Message], None]
"""Raises NotSent where it was not taken."""


def destinations_of(addresses: Sequence[SecretStr]) -> tuple[Destination, ...]:
    """The destinations, in the order of the setting."""
    return tuple(
        Destination(hashlib.sha256(each.get_secret_value().encode()).hexdigest()[:16], place, each)
        for place, each in enumerate(addresses, start=1)
    )


def send(destination: Destination, message: Message) -> None:
    """One message to one destination, within about ten seconds."""
    if destination.is_topic:
        _publish(destination, message)
    else:
        _notify(destination, message)


def _publish(destination: Destination, message: Message) -> None:
    import boto3  # 100 ms, and only who sends needs it
    from botocore import exceptions as aws
    from botocore.config import Config

    topic = destination.address.get_secret_value()
    patience = Config(
        connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2}
    )
    in_order = {"MessageGroupId": "alerts"} if topic.endswith(".fifo") else {}
    subject = message.title.encode("ascii", "replace").decode()[:_LONGEST_SUBJECT]
    try:
        client: Any = boto3.client("sns", region_name=topic.split(":")[3], config=patience)
        client.publish(
            TopicArn=topic, Subject=subject, Message=f"{message.title}\n\n{message.text}", **in_order
        )
    except aws.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        told = code if re.fullmatch(r"[A-Za-z]{3,60}", code) else "no code that we know"
        raise NotSent(
            f"{destination.words}: SNS refuses it ({told}). The role needs sns:Publish on it."
        ) from None
    except (aws.BotoCoreError, ValueError) as error:
        raise NotSent(f"{destination.words}: SNS could not be asked ({type(error).__name__}).") from None


def _notify(destination: Destination, message: Message) -> None:
    try:
        with _quiet():
            import apprise
    except ImportError:
        raise NotSent(
            f"{destination.words}: the library Apprise, which it needs, is not installed here."
        ) from None
    kind = apprise.NotifyType.SUCCESS if message.is_well else apprise.NotifyType.WARNING
    own = apprise.AppriseAsset(
        app_id="claims-pipeline", app_desc="claims-pipeline", app_url="", image_url_mask="", image_url_logo=""
    )
    with _quiet():
        try:
            office = apprise.Apprise(asset=own)
            known = office.add(_for_apprise(destination.address.get_secret_value()))
            sent = known and office.notify(
                title=message.title,
                body=message.text,
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:  # noqa: BLE001 - its text may quote the address
            raise NotSent(f"{destination.words}: sending broke ({type(error).__name__}).") from None
    if not known:
        raise NotSent(f"{destination.words}: Apprise knows no such address; see docs/operations.md.")
    if not sent:
        raise NotSent(
            f"{destination.words}: it was not taken (no answer, or refused). Is the address still right?"
        )


def _for_apprise(address: str) -> str:
    """A webhook as Slack and Teams show it is known to Apprise; any other gets plain JSON."""
    import apprise

    scheme, _, rest = address.partition("://")
    if scheme not in ("http", "https") or apprise.Apprise.instantiate(address, suppress_exceptions=True):
        return address
    return f"{'jsons' if scheme == 'https' else 'json'}://{rest}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Libraries log addresses and answers: our words say enough. Apprise warns of imports that it does without."""
    loggers = [logging.getLogger(name) for name in _QUIET]
    before = [each.disabled for each in loggers]
    for each in loggers:
        each.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for each, was in zip(loggers, before, strict=True):
            each.disabled = was
