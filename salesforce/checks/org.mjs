/**
 * The org that `salesforce/` makes, as names: objects, fields, relationships, and what else Apex, pages and permission
 * sets name. Standard objects come from standard.json. No check belongs here.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { filesUnder } from './findings.mjs';

const { XMLParser, XMLValidator } = createRequire(
    createRequire(import.meta.url).resolve('@salesforce/source-deploy-retrieve')
)('fast-xml-parser');
const STANDARD = JSON.parse(readFileSync(new URL('./standard.json', import.meta.url), 'utf8'));
const REPEATED = new Set(
    (
        'columns filters fieldPermissions objectPermissions classAccesses pageAccesses tabSettings ' +
        'applicationVisibilities tabs layoutSections layoutColumns layoutItems'
    ).split(' ')
);
const parser = new XMLParser({ parseTagValue: false, isArray: (name) => REPEATED.has(name) });

/** A metadata file's content, below its root element. */
export function readXml(path) {
    const [root] = Object.entries(parser.parse(readFileSync(path, 'utf8'))).filter(([name]) => name !== '?xml');
    return root[1] === '' ? {} : root[1];
}

/** Why a file is no well-formed XML; null where it is. */
export function xmlProblem(path) {
    const answer = XMLValidator.validate(readFileSync(path, 'utf8'));
    return answer === true ? null : answer.err.msg;
}

/** A table of names that are compared without case, as Salesforce does. */
export class Names {
    constructor(entries = []) {
        this.byFold = new Map(entries.map(([name, value]) => [name.toLowerCase(), { name, value }]));
    }
    set(name, value) {
        this.byFold.set(name.toLowerCase(), { name, value });
    }
    has(name) {
        return this.byFold.has(name.toLowerCase());
    }
    get(name) {
        return this.byFold.get(name.toLowerCase())?.value;
    }
    names() {
        return [...this.byFold.values()].map((entry) => entry.name);
    }
}

export class Org {
    constructor(project) {
        this.folder = join(project, 'force-app', 'main', 'default');
        this.objects = new Names();
        Object.entries(STANDARD.objects).forEach(([name, fields]) => this.#addStandard(name, fields));
        filesUnder(join(this.folder, 'objects'), '.object-meta.xml').forEach((path) => this.#addOwn(path));
        const named = (folder, ending) =>
            new Names(filesUnder(join(this.folder, folder), ending).map((path) => [basename(path, ending), path]));
        this.classes = named('classes', '.cls');
        this.pages = named('pages', '.page');
        this.resources = named('staticresources', '.resource-meta.xml');
        this.permissionSets = named('permissionsets', '.permissionset-meta.xml');
        this.tabs = named('tabs', '.tab-meta.xml');
        this.applications = named('applications', '.app-meta.xml');
    }

    #addStandard(name, fields) {
        const object = newObject(name, null);
        fields.forEach((field) => object.fields.set(field, { name: field }));
        Object.entries(STANDARD.relationships)
            .filter(([relationship]) => relationship.startsWith(`${name}.`))
            .forEach(([relationship, to]) => object.relationships.set(relationship.split('.')[1], to));
        this.objects.set(name, object);
    }

    #addOwn(path) {
        const object = newObject(basename(dirname(path)), path);
        filesUnder(join(dirname(path), 'fields'), '.field-meta.xml').forEach((file) => {
            const facts = readXml(file);
            object.fields.set(facts.fullName, { name: facts.fullName, path: file, facts });
            if (facts.referenceTo) {
                object.relationships.set(facts.fullName.replace(/__c$/, '__r'), facts.referenceTo);
            }
        });
        this.objects.set(object.name, object);
    }

    /** Why a path of names (`Claim_Payor__r.Name`) leads nowhere from an object; null where it leads to a field. */
    problemOf(objectName, path) {
        let object = this.objects.get(objectName);
        if (!object) {
            return `there is no object ${objectName}`;
        }
        for (const step of path.slice(0, -1)) {
            const to = object.relationships.get(step);
            if (!to) {
                return `${object.name} has no relationship ${step}`;
            }
            object = this.objects.get(to);
        }
        const field = path[path.length - 1];
        return object.fields.has(field) ? null : `${object.name} has no field ${field}`;
    }
}

function newObject(name, path) {
    const fields = new Names();
    const relationships = new Names([
        ['CreatedBy', 'User'],
        ['LastModifiedBy', 'User'],
        ['Owner', 'User']
    ]);
    Object.keys(STANDARD.systemFields).forEach((field) => fields.set(field, { name: field }));
    return { name, path, fields, relationships };
}

/** The field that a list view's column or filter means. */
export function listViewField(column) {
    return STANDARD.listViewColumns[column] ?? column;
}
