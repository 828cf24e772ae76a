/**
 * The page's script in a browser's document (jsdom), against a controller that is played here: what a person sees and
 * presses, what is then asked of the controller, and that a payor's name never becomes markup.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { JSDOM } from 'jsdom';

const SCRIPT = new URL('../force-app/main/default/staticresources/ClaimPayorMappingPage.js', import.meta.url);
const HOSTILE = '<img src=x onerror="window.broken = true"> & "Blue" \'Cross\'';
const PAYOR = { recordId: 'a02A', payorName: HOSTILE, payorId: '60054', score: null };

function rowOf(facts) {
    return {
        rowId: 'a01A',
        payorName: HOSTILE,
        payorId: '0042',
        status: 'Unmapped',
        acts: ['map', 'ignore'],
        claims: 1234,
        charged: '1234567.89',
        claimPayor: null,
        ignored: false,
        automaticMatch: null,
        matchWords: 'No Claim Payor fits',
        waits: false,
        suggestions: [{ ...PAYOR, score: 92 }],
        decidedBy: null,
        decidedAt: null,
        lastSeenOn: '2026-03-04',
        ...facts
    };
}

/** The page with a played controller: its answers by remote action, and everything that it was asked. */
async function open(answers = {}) {
    const dom = new JSDOM('<div id="root" data-most-at-once="2"></div>', {
        runScripts: 'outside-only'
    });
    const { window } = dom;
    window.HTMLDialogElement.prototype.showModal = function () {
        this.open = true;
    };
    window.HTMLDialogElement.prototype.close = function () {
        this.open = false;
    };
    window.eval(readFileSync(SCRIPT, 'utf8'));
    const asked = [];
    const defaults = {
        loadTotals: [
            { status: 'Unmapped', payors: 1, claims: 1234, charged: '1234567.89' },
            { status: 'Ignored', payors: 0, claims: 0, charged: null }
        ],
        listPayors: { rows: [rowOf({})], more: false },
        findPayors: { payors: [PAYOR], more: true },
        previewDecisions: { claims: 1234, charged: '1234567.89', atLeast: false },
        decide: [{ rowId: 'a01A', result: 'saved', row: rowOf({ status: 'Mapped', claimPayor: PAYOR }) }],
        createPayor: PAYOR
    };
    const manager = {
        invokeAction(action, ...given) {
            const options = given.pop();
            const answered = given.pop();
            asked.push({ action, given: JSON.parse(JSON.stringify(given)), options });
            const answer = { ...defaults, ...answers }[action];
            if (answer instanceof Error) {
                answered(null, { status: false, type: 'exception', message: answer.message });
            } else {
                answered(JSON.parse(JSON.stringify(typeof answer === 'function' ? answer(...given) : answer)), {
                    status: true
                });
            }
        }
    };
    const names = Object.keys(defaults);
    const root = window.document.getElementById('root');
    const page = window.ClaimPayorMappingPage;
    await page.start(root, page.remoting(Object.fromEntries(names.map((name) => [name, name])), manager));
    const find = (selector) => root.querySelector(selector);
    const press = async (selector) => {
        assert.ok(find(selector), `there is no ${selector}`);
        find(selector).click();
        await new Promise((resolve) => setTimeout(resolve, 0));
    };
    const askedOf = (action) => asked.filter((each) => each.action === action).map((each) => each.given);
    return { window, root, asked, askedOf, find, press };
}

test('a name that is written like markup is shown as text', async () => {
    const { window, root, find, press } = await open();
    await press('[data-act="map"]');
    assert.equal(root.querySelectorAll('img').length, 0);
    assert.equal(window.broken, undefined);
    assert.equal(find('tbody th').textContent, HOSTILE);
    assert.ok(find('#cpm-heading').textContent.includes(HOSTILE));
});

test('answers are asked for unescaped, since they are written as text alone', async () => {
    const { asked } = await open();
    asked.forEach(({ options }) => assert.deepEqual({ ...options }, { escape: false, buffer: false, timeout: 120000 }));
});

test('dollars keep every cent, and what cannot be added up is said', async () => {
    const { root, find } = await open();
    assert.equal(find('.cpm-number + .cpm-number').textContent, '$1,234,567.89');
    assert.ok(root.textContent.includes('Ignored: 0 payors, more dollars than can be added up here'));
});

test('the first page is of the unmapped, and the next goes on after its last row', async () => {
    const { askedOf, press, find } = await open({ listPayors: { rows: [rowOf({})], more: true } });
    assert.equal(find('[data-page="previous"]').disabled, true);
    await press('[data-page="next"]');
    await press('[data-page="previous"]');
    assert.deepEqual(askedOf('listPayors'), [
        ['Unmapped', '', null, null],
        ['Unmapped', '', '1234567.89', 'a01A'],
        ['Unmapped', '', null, null]
    ]);
});

test('a search is of the status that is shown', async () => {
    const { askedOf, find, press } = await open();
    await press('[data-status="Ignored"]');
    find('#cpm-term').value = 'blue';
    await press('form[role="search"] button');
    assert.deepEqual(askedOf('listPayors').at(-1), ['Ignored', 'blue', null, null]);
});

test('nothing is saved before what it changes was shown', async () => {
    const { askedOf, find, press } = await open();
    await press('[data-act="suggestion"]');
    assert.equal(find('[data-preview]').textContent, 'The next sync changes 1,234 claims, $1,234,567.89 charged.');
    assert.deepEqual(askedOf('decide'), []);
    await press('[data-save]');
    const decision = {
        rowId: 'a01A',
        act: 'map',
        payorId: 'a02A',
        ignored: null,
        seenPayorId: null,
        seenIgnored: false
    };
    assert.deepEqual(askedOf('previewDecisions'), [[[decision]]]);
    assert.deepEqual(askedOf('decide'), [[[decision]]]);
    assert.equal(find('dialog').open, false);
    assert.equal(find('[role="status"]').textContent, '1 payor mapped.');
});

