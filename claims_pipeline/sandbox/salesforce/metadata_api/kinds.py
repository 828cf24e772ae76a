"""The metadata types that the sandbox knows: their folders in a zip, their files, and the parts of an object's file.

What belongs here: names, as the Metadata API guide lists them. Not here: what a file of a type must say (`judging`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One type. With `described`, a file holds content and a second one, `-meta.xml`, describes it."""

    name: str
    folder: str
    suffix: str
    described: bool = False


KINDS: tuple[Kind, ...] = (
    Kind("CustomObject", "objects", ".object"),
    Kind("ApexClass", "classes", ".cls", described=True),
    Kind("ApexTrigger", "triggers", ".trigger", described=True),
    Kind("ApexPage", "pages", ".page", described=True),
    Kind("ApexComponent", "components", ".component", described=True),
    Kind("StaticResource", "staticresources", ".resource", described=True),
    Kind("CustomTab", "tabs", ".tab"),
    Kind("Layout", "layouts", ".layout"),
    Kind("PermissionSet", "permissionsets", ".permissionset"),
    Kind("CustomApplication", "applications", ".app"),
    Kind("FlexiPage", "flexipages", ".flexipage"),
    Kind("CustomLabels", "labels", ".labels"),
    Kind("CustomPermission", "customPermissions", ".customPermission"),
    Kind("GlobalValueSet", "globalValueSets", ".globalValueSet"),
    Kind("QuickAction", "quickActions", ".quickAction"),
    Kind("RemoteSiteSetting", "remoteSiteSettings", ".remoteSite"),
    Kind("ExternalClientApplication", "externalClientApps", ".eca"),
    Kind("ExtlClntAppOauthSettings", "extlClntAppOauthSettings", ".ecaOauth"),
    Kind("ExtlClntAppOauthConfigurablePolicies", "extlClntAppOauthPolicies", ".ecaOauthPlcy"),
)
BY_FOLDER = {kind.folder: kind for kind in KINDS}

PARTS: dict[str, str] = {
    "fields": "CustomField",
    "listViews": "ListView",
    "validationRules": "ValidationRule",
    "webLinks": "WebLink",
    "compactLayouts": "CompactLayout",
    "fieldSets": "FieldSet",
    "recordTypes": "RecordType",
    "businessProcesses": "BusinessProcess",
    "sharingReasons": "SharingReason",
    "indexes": "Index",
}
"""The elements of an object's file that are components of their own, named `Object.Part`."""

TYPE_NAMES = frozenset({*(kind.name for kind in KINDS), *PARTS.values()})
