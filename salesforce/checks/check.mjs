/**
 * Proves of a folder like salesforce/ what can be proved without an org: `node check.mjs [folder] [--only=step,step]`.
 * Prints one line a finding and ends with 1 where there is any.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkApex, parseClasses } from './apex.mjs';
import { Findings } from './findings.mjs';
import { Org } from './org.mjs';

const STEPS = ['linker', 'pmd', 'apex', 'page', 'cases', 'metadata', 'conversion', 'format'];
const given = process.argv.slice(2);
const only =
    given
        .find((each) => each.startsWith('--only='))
        ?.slice('--only='.length)
        .split(',') ?? STEPS;
const [folder = fileURLToPath(new URL('..', import.meta.url))] = given.filter((each) => !each.startsWith('--'));
const unknown = [...only.filter((each) => !STEPS.includes(each)), ...given.filter((each) => /^--(?!only=)/.test(each))];
if (unknown.length) {
    console.error(`There is no ${unknown.join(', ')}; the steps are ${STEPS.join(', ')}.`);
    process.exit(2);
}

const findings = new Findings(resolve(folder));
const org = new Org(findings.project);
const classes = parseClasses(org, findings);
const looked = [`${org.classes.names().length} classes`, `${org.pages.names().length} page`];
// Each step is imported when it is run: some stand on large libraries.
const steps = {
    linker: async () => (await import('./jvm.mjs')).runLinker(findings.project, findings),
    pmd: async () => (await import('./jvm.mjs')).runPmd(findings.project, findings),
    apex: () => checkApex(org, classes, findings),
    page: async () => (await import('./page.mjs')).checkPages(org, classes, findings),
    cases: async () => {
        const { checkCases } = await import('./cases.mjs');
        looked.push(`${checkCases(org, classes, findings)} cases of the page's rules`);
    },
    metadata: async () => (await import('./metadata.mjs')).checkMetadata(org, findings),
    conversion: async () => {
        const { checkConversion } = await import('./conversion.mjs');
        looked.push(`${await checkConversion(org, findings)} components, there and back`);
    },
    format: async () => (await import('./format.mjs')).checkFormat(findings.project, findings)
};
for (const step of STEPS.filter((each) => only.includes(each))) {
    await steps[step]();
}
findings.lines.forEach((line) => console.log(line));
console.log(`Looked at ${looked.join(', ')} (${only.join(', ')}): ${findings.lines.length} findings.`);
process.exitCode = findings.lines.length ? 1 : 0;
