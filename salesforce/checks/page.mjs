/**
 * Visualforce and the page's script: every expression leads to something that is there, every remote action is called
 * with as many arguments as it takes, and nothing reaches the page unescaped.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parse } from 'acorn';
import { childrenOf, filesUnder, kindOf, lineOf, nodes, textOf } from './findings.mjs';

const require = createRequire(import.meta.url);
const { CommonTokenStream, VFLexer, VFParser, ThrowingErrorListener } = require('@apexdevtools/vf-parser');
const { CharStreams } = createRequire(require.resolve('@apexdevtools/vf-parser'))('antlr4ts');
const AS_MARKUP = new Set([
    'innerHTML',
    'outerHTML',
    'insertAdjacentHTML',
    'write',
    'writeln',
    'srcdoc',
    'eval',
    'Function'
]);
const ENCODED = /^(JSENCODE|JSINHTMLENCODE|HTMLENCODE|URLENCODE)\((.*)\)$/i;

export function checkPages(org, classes, findings) {
    for (const name of org.pages.names()) {
        checkPage(org.pages.get(name), org, classes, findings);
    }
}

function checkPage(path, org, classes, findings) {
    const tree = parsePage(path, findings);
    if (!tree) {
        return;
    }
    const root = childrenOf(tree).find((node) => kindOf(node) === 'Element');
    const controllerName = attributeOf(root, 'controller');
    const controller = controllerName && classes.get(controllerName);
    if (!controller) {
        findings.add(path, lineOf(root), `there is no controller ${controllerName}`);
        return;
    }
    for (const element of nodes(tree, (node) => kindOf(node) === 'Element')) {
        if ((attributeOf(element, 'escape') ?? '').toLowerCase() === 'false') {
            findings.add(path, lineOf(element), 'escape="false" lets text become markup');
        }
        if (attributeOf(element, 'action') !== null) {
            findings.add(path, lineOf(element), 'action= runs on a mere visit: use a remote action');
        }
    }
    for (const [expression, line, isScript] of expressionsOf(tree)) {
        const problem = problemOf(expression, isScript, controller, org, classes);
        if (problem) {
            findings.add(path, line, `{!${expression}}: ${problem}`);
        }
    }
    checkScripts(path, tree, controller, org, findings);
}

function parsePage(path, findings) {
    const text = readFileSync(path, 'utf8');
    try {
        const lexer = new VFLexer(CharStreams.fromString(text));
        lexer.removeErrorListeners();
        lexer.addErrorListener(new ThrowingErrorListener());
        const parser = new VFParser(new CommonTokenStream(lexer));
        parser.removeErrorListeners();
        parser.addErrorListener(new ThrowingErrorListener());
        return parser.vfUnit();
    } catch (error) {
        findings.add(path, error.line ?? 0, `the page cannot be parsed: ${error.message}`);
        return null;
    }
}

function attributeOf(element, name) {
    for (const attribute of childrenOf(element).filter((node) => kindOf(node) === 'Attribute')) {
        const [key, , value] = childrenOf(attribute);
        if (textOf(key).toLowerCase() === name.toLowerCase()) {
            return value ? textOf(value).replace(/^"$/, '') : '';
        }
    }
    return null;
}

/** Each `{!...}` with its line, and whether it stands in a script. */
function* expressionsOf(tree) {
    for (const parent of nodes(tree, (node) => childrenOf(node).some((child) => textOf(child) === '{!'))) {
        const parts = childrenOf(parent);
        let start = -1;
        for (let place = 0; place < parts.length; place += 1) {
            if (textOf(parts[place]) === '{!') {
                start = place;
            } else if (start >= 0 && textOf(parts[place]) === '}') {
                const inside = parts
                    .slice(start + 1, place)
                    .map(textOf)
                    .join('')
                    .trim();
                yield [inside, lineOf(parts[start]), kindOf(parent) === 'ScriptChardata'];
                start = -1;
            }
        }
    }
}

function problemOf(expression, isScript, controller, org, classes) {
    const encoded = ENCODED.exec(expression);
    const inner = encoded ? encoded[2].trim() : expression;
    const remote = /^\$RemoteAction\.(\w+)\.(\w+)$/i.exec(inner);
    if (remote) {
        const [, className, method] = remote;
        const actions = classes.get(className)?.remoteActions() ?? [];
        return actions.some(({ name }) => name.toLowerCase() === method.toLowerCase())
            ? null
            : `${className} has no remote action ${method}`;
    }
    const resource = /^\$Resource\.(\w+)$/i.exec(inner);
    if (resource) {
        return org.resources.has(resource[1]) ? null : `there is no static resource ${resource[1]}`;
    }
    if (!/^\w+$/.test(inner)) {
        return 'an expression of this form is not known here';
    }
    if (!controller.showable().has(inner)) {
        return `the controller has no member ${inner}`;
    }
    return isScript && !/^JS/i.test(encoded?.[1] ?? '') ? 'stands unescaped in a script: JSENCODE' : null;
}

/** The page's own script, and those of our static resources: calls of remote actions, and no text made into markup. */
function checkScripts(path, tree, controller, org, findings) {
    const actions = new Map();
    for (const script of nodes(tree, (node) => kindOf(node) === 'ScriptChardata')) {
        const text = textOf(script);
        for (const [, key, method] of text.matchAll(/(\w+):\s*'\{!\$RemoteAction\.\w+\.(\w+)\}'/g)) {
            const action = controller.remoteActions().find(({ name }) => name === method);
            if (key === method && action) {
                actions.set(key, action.parameters);
            } else if (action) {
                findings.add(path, lineOf(script), `the remote action ${method} is called ${key} in the script`);
            }
        }
        checkScript(path, lineOf(script), text.replace(/\{![^}]*\}/g, ''), actions, findings);
    }
    for (const file of filesUnder(join(org.folder, 'staticresources'), '.js')) {
        checkScript(file, 1, readFileSync(file, 'utf8'), actions, findings);
    }
    for (const { name } of controller.remoteActions().filter((action) => !actions.has(action.name))) {
        findings.add(path, 1, `the page does not use the remote action ${name}`);
    }
}

function checkScript(path, firstLine, text, actions, findings) {
    let program;
    try {
        program = parse(text, { ecmaVersion: 2022, locations: true });
    } catch (error) {
        findings.add(path, firstLine, `the script cannot be parsed: ${error.message}`);
        return;
    }
    for (const node of scriptNodes(program)) {
        const tell = (words) => findings.add(path, firstLine + node.loc.start.line - 1, words);
        const property = node.type === 'MemberExpression' ? (node.property.name ?? node.property.value) : null;
        if (
            AS_MARKUP.has(property) ||
            (node.type === 'Identifier' && AS_MARKUP.has(node.name) && node.name !== 'write')
        ) {
            tell(`${property ?? node.name} makes markup or code of text: use textContent`);
        }
        if (node.type === 'CallExpression' && node.callee.object?.name === 'remote') {
            const called = node.callee.property.name;
            if (!actions.has(called)) {
                tell(`the page has no remote action ${called}`);
            } else if (actions.get(called) !== node.arguments.length) {
                tell(`${called} takes ${actions.get(called)} arguments, and is called with ${node.arguments.length}`);
            }
        }
    }
}

function* scriptNodes(node) {
    if (Array.isArray(node)) {
        for (const each of node) {
            yield* scriptNodes(each);
        }
    } else if (node && typeof node.type === 'string') {
        yield node;
        for (const key of Object.keys(node)) {
            yield* scriptNodes(node[key]);
        }
    }
}
