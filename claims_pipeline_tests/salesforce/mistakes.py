"""Mistakes that the checks of `salesforce/` must find: what is planted, which step finds it, and in which words.

What belongs here: the list. Not here: planting (`project`) and judging (`test_checks`).
"""

from dataclasses import dataclass

CONTROLLER = "classes/ClaimPayorMappingController.cls"
RECORDS = "classes/ClaimPayorMappingRecords.cls"
RULES = "classes/ClaimPayorMappingRules.cls"
TEST = "classes/ClaimPayorMappingControllerTest.cls"
PAGE = "pages/ClaimPayorMapping.page"
SCRIPT = "staticresources/ClaimPayorMappingPage.js"
CASES = "staticresources/ClaimPayorMappingCases.json"
INTEGRATION = "permissionsets/Claims_Integration.permissionset-meta.xml"


@dataclass(frozen=True)
class Mistake:
    """A text that is planted in place of another, the step that must find it, and how."""

    name: str
    file: str
    before: str
    after: str
    step: str
    found: str


MISTAKES = (
    Mistake(
        "a field misspelt in the controller",
        CONTROLLER,
        "source.Source_Payor_Name__c",
        "source.Source_Payor_Nam__c",
        "linker",
        "Unknown field 'Source_Payor_Nam__c'",
    ),
    Mistake(
        "a field misspelt in a query",
        RECORDS,
        "                    Match_Rule__c,",
        "                    Match_Rul__c,",
        "apex",
        "Claim_Payor_Mapping__c has no field Match_Rul__c",
    ),
    Mistake(
        "a relationship misspelt in a query",
        RECORDS,
        "Decided_By__r.Name",
        "Decided_Bi__r.Name",
        "apex",
        "Claim_Payor_Mapping__c has no relationship Decided_Bi__r",
    ),
    Mistake(
        "a field of the related object misspelt in a query",
        RECORDS,
        "Automatic_Match__r.Payor_ID__c",
        "Automatic_Match__r.Payor_No__c",
        "apex",
        "Claim_Payor__c has no field Payor_No__c",
    ),
    Mistake(
        "an object misspelt in a query",
        RECORDS,
        "SUM(Charged_Amount__c) charged\n            FROM Claim__c",
        "SUM(Charged_Amount__c) charged\n            FROM Clain__c",
        "apex",
        "there is no object Clain__c",
    ),
    Mistake(
        "a permission set misspelt in the test",
        TEST,
        "Name = 'Claim_Payor_Mapping'",
        "Name = 'Claim_Payor_Maping'",
        "apex",
        "there is no PermissionSet Claim_Payor_Maping",
    ),
    Mistake(
        "a query without a bound",
        RECORDS,
        "            ORDER BY Name, Id\n            LIMIT :most\n",
        "            ORDER BY Name, Id\n",
        "apex",
        "the query of Claim_Payor__c has no LIMIT",
    ),
    Mistake(
        "a query that does not say whose rights hold",
        RECORDS,
        "            WITH USER_MODE\n            LIMIT 1\n",
        "            LIMIT 1\n",
        "apex",
        "does not say WITH USER_MODE",
    ),
    Mistake(
        "a write that does not say whose rights hold",
        CONTROLLER,
        "insert as user payor;",
        "insert payor;",
        "apex",
        'insert does not say "as user"',
    ),
    Mistake(
        "a class without sharing",
        RECORDS,
        "public with sharing class",
        "public class",
        "apex",
        'does not say "with sharing"',
    ),
    Mistake(
        "a query in a loop, by way of another method",
        CONTROLLER,
        "            named.add(each.payorId);",
        "            named.add(each.payorId);\n            ClaimPayorMappingRecords.countRows('Mapped');",
        "apex",
        "countrows queries or writes, and is called in a loop",
    ),
    Mistake(
        "a write in a loop",
        CONTROLLER,
        "            rowIds.add(each.rowId);",
        "            rowIds.add(each.rowId);\n            update as user new Claim_Payor_Mapping__c(Id = each.rowId);",
        "apex",
        "a query or a write stands in a loop",
    ),
    Mistake(
        "a test that calls the controller otherwise",
        TEST,
        "ClaimPayorMappingController.findPayors(' ')",
        "ClaimPayorMappingController.findPayors(' ', 1)",
        "linker",
        "No matching method found for 'findPayors'",
    ),
    Mistake(
        "Apex that does not parse",
        RULES,
        "public static String messageFor(String code) {",
        "public static String messageFor(String code {",
        "pmd",
        "PMD could not read it",
    ),
    Mistake(
        "a member of the page that the controller lacks",
        PAGE,
        "{!mostAtOnce}",
        "{!mostAtOne}",
        "page",
        "{!mostAtOne}: the controller has no member mostAtOne",
    ),
    Mistake(
        "a remote action that the controller lacks",
        PAGE,
        "ClaimPayorMappingController.decide}",
        "ClaimPayorMappingController.decree}",
        "page",
        "ClaimPayorMappingController has no remote action decree",
    ),
    Mistake(
        "a method of the controller that is no remote action any more",
        CONTROLLER,
        "    @RemoteAction\n    public static PayorChoices findPayors",
        "    public static PayorChoices findPayors",
        "page",
        "ClaimPayorMappingController has no remote action findPayors",
    ),
    Mistake(
        "a remote action called with too few arguments",
        SCRIPT,
        "remote.listPayors(state.status, state.term, cursor.charged, cursor.rowId)",
        "remote.listPayors(state.status, state.term, cursor.charged)",
        "page",
        "listPayors takes 4 arguments, and is called with 3",
    ),
    Mistake(
        "an expression that stands unescaped in a script",
        PAGE,
        "var actions = {",
        "var most = '{!mostAtOnce}';\n            var actions = {",
        "page",
        "{!mostAtOnce}: stands unescaped in a script",
    ),
    Mistake(
        "what a visitor's address says, unescaped, as PMD sees it",
        PAGE,
        "var actions = {",
        "var most = '{!$CurrentPage.parameters.most}';\n            var actions = {",
        "pmd",
        "VfUnescapeEl",
    ),
    Mistake(
        "text let through as markup by the page",
        PAGE,
        "    <apex:slds />",
        '    <apex:slds />\n    <apex:outputText value="{!mostAtOnce}" escape="false" />',
        "page",
        'escape="false"',
    ),
    Mistake(
        "text made into markup by the script",
        SCRIPT,
        "parts.said.textContent = text;",
        "parts.said.innerHTML = text;",
        "page",
        "innerHTML makes markup or code of text",
    ),
    Mistake(
        "a static resource misspelt in the page",
        PAGE,
        "$Resource.ClaimPayorMappingPage",
        "$Resource.ClaimPayorMappingPag",
        "page",
        "there is no static resource ClaimPayorMappingPag",
    ),
    Mistake(
        "a message that is not the one of the cases",
        RULES,
        "'Choose a Claim Payor first.'",
        "'Choose a payor first.'",
        "cases",
        "MESSAGES is not what ClaimPayorMappingCases.json says",
    ),
    Mistake(
        "an act that the cases do not allow",
        RULES,
        "IGNORED => new List<String>{ 'map', 'unignore' }",
        "IGNORED => new List<String>{ 'map', 'takeBack', 'unignore' }",
        "cases",
        "ACTS_BY_STATUS is not what ClaimPayorMappingCases.json says",
    ),
    Mistake(
        "a fact of a case that the test would pass over",
        CASES,
        '"name": "mapWithoutAPayor", "row": {}',
        '"name": "mapWithoutAPayor", "row": { "ignord": true }',
        "cases",
        "has no member for ignord",
    ),
    Mistake(
        "cases that the test does not run",
        TEST,
        "ClaimPayorMappingCases.read().createCases",
        "new List<ClaimPayorMappingCases.CreateCase>()",
        "cases",
        "does not run createCases",
    ),
    Mistake(
        "a permission for a field that is not there",
        INTEGRATION,
        "<field>Claim__c.Source_Hash__c</field>",
        "<field>Claim__c.Source_Hsh__c</field>",
        "metadata",
        "Claim__c has no field Source_Hsh__c",
    ),
    Mistake(
        "a permission set that names a licence",
        INTEGRATION,
        "<label>Claims Integration</label>",
        "<label>Claims Integration</label>\n    <license>Salesforce</license>",
        "metadata",
        "names a license",
    ),
    Mistake(
        "a column of a list view that is not there",
        "objects/Claim_Sync_Issue__c/listViews/Open_Issues_by_Days.listView-meta.xml",
        "<columns>Days_Open__c</columns>",
        "<columns>Days_Opn__c</columns>",
        "metadata",
        "Claim_Sync_Issue__c has no field Days_Opn__c",
    ),
    Mistake(
        "a field without a help text",
        "objects/Claim__c/fields/Source_Hash__c.field-meta.xml",
        "    <inlineHelpText>Filled automatically. Please leave it as it is.</inlineHelpText>\n",
        "",
        "metadata",
        "has no help text",
    ),
    Mistake(
        "another API version",
        "classes/ClaimPayorMappingRules.cls-meta.xml",
        "<apiVersion>66.0</apiVersion>",
        "<apiVersion>67.0</apiVersion>",
        "metadata",
        "apiVersion is 67.0, not 66.0",
    ),
    Mistake(
        "XML that is not well-formed",
        "objects/Claim__c/fields/Source_Hash__c.field-meta.xml",
        "</CustomField>",
        "</CustomFeld>",
        "metadata",
        "is not well-formed XML",
    ),
    Mistake(
        "Apex that is not formatted",
        RULES,
        "        return MESSAGES.get(code);",
        "      return MESSAGES.get( code );",
        "format",
        "is not formatted",
    ),
)
