/**
 * What runs on Java, from the jars that come with Salesforce's code analyzer: PMD (Pmd.java), and apex-ls, which knows
 * Salesforce's own types and links every type, method, field and variable of our Apex. Their findings are passed on.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const JARS = join(
    dirname(createRequire(import.meta.url).resolve('@salesforce/code-analyzer-pmd-engine')),
    'java-lib',
    '*'
);

/** PMD's findings on the project's Apex and pages. */
export async function runPmd(project, findings) {
    const answer = await java([join(HERE, 'Pmd.java'), join(HERE, 'pmd-rules.xml'), join(project, 'force-app')]);
    const told = answer.out.split('\n').filter((line) => line && !line.startsWith('PMD looked at'));
    told.forEach((line) => findings.lines.push(`PMD: force-app/${line}`));
    if (answer.code !== 0 && !told.length) {
        findings.lines.push(`PMD did not run (exit code ${answer.code}): ${answer.error.trim().slice(0, 500)}`);
    }
}

/** What does not link: unknown types, methods, fields and variables, wrong arguments and assignments; and what is unused. */
export async function runLinker(project, findings) {
    const main = 'io.github.apexdevtools.apexls.CheckForIssues';
    const answer = await java([main, '--nocache', '--format', 'json', '--detail', 'unused', '--workspace', project]);
    let files;
    try {
        files = answer.out.trim() ? JSON.parse(answer.out).files : [];
    } catch {
        findings.lines.push(
            `apex-ls did not run (exit code ${answer.code}): ${(answer.out + answer.error).slice(0, 500)}`
        );
        return;
    }
    for (const file of files) {
        for (const issue of file.issues ?? file.messages ?? []) {
            const line = issue.location?.start?.line ?? issue.start?.line ?? 0;
            findings.add(file.file ?? file.path, line, `apex-ls: ${issue.category ?? ''} ${issue.message}`);
        }
    }
}

function java(given) {
    return new Promise((resolve) => {
        const child = spawn('java', ['-XX:TieredStopAtLevel=1', '-Xmx1g', '-cp', JARS, ...given]);
        const answer = { out: '', error: '', code: null };
        child.stdout.on('data', (bytes) => (answer.out += bytes));
        child.stderr.on('data', (bytes) => (answer.error += bytes));
        child.on('error', (error) => resolve({ ...answer, code: -1, error: `${error.message}: is Java installed?` }));
        child.on('close', (code) => resolve({ ...answer, code }));
    });
}
