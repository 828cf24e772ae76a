"""How an org is set up: its name, its users, its sign-in rules and its quota.

What belongs here: facts that an admin would choose. Not here: objects and fields, which are metadata.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.record_ids import new_id

ORGANIZATION_ID = new_id("00D", 1)
INTEGRATION_USERNAME = "integration@claims.example"
ADMIN_USERNAME = "admin@claims.example"


def _users() -> tuple[User, ...]:
    """An integration user, who writes what we send, and an admin, who edits by hand."""
    return (
        User(
            id=new_id("005", 1),
            username=INTEGRATION_USERNAME,
            password="sandbox-password",  # noqa: S106 - of a stand-in
            security_token="sandboxTOKEN",  # noqa: S106
            first_name="Claims",
            last_name="Integration",
            email="integration@claims.example",
            profile_id=new_id("00e", 1),
            profile_name="Minimum Access - API Only Integrations",
        ),
        User(
            id=new_id("005", 2),
            username=ADMIN_USERNAME,
            password="admin-password",  # noqa: S106
            security_token="adminTOKEN",  # noqa: S106
            first_name="Ada",
            last_name="Admin",
            email="admin@claims.example",
            profile_id=new_id("00e", 2),
            profile_name="System Administrator",
        ),
    )


@dataclass(frozen=True)
class OrgSettings:
    """One org's set-up. The certificate (or public key, PEM) is what JWT assertions are checked with."""

    name: str = "Claims Sandbox Clinic"
    organization_id: str = ORGANIZATION_ID
    is_sandbox: bool = False
    users: tuple[User, ...] = field(default_factory=_users)
    session_seconds: int = 7200
    daily_api_requests: int = 15_000
    soap_login_enabled: bool = True
    consumer_key: str = "sandbox-consumer-key"
    consumer_secret: str = "sandbox-consumer-secret"  # noqa: S105 - of a stand-in
    certificate: str | None = None
    approved_usernames: frozenset[str] = frozenset({INTEGRATION_USERNAME, ADMIN_USERNAME})
    client_credentials_username: str | None = INTEGRATION_USERNAME
    assigned: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "Claims_Integration": (INTEGRATION_USERNAME,),
            "Claim_Payor_Mapping": (ADMIN_USERNAME,),
        }
    )  # permission set -> who has it from the start, where the org has it
    time_zone: str = "America/New_York"

    @property
    def audience(self) -> str:
        """What a JWT assertion must be addressed to, whatever host it is sent to."""
        return f"https://{'test' if self.is_sandbox else 'login'}.salesforce.com"
