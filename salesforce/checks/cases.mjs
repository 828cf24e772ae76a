/**
 * The cases of the page's rules (static resource ClaimPayorMappingCases) and the Apex that runs them: no case, and no
 * fact of a case, is passed over; and what stands as a constant in Apex is what stands in the file.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { childrenOf, kindOf, nodes, textOf } from './findings.mjs';

const CASES = 'ClaimPayorMappingCases';
const RULES = 'ClaimPayorMappingRules';
const TEST = 'ClaimPayorMappingControllerTest';

export function checkCases(org, classes, findings) {
    const path = join(org.folder, 'staticresources', `${CASES}.json`);
    if (!existsSync(path)) {
        findings.add(path, 0, 'the cases are not there');
        return 0;
    }
    const cases = JSON.parse(readFileSync(path, 'utf8'));
    const sections = Object.keys(cases).filter((name) => !name.startsWith('about'));
    checkNames(cases, sections, path, findings);
    const reader = classes.get(CASES);
    const test = classes.get(TEST);
    if (reader && test) {
        checkRead(cases, sections, reader, test, path, findings);
    }
    if (classes.get(RULES)) {
        checkConstants(cases, classes.get(RULES), findings);
    }
    return namesOf(cases, sections).length;
}

function namesOf(cases, sections) {
    return sections.filter((name) => name.endsWith('Cases')).flatMap((name) => cases[name].map((each) => each.name));
}

function checkNames(cases, sections, path, findings) {
    const names = namesOf(cases, sections);
    names
        .filter((name, place) => !name || names.indexOf(name) !== place)
        .forEach((name) => findings.add(path, 0, `two cases, or none, are named ${name}`));
    const codes = new Set(cases.messages.map((message) => message.code));
    sections
        .flatMap((name) => (name.endsWith('Cases') ? cases[name] : []))
        .filter((each) => each.code && !codes.has(each.code))
        .forEach((each) => findings.add(path, 0, `${each.name}: there is no message ${each.code}`));
}

/** JSON.deserialize passes over what it does not know without a word: so every fact needs a member to land in. */
function checkRead(cases, sections, reader, test, path, findings) {
    const members = membersByClass(reader.tree);
    const testText = textOf(test.tree);
    for (const name of sections) {
        if (!members.get(CASES.toLowerCase()).has(name)) {
            findings.add(path, 0, `${CASES}.cls does not read ${name}`);
        } else if (!new RegExp(`\\.${name}\\b`).test(testText)) {
            findings.add(path, 0, `${TEST}.cls does not run ${name}`);
        }
    }
    checkFacts(cases, CASES.toLowerCase(), members, path, findings);
}

function checkFacts(facts, className, members, path, findings) {
    for (const [name, value] of Object.entries(facts)) {
        if (name.startsWith('about') || (className !== CASES.toLowerCase() && name === 'label' && facts.act)) {
            continue;
        }
        const type = members.get(className)?.get(name);
        if (!type) {
            findings.add(
                path,
                0,
                `${className} in ${CASES}.cls has no member for ${name} of ${facts.name ?? 'the file'}`
            );
            continue;
        }
        const inner = type.replace(/^List<(.*)>$/i, '$1').toLowerCase();
        if (members.has(inner)) {
            [].concat(value ?? []).forEach((each) => checkFacts(each, inner, members, path, findings));
        }
    }
}

function membersByClass(tree) {
    const found = new Map();
    for (const declaration of nodes(tree, (node) => kindOf(node) === 'ClassDeclaration')) {
        const name = textOf(childrenOf(declaration).find((node) => kindOf(node) === 'Id')).toLowerCase();
        const body = childrenOf(declaration).find((node) => kindOf(node) === 'ClassBody');
        const fields = childrenOf(body)
            .flatMap(childrenOf)
            .flatMap((member) => [member, ...childrenOf(member)])
            .filter((node) => kindOf(node) === 'FieldDeclaration');
        found.set(
            name,
            new Map(
                fields.flatMap((field) =>
                    [...nodes(field, (node) => kindOf(node) === 'VariableDeclarator')].map((variable) => [
                        textOf(childrenOf(variable)[0]),
                        textOf(childrenOf(field)[0])
                    ])
                )
            )
        );
    }
    return found;
}

function checkConstants(cases, rules, findings) {
    const constants = constantsOf(rules.tree);
    const differ = (name, wanted) => {
        if (JSON.stringify(constants.get(name)) !== JSON.stringify(wanted)) {
            findings.add(rules.path, 0, `${name} is not what ${CASES}.json says`);
        }
    };
    const pairs = (list, key, value) => list.map((each) => [each[key], each[value]]);
    differ('MESSAGES', pairs(cases.messages, 'code', 'text'));
    differ('WORDS_BY_MATCH_RULE', pairs(cases.matchRules, 'rule', 'words'));
    differ('STATUSES', cases.statuses);
    const acts = cases.acts.filter((each) => each.act !== 'restore');
    differ(
        'ACTS_BY_STATUS',
        cases.statuses.map((status) => [
            status,
            acts.filter((each) => each.fromStatuses.includes(status)).map((each) => each.act)
        ])
    );
    differ('LONGEST_TERM', cases.longestTerm);
    differ('LONGEST_NAME', cases.longestName);
    differ('LONGEST_PAYOR_ID', cases.longestPayorId);
}

/** Constants of a class as plain values: texts, numbers, lists, and maps as lists of pairs. */
function constantsOf(tree) {
    const constants = new Map();
    for (const variable of nodes(tree, (node) => kindOf(node) === 'VariableDeclarator')) {
        const [id, , value] = childrenOf(variable);
        if (value && /^[A-Z_]+$/.test(textOf(id))) {
            constants.set(textOf(id), valueOf(value, constants));
        }
    }
    return constants;
}

function valueOf(node, constants) {
    const [map] = nodes(node, (each) => kindOf(each) === 'MapCreatorRest');
    if (map) {
        return childrenOf(map)
            .filter((each) => kindOf(each) === 'MapCreatorRestPair')
            .map((pair) => [valueOf(childrenOf(pair)[0], constants), valueOf(childrenOf(pair)[2], constants)]);
    }
    const [list] = nodes(node, (each) => kindOf(each) === 'SetCreatorRest');
    if (list) {
        return childrenOf(list)
            .filter((each) => !['{', '}', ','].includes(textOf(each)))
            .map((each) => valueOf(each, constants));
    }
    const text = textOf(node);
    if (/^'.*'$/.test(text)) {
        return text.slice(1, -1).replace(/\\(.)/g, '$1');
    }
    return /^\d+$/.test(text) ? Number(text) : constants.get(text);
}
