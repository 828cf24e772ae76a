"""The records that every org has before anyone writes one: its users, their profiles, and itself.

What belongs here: filling the standard objects from the org's settings. Not here: claims and payors.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from claims_pipeline.sandbox.salesforce import standard
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.schema import ObjectSchema, OrgSchema
from claims_pipeline.sandbox.salesforce.settings import OrgSettings
from claims_pipeline.sandbox.salesforce.tables import Tables
from claims_pipeline.sandbox.salesforce.validation import Stored, instant


def stand_up(tables: Tables, schema: OrgSchema, settings: OrgSettings, now: datetime) -> None:
    """Write the standard objects' records anew."""
    stamps: dict[str, Stored] = {
        "CreatedDate": instant(now),
        "CreatedById": settings.users[0].id,
        "LastModifiedDate": instant(now),
        "LastModifiedById": settings.users[0].id,
        "SystemModstamp": instant(now),
    }
    profiles = {user.profile_id: user.profile_name for user in settings.users}
    filled: list[tuple[ObjectSchema, Sequence[Mapping[str, Stored]]]] = [
        (standard.USER, [_user(user, settings) for user in settings.users]),
        (standard.PROFILE, [{"Id": key, "Name": name} for key, name in profiles.items()]),
        (standard.ORGANIZATION, [_organization(settings)]),
    ]
    for found, records in filled:
        names = list(schema.objects[found.name].fields)
        tables.empty(found)
        tables.insert(
            found, names, [[(record | stamps).get(name) for name in names] for record in map(dict, records)]
        )


def _user(user: User, settings: OrgSettings) -> dict[str, Stored]:
    return {
        "Id": user.id,
        "Username": user.username,
        "Name": user.name,
        "FirstName": user.first_name,
        "LastName": user.last_name,
        "Email": user.email,
        "Alias": user.username[:8],
        "ProfileId": user.profile_id,
        "IsActive": int(user.active),
        "TimeZoneSidKey": settings.time_zone,
        "UserType": "Standard",
    }


def _organization(settings: OrgSettings) -> dict[str, Stored]:
    return {
        "Id": settings.organization_id,
        "Name": settings.name,
        "InstanceName": "CS1" if settings.is_sandbox else "NA1",
        "IsSandbox": int(settings.is_sandbox),
        "OrganizationType": "Enterprise Edition",
        "TimeZoneSidKey": settings.time_zone,
        "LanguageLocaleKey": "en_US",
    }
