/** The metadata files: well-formed, of one API version, described, and naming only what is there. */
import { basename, dirname } from 'node:path';
import { filesUnder } from './findings.mjs';
import { listViewField, readXml, xmlProblem } from './org.mjs';

export const API_VERSION = '66.0';

export function checkMetadata(org, findings) {
    filesUnder(org.folder, '-meta.xml').forEach((path) => {
        expect(!xmlProblem(path), path, `is not well-formed XML: ${xmlProblem(path)}`, findings);
        const facts = readXml(path);
        if (facts.apiVersion && facts.apiVersion !== API_VERSION) {
            findings.add(path, 0, `apiVersion is ${facts.apiVersion}, not ${API_VERSION}`);
        }
    });
    org.objects.names().forEach((name) => checkDescribed(org.objects.get(name), findings));
    filesUnder(org.folder, '.listView-meta.xml').forEach((path) => checkListView(path, org, findings));
    filesUnder(org.folder, '.layout-meta.xml').forEach((path) => checkLayout(path, org, findings));
    filesUnder(org.folder, '.validationRule-meta.xml').forEach((path) => checkRule(path, org, findings));
    filesUnder(org.folder, '.permissionset-meta.xml').forEach((path) => checkPermissions(path, org, findings));
    filesUnder(org.folder, '.tab-meta.xml').forEach((path) => checkTab(path, org, findings));
    filesUnder(org.folder, '.app-meta.xml').forEach((path) =>
        readXml(path).tabs.forEach((tab) => expect(org.tabs.has(tab), path, `there is no tab ${tab}`, findings))
    );
}

export function expect(holds, path, words, findings) {
    if (!holds) {
        findings.add(path, 0, words);
    }
}

function expectField(object, name, path, org, findings) {
    const problem = org.problemOf(object, [name]);
    expect(!problem, path, problem, findings);
}

function checkDescribed(object, findings) {
    if (!object.path) {
        return;
    }
    expect(readXml(object.path).description, object.path, 'has no description', findings);
    object.fields
        .names()
        .map((name) => object.fields.get(name))
        .filter((field) => field.path)
        .forEach(({ path, facts }) => {
            expect(facts.description, path, 'has no description', findings);
            expect(facts.inlineHelpText, path, 'has no help text', findings);
        });
}

function objectOf(path) {
    return basename(dirname(dirname(path)));
}

function checkListView(path, org, findings) {
    const view = readXml(path);
    const filtered = (view.filters ?? []).map((filter) => filter.field);
    [...view.columns, ...filtered].forEach((column) =>
        expectField(objectOf(path), listViewField(column), path, org, findings)
    );
}

function checkLayout(path, org, findings) {
    const object = basename(path).split('-')[0];
    const items = readXml(path)
        .layoutSections.flatMap((section) => section.layoutColumns)
        .flatMap((column) => column.layoutItems ?? []);
    items.forEach((item) => expectField(object, item.field, path, org, findings));
    const shown = new Set(items.map((item) => item.field));
    const { fields } = org.objects.get(object);
    fields
        .names()
        .filter((name) => fields.get(name).path)
        .forEach((name) => expect(shown.has(name), path, `does not show ${name}`, findings));
}

function checkRule(path, org, findings) {
    const rule = readXml(path);
    const named = rule.errorConditionFormula.match(/\b\w+__c\b/g) ?? [];
    [...named, ...(rule.errorDisplayField ? [rule.errorDisplayField] : [])].forEach((field) =>
        expectField(objectOf(path), field, path, org, findings)
    );
}

function checkPermissions(path, org, findings) {
    const set = readXml(path);
    expect(set.license === undefined, path, 'names a license: it could then not be assigned', findings);
    (set.fieldPermissions ?? []).forEach(({ field, editable }) => {
        const [object, name] = field.split('.');
        expectField(object, name, path, org, findings);
        const facts = org.objects.get(object)?.fields.get(name)?.facts;
        expect(facts?.required !== 'true', path, `${field} is required, and takes no field permission`, findings);
        expect(!(facts?.formula && editable === 'true'), path, `${field} is a formula, and cannot be edited`, findings);
    });
    (set.objectPermissions ?? []).forEach((each) => {
        expect(org.objects.has(each.object), path, `there is no object ${each.object}`, findings);
        const beyond = ['allowDelete', 'modifyAllRecords', 'viewAllRecords'].filter((name) => each[name] !== 'false');
        expect(!beyond.length, path, `${each.object}: ${beyond.join(', ')} is more than is needed`, findings);
    });
    (set.classAccesses ?? []).forEach((each) =>
        expect(org.classes.has(each.apexClass), path, `there is no class ${each.apexClass}`, findings)
    );
    (set.pageAccesses ?? []).forEach((each) =>
        expect(org.pages.has(each.apexPage), path, `there is no page ${each.apexPage}`, findings)
    );
    (set.tabSettings ?? []).forEach((each) =>
        expect(org.tabs.has(each.tab), path, `there is no tab ${each.tab}`, findings)
    );
    (set.applicationVisibilities ?? []).forEach((each) =>
        expect(org.applications.has(each.application), path, `there is no app ${each.application}`, findings)
    );
}

function checkTab(path, org, findings) {
    const tab = readXml(path);
    if (tab.customObject === 'true') {
        const object = basename(path, '.tab-meta.xml');
        expect(org.objects.has(object), path, `there is no object ${object}`, findings);
        expect(tab.label === undefined, path, "an object's tab takes no label", findings);
    } else {
        expect(org.pages.has(tab.page), path, `there is no page ${tab.page}`, findings);
    }
}