test('undo puts back what stood, and names what it expects to find', async () => {
    const { askedOf, press, find } = await open({
        listPayors: { rows: [rowOf({ ignored: true, acts: ['map'] })], more: false }
    });
    await press('[data-act="suggestion"]');
    await press('[data-save]');
    await press('[data-undo]');
    assert.deepEqual(askedOf('decide').at(-1), [
        [{ rowId: 'a01A', act: 'restore', payorId: null, ignored: true, seenPayorId: 'a02A', seenIgnored: false }]
    ]);
    assert.equal(find('[role="status"]').textContent, '1 payor put back.');
});

test('a payor is chosen from those that were found, or made', async () => {
    const { askedOf, find, press } = await open({ listPayors: { rows: [rowOf({ suggestions: [] })], more: false } });
    await press('[data-act="map"]');
    assert.equal(find('[data-save]').disabled, true);
    assert.deepEqual(askedOf('findPayors'), [['']]);
    assert.equal(find('#cpm-new-name').value, HOSTILE);
    assert.equal(find('#cpm-new-id').value, '0042');
    await press('[data-create]');
    assert.deepEqual(askedOf('createPayor'), [[HOSTILE, '0042']]);
    assert.equal(find('[data-save]').disabled, false);
    await press('[data-save]');
    assert.equal(askedOf('decide')[0][0][0].payorId, 'a02A');
});

test('only what every selected payor allows can be done with all', async () => {
    const rows = [rowOf({}), rowOf({ rowId: 'a01B', acts: ['map', 'takeBack', 'ignore'], suggestions: [] })];
    const { root, askedOf, press } = await open({ listPayors: { rows, more: false } });
    await press('thead input');
    const offered = [...root.querySelectorAll('[data-many]')].map((each) => each.getAttribute('data-many'));
    assert.deepEqual(offered, ['map', 'ignore']);
    await press('[data-many="ignore"]');
    assert.deepEqual(
        askedOf('previewDecisions')[0][0].map((each) => [each.rowId, each.act, each.payorId]),
        [
            ['a01A', 'ignore', null],
            ['a01B', 'ignore', null]
        ]
    );
});

test('each of several is mapped to its own first suggestion', async () => {
    const other = { ...PAYOR, recordId: 'a02B', score: 80 };
    const rows = [rowOf({}), rowOf({ rowId: 'a01B', suggestions: [other, PAYOR] })];
    const { askedOf, press } = await open({ listPayors: { rows, more: false } });
    await press('thead input');
    await press('[data-many="suggestions"]');
    await press('[data-save]');
    assert.deepEqual(
        askedOf('decide')[0][0].map((each) => [each.rowId, each.payorId]),
        [
            ['a01A', 'a02A'],
            ['a01B', 'a02B']
        ]
    );
});

test('more than may be decided on at once is offered nothing', async () => {
    const rows = ['a01A', 'a01B', 'a01C'].map((rowId) => rowOf({ rowId }));
    const { root, press } = await open({ listPayors: { rows, more: false } });
    await press('thead input');
    assert.equal(root.querySelectorAll('[data-many]').length, 0);
});

test('what was refused is told with its payor and reason, and nothing is offered to undo', async () => {
    const refused = {
        rowId: 'a01A',
        result: 'refused',
        code: 'CHANGED_MEANWHILE',
        message: 'Someone decided.',
        row: rowOf({})
    };
    const { find, press } = await open({ decide: [refused] });
    await press('[data-act="ignore"]');
    await press('[data-save]');
    assert.equal(find('[role="alert"]').textContent, `${HOSTILE}: Someone decided.`);
    assert.equal(find('[data-undo]'), null);
});

test('a failure is told where the person looks, and can be tried again', async () => {
    const { find, press } = await open({
        decide: new Error('The sync is writing.'),
        listPayors: { rows: [rowOf({})], more: false }
    });
    await press('[data-act="ignore"]');
    await press('[data-save]');
    assert.equal(find('[data-problem]').textContent, 'The sync is writing.');
    assert.equal(find('dialog').open, true);
    assert.equal(find('[data-save]').disabled, false);
});

test('what was saved is told, also where the list cannot be loaded again', async () => {
    let loads = 0;
    const listPayors = () => {
        loads += 1;
        return loads === 1 ? { rows: [rowOf({})], more: false } : null;
    };
    const { root, find, press } = await open({ listPayors });
    await press('[data-act="ignore"]');
    await press('[data-save]');
    assert.equal(find('[role="status"]').textContent, '1 payor ignored.');
    assert.ok(root.textContent.includes('The list could not be loaded again: load the page.'));
    assert.ok(find('[data-undo]'));
});

test('a list that cannot be loaded says why', async () => {
    const { find } = await open({ listPayors: new Error('You may not map payors.') });
    assert.equal(find('[role="alert"]').textContent, 'You may not map payors.');
});

test('every control has a name that can be read out', async () => {
    const { root, press } = await open();
    await press('[data-act="map"]');
    for (const control of root.querySelectorAll('button, input')) {
        const label = control.labels?.[0]?.textContent || control.getAttribute('aria-label') || control.textContent;
        assert.ok(label.trim(), control.outerHTML);
    }
    const headings = [...root.querySelectorAll('thead th')].map((each) => each.getAttribute('scope'));
    assert.ok(headings.every((scope) => scope === 'col'));
});
