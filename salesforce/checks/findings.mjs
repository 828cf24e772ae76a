/**
 * What a check found: one thing a person has to put right, with its file and line.
 * No check belongs here.
 */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/** A list of findings about the files of one project. */
export class Findings {
    constructor(project) {
        this.project = project;
        this.lines = [];
    }

    add(path, line, words) {
        const place = line ? `${relative(this.project, path)}:${line}` : relative(this.project, path);
        this.lines.push(`${place}: ${words}`);
    }
}

/** All files under a folder whose name ends so, in a fixed order. */
export function filesUnder(folder, ending) {
    return readdirSync(folder, { recursive: true })
        .map(String)
        .filter((name) => name.endsWith(ending))
        .sort()
        .map((name) => join(folder, name));
}

/** All nodes of an ANTLR tree for which the test holds, outermost first. */
export function* nodes(tree, test) {
    if (test(tree)) {
        yield tree;
    }
    for (const child of childrenOf(tree)) {
        yield* nodes(child, test);
    }
}

/** A node's children, for both of the ANTLR runtimes that the parsers come with. */
export function childrenOf(node) {
    const count = typeof node.getChildCount === 'function' ? node.getChildCount() : (node.childCount ?? 0);
    return Array.from({ length: count }, (_, place) => node.getChild(place));
}

export function kindOf(node) {
    return node.constructor.name.replace(/Context$/, '');
}

export function textOf(node) {
    return typeof node.getText === 'function' ? node.getText() : node.text;
}

export function lineOf(node) {
    const start = node.start ?? node.symbol ?? node._start ?? node._symbol;
    return start?.line ?? 0;
}
