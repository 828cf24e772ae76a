/** Salesforce's own library takes up every file, converts all to the Metadata API's format, and reads it back the same. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { filesUnder } from './findings.mjs';
import { API_VERSION, expect } from './metadata.mjs';
import { readXml } from './org.mjs';

const { ComponentSet, MetadataConverter } = createRequire(import.meta.url)('@salesforce/source-deploy-retrieve');

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
