/**
 * Apex, read with the Apex parser: what stands in each class, and what must hold of its queries and writes. Types,
 * methods and fields of variables are apex-ls' work (jvm.mjs); the names inside SOQL, which it does not look at, are ours.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { childrenOf, kindOf, lineOf, nodes, textOf } from './findings.mjs';
import { Names } from './org.mjs';

const { ApexParserFactory, ApexErrorListener } = createRequire(import.meta.url)('@apexdevtools/apex-parser');
const LOOPS = new Set(['ForStatement', 'WhileStatement', 'DoWhileStatement']);
const WRITES = /^(Insert|Update|Upsert|Delete|Undelete|Merge)Statement$/;
const DATABASE_WRITES = new Set(['insert', 'update', 'upsert', 'delete', 'undelete', 'merge']);
const CALLS = new Set(['MethodCall', 'DotMethodCall']);

/** A class that was parsed: its methods and properties by name, whether it is a test. */
export class ApexClass {
    constructor(path, tree) {
        this.path = path;
        this.tree = tree;
        const [declaration] = nodes(tree, (node) => kindOf(node) === 'TypeDeclaration');
        const [body] = nodes(declaration, (node) => kindOf(node) === 'ClassDeclaration');
        this.modifiers = modifiersOf(declaration);
        this.isTest = this.modifiers.some((each) => each.startsWith('@istest'));
        this.methods = [];
        this.properties = new Names();
        const [members] = childrenOf(body).filter((node) => kindOf(node) === 'ClassBody');
        childrenOf(members).forEach((member) => this.#addMember(member));
    }

    #addMember(member) {
        const modifiers = modifiersOf(member);
        const inside = (kind) => [...nodes(member, (node) => kindOf(node) === kind)][0];
        const isNested = inside('ClassDeclaration');
        const method = isNested ? null : inside('MethodDeclaration');
        const property = isNested ? null : inside('PropertyDeclaration');
        if (method) {
            const name = textOf(childrenOf(method).find((node) => kindOf(node) === 'Id'));
            const parameters = [...nodes(method, (node) => kindOf(node) === 'FormalParameter')].length;
            this.methods.push({ name, parameters, modifiers, tree: method });
        } else if (property) {
            this.properties.set(textOf(childrenOf(property).find((node) => kindOf(node) === 'Id')), modifiers);
        }
    }

    remoteActions() {
        return this.methods.filter(
            ({ modifiers }) => modifiers.includes('@remoteaction') && modifiers.includes('static')
        );
    }

    /** What a page may show of its controller by `{!name}`. */
    showable() {
        const getters = this.methods.filter(({ name, parameters }) => /^get./i.test(name) && parameters === 0);
        const names = [...getters.map(({ name }) => name.slice(3)), ...this.properties.names()];
        return new Names(names.map((name) => [name, true]));
    }
}

function modifiersOf(node) {
    return childrenOf(node)
        .filter((child) => kindOf(child) === 'Modifier')
        .map((child) => textOf(child).toLowerCase());
}

/** All classes of the org; what cannot be parsed is a finding. */
export function parseClasses(org, findings) {
    const classes = new Names();
    for (const name of org.classes.names()) {
        const path = org.classes.get(name);
        const errors = [];
        class Listener extends ApexErrorListener {
            apexSyntaxError(line, _column, message) {
                errors.push([line, message]);
            }
        }
        const { parser } = ApexParserFactory.createLexerAndParser(readFileSync(path, 'utf8'), new Listener());
        const tree = parser.compilationUnit();
        errors.forEach(([line, message]) => findings.add(path, line, `Apex cannot be parsed: ${message}`));
        if (!errors.length) {
            classes.set(name, new ApexClass(path, tree));
        }
    }
    return classes;
}

/** Sharing, access modes, bounds, loops, and every name inside SOQL. */
export function checkApex(org, classes, findings) {
    const touching = touchingMethods(classes);
    for (const name of classes.names()) {
        const apex = classes.get(name);
        if (!apex.isTest && !apex.modifiers.includes('withsharing')) {
            findings.add(apex.path, 1, `${name} does not say "with sharing"`);
        }
        for (const query of nodes(apex.tree, (node) => kindOf(node) === 'Query')) {
            checkQuery(query, apex, org, findings);
        }
        checkWrites(apex, findings);
        checkLoops(apex, touching, findings);
    }
}

