/**
 * The metadata files: whole (Salesforce's own library converts them to the Metadata API's format and reads them back),
 * of one API version, described, and naming only what is there.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { filesUnder } from './findings.mjs';
import { listViewField, readXml } from './org.mjs';

const { ComponentSet, MetadataConverter } = createRequire(import.meta.url)('@salesforce/source-deploy-retrieve');
const API_VERSION = '66.0';

export function checkMetadata(org, findings) {
    filesUnder(org.folder, '-meta.xml').forEach((path) => {
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

function expect(holds, path, words, findings) {
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

/** Source format to the Metadata API's, with a manifest, and back to source: the same components, with the same content. */
export async function checkConversion(org, findings) {
    const scratch = mkdtempSync(join(tmpdir(), 'salesforce-check-'));
    try {
        const packaged = await convert(org.folder, 'metadata', scratch);
        const manifest = readFileSync(join(packaged, 'package.xml'), 'utf8');
        const isOurVersion = manifest.includes(`<version>${API_VERSION}</version>`);
        expect(isOurVersion, org.folder, 'package.xml is of another version', findings);
        const before = componentsIn(org.folder);
        const after = componentsIn(await convert(packaged, 'source', scratch));
        for (const [name, content] of before) {
            expect(after.has(name), org.folder, `${name} is lost in the Metadata API's format`, findings);
            const isSame = isDeepStrictEqual(content, after.get(name) ?? content);
            expect(
                isSame,
                org.folder,
                `${name} is another when it comes back from the Metadata API's format`,
                findings
            );
        }
        expect(after.size === before.size, org.folder, 'the Metadata API format holds more components', findings);
        checkComplete(org, before, findings);
        return before.size;
    } catch (error) {
        findings.add(org.folder, 0, `Salesforce's library cannot convert it: ${error.message}`);
        return 0;
    } finally {
        rmSync(scratch, { recursive: true, force: true });
    }
}

async function convert(folder, format, scratch) {
    const source = ComponentSet.fromSource(folder);
    source.sourceApiVersion = API_VERSION;
    const output = { type: 'directory', outputDirectory: scratch, genUniqueDir: true };
    return (await new MetadataConverter().convert(source, format, output)).packagePath;
}

/** Every component of a folder in source format, children of objects too, with its content. */
function componentsIn(folder) {
    const found = ComponentSet.fromSource(folder)
        .getSourceComponents()
        .toArray()
        .flatMap((each) => [each, ...each.getChildren()]);
    return new Map(found.map((each) => [`${each.type.name} ${each.fullName}`, readXml(each.xml)]));
}

/** A file that the library does not take up would never be deployed. */
function checkComplete(org, components, findings) {
    const files = filesUnder(org.folder, '-meta.xml').length;
    expect(
        components.size === files,
        org.folder,
        `${files} metadata files make ${components.size} components`,
        findings
    );
}
