"""An SFDX project of the tests' own: our objects, and beside them one component of each other type that we deploy.

What belongs here: files. They are the tests' own even where ours have the same names, so that neither waits for the
other.
"""

import shutil
from pathlib import Path

from claims_pipeline_tests.paths import REPOSITORY

NAMESPACE = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
SETS = ("Claim_Payor_Mapping", "Claims_Integration")

CONTROLLER = """public with sharing class ThingController {
    // @IsTest is spoken of here alone
    public static String greet() {
        return 'hello';
    }
}
"""
TEST = """/* what belongs here: tests */
@IsTest
private class ThingControllerTest {
    @IsTest
    static void greets() {
        System.assertEquals('hello', ThingController.greet());
    }
    @IsTest
    static void greetsAgain() {
        System.assertEquals('hello', ThingController.greet());
    }
}
"""


def meta(root: str, *elements: str) -> str:
    """A metadata file."""
    inside = "\n".join(f"    {element}" for element in elements)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} {NAMESPACE}>\n{inside}\n</{root}>\n'


def project(folder: Path) -> Path:
    """The project, written into a folder; the folder."""
    main = folder / "force-app/main/default"
    shutil.copytree(REPOSITORY / "salesforce/force-app/main/default/objects", main / "objects")
    for found in main.rglob("*"):  # ours alone: their parts that are neither object nor field come from here
        if found.is_file() and not found.name.endswith((".object-meta.xml", ".field-meta.xml")):
            found.unlink()
    for name, content in _files(main).items():
        path = main / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def _files(main: Path) -> dict[str, str]:
    mapping = "Claim_Payor_Mapping__c"
    return {
        "classes/ThingController.cls": CONTROLLER,
        "classes/ThingController.cls-meta.xml": _apex_meta(),
        "classes/ThingControllerTest.cls": TEST,
        "classes/ThingControllerTest.cls-meta.xml": _apex_meta(),
        "pages/Thing.page": '<apex:page controller="ThingController" docType="html-5.0">Hello</apex:page>\n',
        "pages/Thing.page-meta.xml": meta(
            "ApexPage", "<apiVersion>66.0</apiVersion>", "<label>Thing</label>"
        ),
        "tabs/Thing.tab-meta.xml": meta(
            "CustomTab", "<label>Thing</label>", "<motif>Custom1: Heart</motif>", "<page>Thing</page>"
        ),
        "tabs/Claim__c.tab-meta.xml": meta(
            "CustomTab", "<customObject>true</customObject>", "<motif>Custom1: Heart</motif>"
        ),
        "applications/Things.app-meta.xml": meta(
            "CustomApplication", "<label>Things</label>", "<tabs>standard-home</tabs>", "<tabs>Thing</tabs>"
        ),
        f"layouts/{mapping}-Mapping Layout.layout-meta.xml": _layout("Payor_Key__c"),
        "layouts/Claim__c-Claim Layout.layout-meta.xml": _layout("Claim_Number__c"),
        "staticresources/words.json": '{"hello": "world"}\n',
        "staticresources/words.resource-meta.xml": meta(
            "StaticResource",
            "<cacheControl>Private</cacheControl>",
            "<contentType>application/json</contentType>",
        ),
        f"objects/{mapping}/listViews/Unmapped.listView-meta.xml": meta(
            "ListView",
            "<fullName>Unmapped</fullName>",
            "<columns>Payor_Key__c</columns>",
            "<filterScope>Everything</filterScope>",
            "<label>Unmapped</label>",
        ),
        "objects/Claim__c/listViews/Claims_Missing.listView-meta.xml": meta(
            "ListView",
            "<fullName>Claims_Missing</fullName>",
            "<columns>Source_Missing_Since__c</columns>",
            "<filterScope>Everything</filterScope>",
            "<label>Missing at the source</label>",
        ),
        f"objects/{mapping}/validationRules/Either.validationRule-meta.xml": meta(
            "ValidationRule",
            "<fullName>Either</fullName>",
            "<active>true</active>",
            "<errorConditionFormula>AND(Ignored__c, NOT(ISBLANK(Claim_Payor__c)))</errorConditionFormula>",
            "<errorMessage>Either ignored or mapped.</errorMessage>",
        ),
        "permissionsets/Claims_Integration.permissionset-meta.xml": permission_set(
            main, "Claims Integration"
        ),
        "permissionsets/Claim_Payor_Mapping.permissionset-meta.xml": permission_set(
            main,
            "Claim Payor Mapping",
            "<classAccesses><apexClass>ThingController</apexClass><enabled>true</enabled></classAccesses>",
            last="<pageAccesses><apexPage>Thing</apexPage><enabled>true</enabled></pageAccesses>",
            people=True,
        ),
    }


def _apex_meta() -> str:
    return meta("ApexClass", "<apiVersion>66.0</apiVersion>", "<status>Active</status>")


def _layout(field: str) -> str:
    item = f"<layoutItems><behavior>Required</behavior><field>{field}</field></layoutItems>"
    return meta(
        "Layout",
        f"<layoutSections><layoutColumns>{item}</layoutColumns><style>OneColumn</style></layoutSections>",
    )


def permission_set(main: Path, label: str, *first: str, last: str | None = None, people: bool = False) -> str:
    """Every object, and every field that a permission set may name; people's own fields only on the mapping table."""
    fields, objects = [], []
    for path in sorted(main.glob("objects/*/*.object-meta.xml")):
        objects.append(
            "<objectPermissions><allowCreate>true</allowCreate><allowDelete>false</allowDelete><allowEdit>true"
            "</allowEdit><allowRead>true</allowRead><modifyAllRecords>false</modifyAllRecords>"
            f"<object>{path.parent.name}</object><viewAllRecords>false</viewAllRecords></objectPermissions>"
        )
        for field in sorted(path.parent.glob("fields/*.field-meta.xml")):
            name, text = field.name.removesuffix(".field-meta.xml"), field.read_text()
            if "<required>true</required>" in text:
                continue
            is_peoples = path.parent.name == "Claim_Payor_Mapping__c" and name.startswith("Decided_")
            if is_peoples and not people:
                continue
            word = "false" if "<formula>" in text else "true"
            fields.append(
                f"<fieldPermissions><editable>{word}</editable><field>{path.parent.name}.{name}</field>"
                "<readable>true</readable></fieldPermissions>"
            )
    return meta(
        "PermissionSet", *first, *fields, f"<label>{label}</label>", *objects, *([last] if last else [])
    )
