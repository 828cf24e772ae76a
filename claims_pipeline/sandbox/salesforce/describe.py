"""An object and its fields as describe prints them.

What belongs here: every key of a description. Not here: which fields a user sees (`people`), serving it (`rest`).
"""

from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType, ObjectSchema, OrgSchema

Description = dict[str, object]

_SOAP_TYPES: dict[FieldType, str] = {
    FieldType.ID: "tns:ID",
    FieldType.REFERENCE: "tns:ID",
    FieldType.BOOLEAN: "xsd:boolean",
    FieldType.INTEGER: "xsd:int",
    FieldType.DOUBLE: "xsd:double",
    FieldType.CURRENCY: "xsd:double",
    FieldType.DATE: "xsd:date",
    FieldType.DATETIME: "xsd:dateTime",
}
_NOT_GROUPABLE = frozenset({FieldType.DOUBLE, FieldType.CURRENCY, FieldType.DATETIME})
_TEXT = frozenset({FieldType.STRING, FieldType.TEXT_AREA, FieldType.PICKLIST, FieldType.EMAIL})


def summary(schema: ObjectSchema, root: str) -> Description:
    """One line of the list of objects; `root` is the version's path, `/services/data/v59.0`."""
    base = f"{root}/sobjects/{schema.name}"
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": schema.createable,
        "custom": schema.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": schema.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": schema.key_prefix,
        "label": schema.label,
        "labelPlural": schema.label_plural,
        "layoutable": True,
        "mergeable": False,
        "mruEnabled": schema.custom,
        "name": schema.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": True,
        "triggerable": True,
        "undeletable": schema.deletable,
        "updateable": schema.updateable,
        "urls": {
            "rowTemplate": f"{base}/{{ID}}",
            "describe": f"{base}/describe",
            "sobject": base,
        },
    }


def full(schema: ObjectSchema, org: OrgSchema, root: str) -> Description:
    """The whole description of an object, with its fields."""
    return {
        **summary(schema, root),
        "actionOverrides": [],
        "childRelationships": _children(schema, org),
        "compactLayoutable": True,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [field(found) for found in schema.fields.values()],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [
            {
                "active": True,
                "available": True,
                "defaultRecordTypeMapping": True,
                "developerName": "Master",
                "master": True,
                "name": "Master",
                "recordTypeId": "012000000000000AAA",
                "urls": {"layout": f"{root}/sobjects/{schema.name}/describe/layouts/012000000000000AAA"},
            }
        ],
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [
            {"label": f"All {schema.label_plural.lower()}", "name": "everything"},
            {"label": f"My {schema.label_plural.lower()}", "name": "mine"},
        ],
    }


def _children(schema: ObjectSchema, org: OrgSchema) -> list[Description]:
    return [
        {
            "cascadeDelete": False,
            "childSObject": other.name,
            "deprecatedAndHidden": False,
            "field": found.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": found.child_relationship,
            "restrictedDelete": False,
        }
        for other in org.objects.values()
        for found in other.fields.values()
        if schema.name in found.reference_to
    ]


def field(found: FieldSchema) -> Description:
    """One field, with every key that Salesforce gives."""
    return {**_nature(found), **_rights_and_keys(found), **_seldom_told(found)}


def _nature(found: FieldSchema) -> Description:
    """What the field is."""
    boolean = found.type is FieldType.BOOLEAN
    text = found.type in _TEXT or found.type in (FieldType.ID, FieldType.REFERENCE)
    return {
        "name": found.name,
        "label": found.label,
        "type": found.type.value,
        "soapType": _SOAP_TYPES.get(found.type, "xsd:string"),
        "length": found.length,
        "byteLength": found.length * (1 if found.type in (FieldType.ID, FieldType.REFERENCE) else 3)
        if text
        else 0,
        "precision": found.precision,
        "scale": found.scale,
        "digits": found.precision if found.type is FieldType.INTEGER else 0,
        "custom": found.custom,
        "calculated": found.formula is not None,
        "calculatedFormula": found.formula,
        "formulaTreatNullNumberAsZero": False,
        "autoNumber": found.display_format is not None,
        "nameField": found.name_field,
        "namePointing": False,
        "inlineHelpText": found.help_text,
        "nillable": not found.required and not boolean and found.display_format is None,
        "defaultValue": found.default if boolean else None,
        "defaultValueFormula": None if boolean or found.default is None else f"{found.default:g}",
        "defaultedOnCreate": _defaulted(found),
        "referenceTo": list(found.reference_to),
        "relationshipName": found.relationship,
        "picklistValues": [
            {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}
            for value in found.picklist
        ],
        "restrictedPicklist": found.restricted_picklist,
    }


def _defaulted(found: FieldSchema) -> bool:
    """Whether a new record gets a value even if none is sent."""
    system = not found.custom and found.required
    return system or found.type is FieldType.BOOLEAN or found.default is not None or found.name_field


def _rights_and_keys(found: FieldSchema) -> Description:
    """What may be done with the field."""
    key = found.unique or found.external_id
    return {
        "createable": found.createable,
        "updateable": found.updateable,
        "permissionable": found.permissionable,
        "unique": found.unique,
        "externalId": found.external_id,
        "caseSensitive": found.case_sensitive,
        "idLookup": key or found.type is FieldType.ID or (found.name_field and found.createable),
        "filterable": True,
        "sortable": True,
        "groupable": found.type not in _NOT_GROUPABLE and found.formula is None,
        "aggregatable": found.type is not FieldType.BOOLEAN,
        "searchPrefilterable": found.type is FieldType.REFERENCE,
        "queryByDistance": False,
    }


def _seldom_told(found: FieldSchema) -> Description:
    """The keys that are the same in all our fields."""
    return {
        "aiPredictionField": False,
        "cascadeDelete": False,
        "compoundFieldName": None,
        "controllerName": None,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "displayLocationInDecimal": False,
        "encrypted": False,
        "extraTypeInfo": None,
        "filteredLookupInfo": None,
        "highScaleNumber": False,
        "htmlFormatted": False,
        "mask": None,
        "maskType": None,
        "polymorphicForeignKey": len(found.reference_to) > 1,
        "referenceTargetField": None,
        "relationshipOrder": None,
        "restrictedDelete": False,
        "writeRequiresMasterRead": False,
    }
