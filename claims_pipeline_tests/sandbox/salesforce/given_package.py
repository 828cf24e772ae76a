"""Packages in metadata format, made by hand for the sandbox's tests of its Metadata API.

What belongs here: zips and their XML, written apart from the product's own builder.
"""

import io
import zipfile
from collections.abc import Mapping

NAMESPACE = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
APEX_META = f"<ApexClass {NAMESPACE}><apiVersion>66.0</apiVersion><status>Active</status></ApexClass>"
PAGE_META = f"<ApexPage {NAMESPACE}><apiVersion>66.0</apiVersion><label>A page</label></ApexPage>"
TEST_CLASS = """@IsTest
private class ThingTest {
    // @IsTest static void notThisOne() {}
    @IsTest static void works() { System.assert(true); }
    @IsTest
    private static void worksToo() {}
    static testMethod void oldStyle() {}
    static void helper() {}
}
"""


def zipped(files: Mapping[str, str | bytes]) -> io.BytesIO:
    """A zip of these files."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    held.seek(0)
    return held


def manifest(**members: str | list[str]) -> str:
    """A package.xml: type -> one or several members."""
    types = "".join(
        "<types>"
        + "".join(f"<members>{one}</members>" for one in ([found] if isinstance(found, str) else found))
        + f"<name>{name}</name></types>"
        for name, found in members.items()
    )
    return f"<Package {NAMESPACE}>{types}<version>66.0</version></Package>"


def text_field(name: str, length: int = 40, more: str = "") -> str:
    """A text field, as an object's file holds it."""
    return (
        f"<fields><fullName>{name}</fullName><label>{name}</label><length>{length}</length>{more}"
        "<type>Text</type></fields>"
    )


def object_file(*parts: str, label: str = "Thing") -> str:
    """A whole object with a name of text."""
    return (
        f"<CustomObject {NAMESPACE}><deploymentStatus>Deployed</deploymentStatus>\n"
        + "\n".join(parts)
        + f"\n<label>{label}</label><nameField><label>Name</label><type>Text</type></nameField>"
        f"<pluralLabel>{label}s</pluralLabel><sharingModel>ReadWrite</sharingModel></CustomObject>"
    )


def fields_file(*parts: str) -> str:
    """Parts of an object that stands already."""
    return f"<CustomObject {NAMESPACE}>\n" + "\n".join(parts) + "\n</CustomObject>"


def permission_set(*grants: str) -> str:
    """A permission set with these grants."""
    return f"<PermissionSet {NAMESPACE}>{''.join(grants)}<label>Things</label></PermissionSet>"


def field_grant(name: str, *, edit: bool = True) -> str:
    """Read, and edit, a field."""
    word = "true" if edit else "false"
    return (
        f"<fieldPermissions><editable>{word}</editable><field>{name}</field><readable>true</readable>"
        "</fieldPermissions>"
    )


def object_grant(name: str, *, edit: bool = True, read: bool = True) -> str:
    """Read, create and edit an object's records."""
    write, see = ("true" if flag else "false" for flag in (edit, read))
    return (
        f"<objectPermissions><allowCreate>{write}</allowCreate><allowDelete>false</allowDelete>"
        f"<allowEdit>{write}</allowEdit><allowRead>{see}</allowRead><modifyAllRecords>false</modifyAllRecords>"
        f"<object>{name}</object><viewAllRecords>false</viewAllRecords></objectPermissions>"
    )
