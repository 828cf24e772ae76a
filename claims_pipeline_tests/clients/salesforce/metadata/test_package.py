"""The package: every file of the source is in it once, the manifest lists what is there, the bytes are the same."""

import io
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from claims_pipeline.clients.salesforce.metadata import (
    MetadataPackage,
    Part,
    SourceMissing,
    SourceUnfit,
    Standing,
    build_package,
    read_project,
)
from claims_pipeline_tests.given_project import meta, project
from claims_pipeline_tests.paths import REPOSITORY

OURS = REPOSITORY / "salesforce"
NS = "{http://soap.sforce.com/2006/04/metadata}"
NOTHING = Standing()
THEIRS = Standing(objects=frozenset({"Claim__c", "Claim_Payor__c"}))
FOLDERS = {  # written apart from the product's own table
    "classes": "ApexClass",
    "pages": "ApexPage",
    "tabs": "CustomTab",
    "layouts": "Layout",
    "permissionsets": "PermissionSet",
    "applications": "CustomApplication",
    "staticresources": "StaticResource",
    "flexipages": "FlexiPage",
}
ELEMENTS = {
    "fields": "CustomField",
    "listViews": "ListView",
    "validationRules": "ValidationRule",
    "compactLayouts": "CompactLayout",
    "webLinks": "WebLink",
    "fieldSets": "FieldSet",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path / "project")


