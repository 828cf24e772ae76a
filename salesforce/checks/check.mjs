/**
 * Proves of a folder like salesforce/ what can be proved without an org: `node check.mjs [folder]`. Prints one line a
 * finding and ends with 1 where there is any.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkApex, parseClasses } from './apex.mjs';
import { checkCases } from './cases.mjs';
import { Findings } from './findings.mjs';
import { checkFormat } from './format.mjs';
import { runLinker, runPmd } from './jvm.mjs';
import { checkConversion, checkMetadata } from './metadata.mjs';
import { Org } from './org.mjs';
import { checkPages } from './page.mjs';

const project = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
const findings = new Findings(project);
const onJava = runLinker(project, findings).then(() => runPmd(project, findings));
const org = new Org(project);
const classes = parseClasses(org, findings);
checkApex(org, classes, findings);
checkPages(org, classes, findings);
checkMetadata(org, findings);
const cases = checkCases(org, classes, findings);
const components = await checkConversion(org, findings);
await checkFormat(project, findings);
await onJava;
findings.lines.forEach((line) => console.log(line));
console.log(
    `Looked at ${org.classes.names().length} classes, ${org.pages.names().length} page, ${components} components and ` +
        `${cases} cases of the page's rules: ${findings.lines.length} findings.`
);
process.exitCode = findings.lines.length ? 1 : 0;