function checkQuery(query, apex, org, findings) {
    const tell = (words) => findings.add(apex.path, lineOf(query), words);
    const parts = childrenOf(query);
    const part = (kind) => parts.find((node) => kindOf(node) === kind);
    const object = textOf(part('FromNameList'));
    const entries = childrenOf(part('SelectList')).filter((node) => kindOf(node) === 'SelectEntry');
    if ([...nodes(query, (node) => kindOf(node) === 'SubQuery')].length) {
        tell('a query inside a query is not checked here: use two');
    }
    const aliases = new Set(entries.map(aliasOf).filter(Boolean));
    const fields = parts
        .filter((node) => kindOf(node) !== 'FromNameList')
        .flatMap((node) => [...nodes(node, (inside) => kindOf(inside) === 'FieldName')]);
    for (const field of fields) {
        const path = textOf(field).split('.');
        const problem = org.problemOf(object, path);
        if (problem && !(path.length === 1 && aliases.has(path[0].toLowerCase()))) {
            findings.add(apex.path, lineOf(field), `SOQL: ${problem}`);
        }
    }
    const access = part('WithClause') ? textOf(part('WithClause')).toUpperCase() : '';
    const wanted = apex.isTest ? ['WITHUSER_MODE', 'WITHSYSTEM_MODE'] : ['WITHUSER_MODE'];
    if (!wanted.includes(access)) {
        tell(`the query of ${object} does not say WITH USER_MODE`);
    }
    const isOneRow = entries.length > 0 && entries.every(isAggregate) && !part('GroupByClause');
    const isCount = /^count\(\)$/i.test(textOf(part('SelectList')));
    if (!part('LimitClause') && !isOneRow && !isCount) {
        tell(`the query of ${object} has no LIMIT`);
    }
    checkNamedRecords(query, object, org, tell);
}

function aliasOf(entry) {
    const parts = childrenOf(entry);
    return parts.length === 2 ? textOf(parts[1]).toLowerCase() : null;
}

function isAggregate(entry) {
    return /^(count|count_distinct|sum|avg|min|max)\(/i.test(textOf(entry));
}

/** A permission set or static resource that is asked for by its name must be one of ours. */
function checkNamedRecords(query, object, org, tell) {
    const known = { permissionset: org.permissionSets, staticresource: org.resources }[object.toLowerCase()];
    for (const compared of nodes(query, (node) => kindOf(node) === 'FieldExpression')) {
        const asked = /^Name='([^']*)'$/i.exec(textOf(compared));
        if (known && asked && !known.has(asked[1])) {
            tell(`there is no ${object} ${asked[1]}`);
        }
    }
}

function checkWrites(apex, findings) {
    for (const write of nodes(apex.tree, (node) => WRITES.test(kindOf(node)))) {
        const access = childrenOf(write).find((node) => kindOf(node) === 'AccessLevel');
        const said = access ? textOf(access).toLowerCase() : '';
        if (said !== 'asuser' && !(apex.isTest && said === 'assystem')) {
            findings.add(apex.path, lineOf(write), `${textOf(childrenOf(write)[0])} does not say "as user"`);
        }
    }
    for (const call of nodes(apex.tree, isDatabaseWrite)) {
        const wanted = apex.isTest ? /AccessLevel\.(USER|SYSTEM)_MODE\)$/i : /AccessLevel\.USER_MODE\)$/i;
        if (!wanted.test(textOf(call))) {
            findings.add(apex.path, lineOf(call), 'a Database call does not say AccessLevel.USER_MODE');
        }
    }
}

function isDatabaseWrite(node) {
    return DATABASE_WRITES.has(databaseCall(node));
}

/** The method of `Database` that is called by this very node, in lower case; null where none is. */
function databaseCall(node) {
    const [first, , call] = kindOf(node) === 'DotExpression' ? childrenOf(node) : [];
    const isCall = first && textOf(first).toLowerCase() === 'database' && kindOf(call) === 'DotMethodCall';
    return isCall ? calledName(call) : null;
}

function touchesDatabase(node) {
    const called = databaseCall(node);
    const isQuery = kindOf(node) === 'SoqlLiteral' || kindOf(node) === 'SoslLiteral';
    return isQuery || WRITES.test(kindOf(node)) || (called !== null && !['setsavepoint', 'rollback'].includes(called));
}

function calledName(node) {
    const id = childrenOf(node).find((child) => /^(Any)?Id$/.test(kindOf(child)));
    return id ? textOf(id).toLowerCase() : null;
}

function callsIn(tree) {
    return [...nodes(tree, (node) => CALLS.has(kindOf(node)))];
}

/** Names of methods that query or write, by themselves or through one that they call. */
function touchingMethods(classes) {
    const methods = classes
        .names()
        .filter((name) => !classes.get(name).isTest)
        .flatMap((name) => classes.get(name).methods);
    const touching = new Set();
    let before = -1;
    while (touching.size !== before) {
        before = touching.size;
        for (const { name, tree } of methods) {
            const isDirect = !nodes(tree, touchesDatabase).next().done;
            if (isDirect || callsIn(tree).some((call) => touching.has(calledName(call)))) {
                touching.add(name.toLowerCase());
            }
        }
    }
    return touching;
}

/** Nothing in a loop's body may query or write; what a `for` goes over is asked for once. */
function checkLoops(apex, touching, findings) {
    for (const loop of nodes(apex.tree, (node) => LOOPS.has(kindOf(node)))) {
        const repeated = childrenOf(loop).filter((node) => kindOf(node) !== 'ForControl' || !isEnhanced(node));
        for (const part of repeated) {
            for (const found of nodes(part, touchesDatabase)) {
                findings.add(apex.path, lineOf(found), 'a query or a write stands in a loop');
            }
            const calls = apex.isTest ? [] : callsIn(part).filter((call) => touching.has(calledName(call)));
            calls.forEach((call) =>
                findings.add(apex.path, lineOf(call), `${calledName(call)} queries or writes, and is called in a loop`)
            );
        }
    }
}

function isEnhanced(control) {
    return childrenOf(control).some((node) => kindOf(node) === 'EnhancedForControl');
}
