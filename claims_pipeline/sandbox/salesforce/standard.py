"""What Salesforce itself brings: the system fields of every object, and the objects that stand in each org.

What belongs here: the fields that clients ask of them. Not here: our objects, which are read from `salesforce/`.
"""

from dataclasses import replace

from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType, ObjectSchema

_SYSTEM = FieldSchema(
    name="", label="", type=FieldType.STRING, custom=False, createable=False, updateable=False, required=True
)


def _user_lookup(name: str, label: str, relationship: str) -> FieldSchema:
    return replace(
        _SYSTEM,
        name=name,
        label=label,
        type=FieldType.REFERENCE,
        length=18,
        reference_to=("User",),
        relationship=relationship,
    )


_ID = replace(_SYSTEM, name="Id", label="Record ID", type=FieldType.ID, length=18)
_IS_DELETED = replace(_SYSTEM, name="IsDeleted", label="Deleted", type=FieldType.BOOLEAN, default=False)
_AUDIT = (
    replace(_SYSTEM, name="CreatedDate", label="Created Date", type=FieldType.DATETIME),
    _user_lookup("CreatedById", "Created By ID", "CreatedBy"),
    replace(_SYSTEM, name="LastModifiedDate", label="Last Modified Date", type=FieldType.DATETIME),
    _user_lookup("LastModifiedById", "Last Modified By ID", "LastModifiedBy"),
    replace(_SYSTEM, name="SystemModstamp", label="System Modstamp", type=FieldType.DATETIME),
)
_OWNER = replace(
    _user_lookup("OwnerId", "Owner ID", "Owner"), createable=True, updateable=True, required=False
)

LEADING_FIELDS: tuple[FieldSchema, ...] = (_ID, _OWNER, _IS_DELETED)
"""The system fields that describe lists before a custom object's name."""

TRAILING_FIELDS: tuple[FieldSchema, ...] = _AUDIT
"""The system fields that describe lists after a custom object's name."""


def _text(name: str, label: str, length: int, *, name_field: bool = False) -> FieldSchema:
    return replace(_SYSTEM, name=name, label=label, length=length, required=False, name_field=name_field)


def _flag(name: str, label: str) -> FieldSchema:
    return replace(_SYSTEM, name=name, label=label, type=FieldType.BOOLEAN, default=False)


def _standard_object(name: str, plural: str, prefix: str, *fields: FieldSchema) -> ObjectSchema:
    """A standard object as we need it: to be read, never to be written."""
    return ObjectSchema(
        name=name,
        label=name,
        label_plural=plural,
        key_prefix=prefix,
        fields={found.name: found for found in (_ID, *fields, *_AUDIT)},
        custom=False,
        createable=False,
        updateable=False,
        deletable=False,
    )


USER = _standard_object(
    "User",
    "Users",
    "005",
    replace(_text("Username", "Username", 80), unique=True),
    _text("Name", "Full Name", 121, name_field=True),
    _text("FirstName", "First Name", 40),
    _text("LastName", "Last Name", 80),
    replace(_text("Email", "Email", 128), type=FieldType.EMAIL),
    _text("Alias", "Alias", 8),
    replace(
        _text("ProfileId", "Profile ID", 18),
        type=FieldType.REFERENCE,
        reference_to=("Profile",),
        relationship="Profile",
    ),
    _flag("IsActive", "Active"),
    _text("TimeZoneSidKey", "Time Zone", 40),
    _text("UserType", "User Type", 40),
)

PROFILE = _standard_object("Profile", "Profiles", "00e", _text("Name", "Name", 255, name_field=True))

ORGANIZATION = _standard_object(
    "Organization",
    "Organizations",
    "00D",
    _text("Name", "Name", 80, name_field=True),
    _text("InstanceName", "Instance Name", 5),
    _flag("IsSandbox", "Is Sandbox"),
    _text("OrganizationType", "Edition", 40),
    _text("NamespacePrefix", "Namespace Prefix", 15),
    replace(_text("TrialExpirationDate", "Trial Expiration Date", 0), type=FieldType.DATETIME),
    _text("TimeZoneSidKey", "Time Zone", 40),
    _text("LanguageLocaleKey", "Language", 40),
)


def _setup_object(name: str, plural: str, prefix: str, *fields: FieldSchema) -> ObjectSchema:
    """An object of the org's set-up: of no concern to users without the right to see it."""
    return replace(_standard_object(name, plural, prefix, *fields), for_admins=True)


def _to(name: str, target: str, relationship: str) -> FieldSchema:
    return replace(
        _text(name, f"{relationship} ID", 18),
        type=FieldType.REFERENCE,
        reference_to=(target,),
        relationship=relationship,
        required=True,
    )


PERMISSION_SET = _setup_object(
    "PermissionSet",
    "Permission Sets",
    "0PS",
    _text("Name", "Permission Set Name", 80, name_field=True),
    _text("Label", "Permission Set Label", 80),
    _text("Description", "Description", 255),
    _flag("IsOwnedByProfile", "Is Owned By Profile"),
)

PERMISSION_SET_ASSIGNMENT = replace(
    _setup_object(
        "PermissionSetAssignment",
        "Permission Set Assignments",
        "0Pa",
        replace(_to("PermissionSetId", "PermissionSet", "PermissionSet"), createable=True),
        replace(_to("AssigneeId", "User", "Assignee"), createable=True),
    ),
    createable=True,
    deletable=True,
)

OBJECT_PERMISSIONS = _setup_object(
    "ObjectPermissions",
    "Object Permissions",
    "110",
    _to("ParentId", "PermissionSet", "Parent"),
    _text("SobjectType", "Object Type Name", 40),
    *(
        _flag(f"Permissions{name}", label)
        for name, label in (
            ("Read", "Read Records"),
            ("Create", "Create Records"),
            ("Edit", "Edit Records"),
            ("Delete", "Delete Records"),
            ("ViewAllRecords", "Read All Records"),
            ("ModifyAllRecords", "Edit All Records"),
        )
    ),
)

FIELD_PERMISSIONS = _setup_object(
    "FieldPermissions",
    "Field Permissions",
    "01k",
    _to("ParentId", "PermissionSet", "Parent"),
    _text("SobjectType", "Sobject Type Name", 40),
    _text("Field", "Field Name", 250),
    _flag("PermissionsRead", "Read Field"),
    _flag("PermissionsEdit", "Edit Field"),
)

OBJECTS: tuple[ObjectSchema, ...] = (
    USER,
    PROFILE,
    ORGANIZATION,
    PERMISSION_SET,
    PERMISSION_SET_ASSIGNMENT,
    OBJECT_PERMISSIONS,
    FIELD_PERMISSIONS,
)