@pytest.fixture(params=["ours", "given"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Our own project as it stands, and the tests' own that has every type."""
    return OURS if request.param == "ours" else project(tmp_path / "project")


def package_of(folder: Path, part: Part = Part.ALL, standing: Standing = NOTHING) -> MetadataPackage:
    return build_package(read_project(folder), part, standing)


def unzipped(package: MetadataPackage) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(package.zipped())) as opened:
        assert all(not found.is_dir() for found in opened.infolist())
        assert len(set(opened.namelist())) == len(opened.namelist())
        return {name: opened.read(name) for name in opened.namelist()}


def manifest(files: dict[str, bytes]) -> set[tuple[str, str]]:
    root = ElementTree.fromstring(files["package.xml"])
    assert root.findtext(f"{NS}version") == "66.0"
    return {
        (types.findtext(f"{NS}name") or "", member.text or "")
        for types in root.iterfind(f"{NS}types")
        for member in types.iterfind(f"{NS}members")
    }


def held(files: dict[str, bytes]) -> Iterator[tuple[str, str]]:
    """What the zip really holds, read from its files alone."""
    for path, content in files.items():
        folder, _, name = path.partition("/")
        if folder == "objects":
            root = ElementTree.fromstring(content)
            object_name = name.removesuffix(".object")
            if root.find(f"{NS}label") is not None:
                yield "CustomObject", object_name
            for element, type_name in ELEMENTS.items():
                for part in root.iterfind(NS + element):
                    yield type_name, f"{object_name}.{part.findtext(f'{NS}fullName')}"
        elif path != "package.xml" and not path.endswith("-meta.xml"):
            yield FOLDERS[folder], name.rpartition(".")[0]


@pytest.mark.parametrize("part", list(Part))
@pytest.mark.parametrize("standing", [NOTHING, THEIRS])
def test_the_manifest_lists_exactly_what_is_there(either: Path, part: Part, standing: Standing) -> None:
    files = unzipped(package_of(either, part, standing))
    listed = list(held(files))
    assert len(listed) == len(set(listed))
    assert manifest(files) == set(listed)


def test_every_file_of_the_source_is_in_the_zip(either: Path) -> None:
    files = unzipped(package_of(either))
    sources = [path for path in (either / "force-app").rglob("*") if path.is_file()]
    assert len(sources) > 70
    for path in sources:
        inner = path.relative_to(either / "force-app/main/default")
        if inner.parts[0] == "objects":
            _assert_in_object(files, inner, path.read_bytes())
        else:
            assert path.read_bytes() in files.values(), inner


def _assert_in_object(files: dict[str, bytes], inner: Path, content: bytes) -> None:
    whole = ElementTree.fromstring(files[f"objects/{inner.parts[1]}.object"])
    source = ElementTree.fromstring(content)
    if len(inner.parts) == 3:
        found = [ElementTree.tostring(node).strip() for node in whole]
        assert all(ElementTree.tostring(node).strip() in found for node in source), inner
        return
    source.tag = NS + inner.parts[2]
    wanted = ElementTree.canonicalize(ElementTree.tostring(source), strip_text=True)
    packed = [
        ElementTree.canonicalize(ElementTree.tostring(node), strip_text=True)
        for node in whole.iterfind(source.tag)
    ]
    assert packed.count(wanted) == 1, inner


def test_the_same_source_gives_the_same_bytes_wherever_and_whenever(either: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere"
    shutil.copytree(either, again)
    for path in again.rglob("*"):
        os.utime(path, (1, 1))
    assert package_of(again).zipped() == package_of(either).zipped()


def test_every_line_leads_back_to_its_source(either: Path) -> None:
    package = package_of(either, standing=THEIRS)
    checked = 0
    for name, joined in package.files.items():
        if name == "package.xml":
            continue
        for number, line in enumerate(joined.content.decode().split("\n")[:-1], start=1):
            origin = package.origin(name, number)
            assert origin is not None, (name, number)
            source = (either / origin[0]).read_text().split("\n")[origin[1] - 1]
            tags = ("<?xml", "<CustomObject", "</CustomObject", "<PermissionSet", "</PermissionSet")
            if not line.lstrip().startswith(
                (*tags, *(f"<{one}>" for one in ELEMENTS), *(f"</{one}>" for one in ELEMENTS))
            ):
                assert line.strip() == source.strip(), (name, number, origin)
                checked += 1
    assert checked > 400


def test_a_customers_objects_are_only_added_to(folder: Path) -> None:
    package = package_of(folder, standing=THEIRS)
    files = unzipped(package)
    claim = ElementTree.fromstring(files["objects/Claim__c.object"])
    assert {node.tag for node in claim} == {NS + "fields", NS + "listViews"}
    names = [node.findtext(f"{NS}fullName") or "" for node in claim.iterfind(f"{NS}fields")]
    assert len(names) == 8
    assert all(name.startswith("Source_") for name in names)
    assert "objects/Claim_Payor__c.object" not in files
    assert "layouts/Claim__c-Claim Layout.layout" not in files
    assert "tabs/Claim__c.tab" not in files
    assert "objects/Claim_Payor_Mapping__c.object" in files
    assert any("Claim__c.Payer__c" in line for line in package.left_out)


def test_a_view_named_all_of_the_customers_stays(folder: Path) -> None:
    path = folder / "force-app/main/default/objects/Claim__c/listViews/All.listView-meta.xml"
    path.write_text(
        meta(
            "ListView",
            "<fullName>All</fullName>",
            "<filterScope>Everything</filterScope>",
            "<label>All</label>",
        )
    )
    assert ("ListView", "Claim__c.All") in manifest(unzipped(package_of(folder)))
    assert ("ListView", "Claim__c.All") not in manifest(unzipped(package_of(folder, standing=THEIRS)))


def test_a_field_that_the_org_requires_is_in_no_permission_set(folder: Path) -> None:
    fixed = Standing(THEIRS.objects, frozenset({"Claim__c.Claim_Number__c"}))
    path = "permissionsets/Claims_Integration.permissionset"
    before, after = (unzipped(package_of(folder, standing=one))[path] for one in (THEIRS, fixed))
    assert b"<field>Claim__c.Claim_Number__c</field>" in before
    assert b"<field>Claim__c.Claim_Number__c</field>" not in after
    assert after.count(b"<fieldPermissions>") == before.count(b"<fieldPermissions>") - 1


def test_a_customers_field_that_is_not_there_is_left_out_and_told(folder: Path) -> None:
    known = frozenset(
        f"{name}.{path.name.partition('.')[0]}"
        for name in THEIRS.objects
        for path in (folder / "force-app/main/default/objects" / name / "fields").iterdir()
    )
    lacking = Standing(THEIRS.objects, fields=known - {"Claim__c.Payer__c", "Claim__c.Source_Hash__c"})
    package = package_of(folder, standing=lacking)
    granted = unzipped(package)["permissionsets/Claims_Integration.permissionset"]
    assert b"<field>Claim__c.Payer__c</field>" not in granted
    assert b"<field>Claim__c.Source_Hash__c</field>" in granted  # comes with the package
    assert b"<field>Claim__c.Paid_Amount__c</field>" in granted
    (told,) = [line for line in package.left_out if line.startswith("permissions on")]
    assert told.startswith("permissions on Claim__c.Payer__c: the org has no such field. Add it in Setup")


def test_fields_alone_take_no_set_that_speaks_of_the_page(folder: Path) -> None:
    package = package_of(folder, Part.FIELDS)
    types = {type_name for type_name, _ in manifest(unzipped(package))}
    assert types == {"CustomObject", "CustomField", "ListView", "ValidationRule", "Layout", "PermissionSet"}
    assert package.permission_sets == ("Claims_Integration",)
    assert not package.has_apex
    assert package.test_classes == ()
    (line,) = package.left_out
    assert line.startswith(
        "PermissionSet Claim_Payor_Mapping: it names ApexClass ThingController, ApexPage Thing"
    )


def test_the_page_alone_takes_no_object(folder: Path) -> None:
    package = package_of(folder, Part.PAGE)
    assert not any(name.startswith(("objects/", "layouts/")) for name in package.files)
    assert package.test_classes == ("ThingControllerTest",)
    assert package.permission_sets == ("Claim_Payor_Mapping", "Claims_Integration")


def _write(folder: Path, name: str, content: str) -> None:
    path = folder / "force-app/main/default" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("classes/Stray.cls", "class Stray {}", "classes/Stray.cls: no component that we know"),
        ("reports/A.report-meta.xml", meta("Report"), "reports/A.report-meta.xml: no component that we know"),
        ("notes.txt", "hello", "notes.txt: no component that we know"),
        (
            "objects/Claim__c/fields/Odd__c.field-meta.xml",
            meta("CustomField", "<fullName>Even__c</fullName>"),
            "calls itself 'Even__c', and should be 'Odd__c'",
        ),
        (
            "objects/Claim__c/fields/Odd__c.field-meta.xml",
            meta("CustomObject", "<fullName>Odd__c</fullName>"),
            "its root is <CustomObject>, and should be <CustomField>",
        ),
        (
            "objects/Claim__c/fields/Odd__c.field-meta.xml",
            meta("CustomField", "<fullName>Odd__c</fullNme>"),
            "Odd__c.field-meta.xml, line 3: not well-formed XML (mismatched tag)",
        ),
        (
            "objects/Odd__c/Odd__c.object-meta.xml",
            meta("CustomObject", "<fields><fullName>A__c</fullName></fields>", "<label>Odd</label>"),
            "holds <fields> itself",
        ),
        ("staticresources/none.resource-meta.xml", meta("StaticResource"), "describes 0 files, and should"),
        ("permissionsets/Odd.permissionset-meta.xml", "<PermissionSet>", "line 1: not well-formed XML"),
        ("layouts/Odd.layout-meta.xml", meta("Layuot"), "its root is <Layuot>, and should be <Layout>"),
    ],
)  # fmt: skip
def test_what_cannot_be_packed_is_named(folder: Path, name: str, content: str, says: str) -> None:
    _write(folder, name, content)
    with pytest.raises(SourceUnfit) as refused:
        package_of(folder)
    assert says in str(refused.value)


def test_no_project_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="--source"):
        read_project(tmp_path)


def test_our_own_project_is_found_by_itself() -> None:
    assert read_project().folder == OURS
