/** Every Apex class and script, our own here too, is formatted as prettier formats it (`npm run format` does it). */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as prettier from 'prettier';
import { filesUnder } from './findings.mjs';

const CONFIG = fileURLToPath(new URL('./.prettierrc.json', import.meta.url));

export async function checkFormat(project, findings) {
    const ours = filesUnder(dirname(CONFIG), '.mjs').filter((path) => !path.includes('node_modules'));
    const files = [...['.cls', '.js'].flatMap((ending) => filesUnder(join(project, 'force-app'), ending)), ...ours];
    for (const path of files) {
        const options = await prettier.resolveConfig(path, { config: CONFIG });
        const plugins = path.endsWith('.cls') ? [await import('prettier-plugin-apex')] : [];
        try {
            const isFormatted = await prettier.check(readFileSync(path, 'utf8'), {
                ...options,
                plugins,
                filepath: path
            });
            if (!isFormatted) {
                findings.add(path, 0, 'is not formatted: run `npm run format` in salesforce/checks');
            }
        } catch (error) {
            findings.add(path, 0, `prettier cannot read it: ${error.message.split('\n')[0]}`);
        }
    }
}
