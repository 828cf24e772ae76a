/**
 * The cases of the page's rules, carried out by the Apex that is deployed (ClaimPayorMappingRules, by interpreter.mjs): an
 * org runs them too, with queries and saving, but none can be reached here. The status is worked out as Status__c's formula says.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseClasses } from './apex.mjs';
import { Findings } from './findings.mjs';
import { ApexException, StaticClass } from './interpreter.mjs';
import { Org, readXml } from './org.mjs';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const org = new Org(PROJECT);
const rules = new StaticClass(parseClasses(org, new Findings(PROJECT)).get('ClaimPayorMappingRules').tree);
const cases = JSON.parse(readFileSync(`${org.folder}/staticresources/ClaimPayorMappingCases.json`, 'utf8'));

/** Status__c's formula, which is nothing but nested IFs. */
const formula = readXml(org.objects.get('Claim_Payor_Mapping__c').fields.get('Status__c').path)
    .formula.replaceAll('&quot;', '"')
    .replace(/\s+/g, ' ');
const IF = (condition, then, otherwise) => (condition ? then : otherwise);
const statusOf = new Function('row', 'IF', 'NOT', 'ISBLANK', `return ${formula.replace(/\b(\w+__c)\b/g, 'row.$1')};`);

function recordOf(facts) {
    const row = {
        Claim_Payor__c: facts.claimPayor ?? null,
        Ignored__c: facts.ignored ?? false,
        Automatic_Match__c: facts.automaticMatch ?? null,
        Linked_Payor__c: facts.linkedPayor ?? null
    };
    row.Status__c = statusOf(
        row,
        IF,
        (value) => !value,
        (value) => value === null
    );
    return row;
}

function decisionOf(given, row) {
    const seen = given.seen ?? { claimPayor: row?.Claim_Payor__c ?? null, ignored: row?.Ignored__c ?? false };
    return {
        act: given.act,
        payorId: given.payor ?? null,
        ignored: given.ignored ?? null,
        seenPayorId: seen.claimPayor ?? null,
        seenIgnored: seen.ignored ?? null
    };
}

for (const given of cases.statusCases) {
    test(given.name, () => {
        const row = recordOf(given.row);
        assert.equal(row.Status__c, given.status);
        assert.deepEqual(rules.call('actsFrom', row.Status__c), given.acts);
        assert.equal(rules.call('standingPayor', row), given.stands);
        assert.equal(rules.call('waitsForSync', row), given.waits);
    });
}

for (const given of cases.saveCases) {
    test(given.name, () => {
        const row = given.row === null ? null : recordOf(given.row);
        const decision = decisionOf(given, row);
        const code = rules.call('refusal', row, decision, new Set(['A', 'B', 'C']));
        assert.equal(code, given.code ?? null);
        if (code === null) {
            const after = rules.call('standingAfter', row, decision);
            const isSame = after.payorId === row.Claim_Payor__c && after.isIgnored === row.Ignored__c;
            assert.equal(isSame ? 'unchanged' : 'saved', given.outcome);
            assert.deepEqual(
                { claimPayor: after.payorId, ignored: after.isIgnored },
                { claimPayor: given.after.claimPayor, ignored: given.after.ignored }
            );
            const stored = recordOf({ ...given.row, claimPayor: after.payorId, ignored: after.isIgnored });
            assert.equal(stored.Status__c, given.after.status);
        } else {
            assert.equal(given.outcome, 'refused');
        }
    });
}

for (const given of cases.previewCases) {
    test(given.name, () => {
        const row = recordOf(given.row);
        const standing = rules.call('standingAfter', row, decisionOf(given, row));
        const changed = given.claims.filter((group) => rules.call('changesClaim', row, standing, group.payor));
        const cents = (text) => Math.round(Number(text) * 100);
        const sum = (values) => values.reduce((total, each) => total + each, 0);
        assert.equal(sum(changed.map((group) => group.count)), given.changes.count);
        assert.equal(sum(changed.map((group) => cents(group.charged))), cents(given.changes.charged));
    });
}

for (const given of cases.createCases.filter((each) => each.code !== 'PAYOR_EXISTS')) {
    test(given.name, () => {
        const made = () => rules.call('newPayor', given.given.payorName, given.given.payorId);
        if (given.code) {
            const { text } = cases.messages.find((message) => message.code === given.code);
            assert.throws(made, (error) => error instanceof ApexException && error.message === text);
        } else {
            assert.deepEqual(made(), { Name: given.made.payorName, Payor_ID__c: given.made.payorId });
        }
    });
}

/** Whether LIKE, as SOQL reads a pattern, finds a text. */
function isLike(text, pattern) {
    const parts = [...pattern.matchAll(/\\(.)|([%_])|([^\\%_])/gs)].map(([, escaped, wild, plain]) =>
        wild ? { '%': '.*', _: '.' }[wild] : (escaped ?? plain).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    );
    return new RegExp(`^${parts.join('')}$`, 'is').test(text);
}

for (const given of cases.listCases.filter((each) => each.term)) {
    test(given.name, () => {
        const pattern = rules.call('patternFor', given.term);
        const found = given.rows.filter((row) =>
            [row.payorName ?? row.label, row.payorId ?? ''].some((text) => isLike(text, pattern))
        );
        assert.deepEqual(new Set(found.map((row) => row.label)), new Set(given.shown));
    });
}

test('every message of the cases is the one that Apex says', () => {
    cases.messages.forEach(({ code, text }) => assert.equal(rules.call('messageFor', code), text));
    cases.matchRules.forEach(({ rule, words }) => assert.equal(rules.call('matchWords', rule), words));
    assert.equal(rules.call('matchWords', 'A_NEW_RULE'), 'A_NEW_RULE');
});

test('a search that is too long is refused', () => {
    const longest = 'x'.repeat(cases.longestTerm);
    assert.equal(rules.call('patternFor', longest), `%${longest}%`);
    assert.throws(() => rules.call('patternFor', `${longest}x`), ApexException);
});
