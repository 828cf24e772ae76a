/*
 * What the page Claim Payor Mapping does in the browser: shows payors by status, lets a person choose, and asks the
 * controller for everything else. Payor names are typed by hand somewhere else, so they may hold anything: they reach
 * the page as text alone (textContent, value), never as markup. No rule is decided here: a row says what may be done.
 */
window.ClaimPayorMappingPage = (function () {
    'use strict';

    const STATUSES = ['Unmapped', 'Automatic', 'Mapped', 'Ignored'];
    const ACTS = {
        map: { button: 'Map', many: 'Map selected', done: 'mapped', heading: 'Map to a Claim Payor' },
        takeBack: {
            button: 'Take back',
            many: 'Take back selected',
            done: 'taken back',
            heading: 'Take the mapping back'
        },
        ignore: { button: 'Ignore', many: 'Ignore selected', done: 'ignored', heading: 'Ignore' },
        unignore: {
            button: 'Stop ignoring',
            many: 'Stop ignoring selected',
            done: 'no longer ignored',
            heading: 'Stop ignoring'
        }
    };
    const STYLE =
        '.cpm-number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}' +
        '.cpm-payor{font-weight:600;white-space:normal;overflow-wrap:anywhere}' +
        '.cpm-dialog{border:1px solid #747474;border-radius:4px;padding:1.5rem;width:min(40rem,90vw);max-height:90vh;overflow:auto}' +
        '.cpm-dialog::backdrop{background:rgba(8,7,7,.6)}' +
        '.cpm-choices{max-height:16rem;overflow:auto;border:0;padding:0}';

    /** Calls of the controller's remote actions, as promises. `escape: false`: answers are written as text alone. */
    function remoting(actions, manager) {
        const calls = {};
        Object.keys(actions).forEach(function (name) {
            calls[name] = function () {
                const given = Array.prototype.slice.call(arguments);
                return new Promise(function (resolve, reject) {
                    const answered = function (result, event) {
                        if (event.status) {
                            resolve(result);
                        } else {
                            reject(new Error(event.message || 'No answer came from Salesforce.'));
                        }
                    };
                    const options = { escape: false, buffer: false, timeout: 120000 };
                    manager.invokeAction.apply(manager, [actions[name]].concat(given, [answered, options]));
                });
            };
        });
        return calls;
    }

    /** An element with attributes, and children that are elements or text. */
    function make(tag, attributes, children) {
        const element = document.createElement(tag);
        Object.keys(attributes || {}).forEach(function (name) {
            if (attributes[name] !== null && attributes[name] !== undefined && attributes[name] !== false) {
                element.setAttribute(name, attributes[name] === true ? '' : attributes[name]);
            }
        });
        [].concat(children === undefined ? [] : children).forEach(function (child) {
            element.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
        });
        return element;
    }

    function button(text, onClick, attributes) {
        const element = make(
            'button',
            Object.assign({ type: 'button', class: 'slds-button slds-button_neutral' }, attributes),
            text
        );
        element.addEventListener('click', onClick);
        return element;
    }

    function emptied(element) {
        element.textContent = '';
        return element;
    }

    function plural(count, noun) {
        return String(count).replace(/\B(?=(\d{3})+$)/g, ',') + ' ' + noun + (count === 1 ? '' : 's');
    }

    /** US dollars from exact text: no number is made of it, so that no cent is lost. */
    function dollars(text) {
        if (text === null || text === undefined) {
            return 'more dollars than can be added up here';
        }
        const parts = /^(-?)(\d+)(\.\d+)?$/.exec(text);
        return parts ? parts[1] + '$' + parts[2].replace(/\B(?=(\d{3})+$)/g, ',') + (parts[3] || '') : text;
    }

    function named(payor) {
        return payor.payorId ? payor.payorName + ' (' + payor.payorId + ')' : payor.payorName;
    }

    function source(row) {
        return row.payorName || row.payorId || '(no name)';
    }

    function start(root, remote) {
        const mostAtOnce = Number(root.getAttribute('data-most-at-once')) || 200;
        const state = {
            status: STATUSES[0],
            term: '',
            cursors: [],
            page: { rows: [], more: false },
            chosen: new Set()
        };
        const parts = build();
        let lastAsked = 0;

        function build() {
            const found = {
                statuses: make('div', {
                    class: 'slds-button-group slds-m-vertical_small',
                    role: 'group',
                    'aria-label': 'Status'
                }),
                term: make('input', { id: 'cpm-term', type: 'search', class: 'slds-input', maxlength: '100' }),
                tools: make('div', { class: 'slds-m-vertical_small', role: 'group', 'aria-label': 'Selected payors' }),
                said: make('div', { class: 'slds-m-vertical_small', role: 'status', 'aria-live': 'polite' }),
                failed: make('div', { class: 'slds-m-vertical_small slds-text-color_error', role: 'alert' }),
                undo: make('div', { class: 'slds-m-vertical_small' }),
                body: make('tbody'),
                all: make('input', { type: 'checkbox', 'aria-label': 'Select all payors on this page' }),
                paging: make('nav', { class: 'slds-m-vertical_small', 'aria-label': 'Pages' }),
                dialog: make('dialog', { class: 'cpm-dialog', 'aria-labelledby': 'cpm-heading' })
            };
            const search = make('form', { role: 'search', class: 'slds-form-element' }, [
                make('label', { for: 'cpm-term', class: 'slds-form-element__label' }, 'Search payors by name or id'),
                make('div', { class: 'slds-form-element__control' }, found.term),
                make(
                    'button',
                    { type: 'submit', class: 'slds-button slds-button_neutral slds-m-top_x-small' },
                    'Search'
                )
            ]);
            search.addEventListener('submit', function (event) {
                event.preventDefault();
                open(state.status, found.term.value);
            });
            found.all.addEventListener('change', function () {
                state.page.rows.forEach(function (row) {
                    choose(row, found.all.checked);
                });
                showRows();
            });
            const headings = [
                'Payor in CollaborateMD',
                'Id',
                'Claims',
                'Charged',
                'Found by the pipeline',
                'Decided',
                'Actions'
            ];
            const table = make('table', { class: 'slds-table slds-table_bordered slds-table_cell-buffer' }, [
                make('caption', { class: 'slds-assistive-text' }, 'Payors of the chosen status, most dollars first'),
                make('thead', {}, [
                    make('tr', {}, [
                        make('th', { scope: 'col' }, found.all),
                        ...headings.map(function (text) {
                            return make('th', { scope: 'col' }, text);
                        })
                    ])
                ]),
                found.body
            ]);
            emptied(root);
            [
                make('style', {}, STYLE),
                make('h1', { class: 'slds-text-heading_large' }, 'Map Payors'),
                make(
                    'p',
                    {},
                    'Claims and dollars are those in Salesforce that have no Claim Payor. A decision reaches its claims with the next sync.'
                ),
                found.statuses,
                search,
                found.failed,
                found.said,
                found.undo,
                found.tools,
                table,
                found.paging,
                found.dialog
            ].forEach(function (part) {
                root.appendChild(part);
            });
            return found;
        }

        function say(text) {
            parts.failed.textContent = '';
            parts.said.textContent = text;
        }

        function fail(error) {
            parts.said.textContent = '';
            parts.failed.textContent = error.message;
        }

        // The list

        function open(status, term) {
            state.status = status;
            state.term = term;
            state.cursors = [];
            return load();
        }

        /** The page after the last cursor. An answer that a later question has overtaken is dropped. */
        function load() {
            const asked = ++lastAsked;
            const cursor = state.cursors[state.cursors.length - 1] || { charged: null, rowId: null };
            say('Loading ...');
            return Promise.all([
                remote.listPayors(state.status, state.term, cursor.charged, cursor.rowId),
                remote.loadTotals()
            ])
                .then(function (answers) {
                    if (asked === lastAsked) {
                        state.page = answers[0];
                        state.chosen.clear();
                        showTotals(answers[1]);
                        showRows();
                        say(plural(state.page.rows.length, 'payor') + ' shown, most dollars first.');
                    }
                    return true;
                })
                .catch(function (error) {
                    if (asked === lastAsked) {
                        fail(error);
                    }
                    return false;
                });
        }

        function showTotals(totals) {
            emptied(parts.statuses);
            totals.forEach(function (total) {
                const text = total.status + ': ' + plural(total.payors, 'payor') + ', ' + dollars(total.charged);
                const isShown = total.status === state.status;
                parts.statuses.appendChild(
                    button(
                        text,
                        function () {
                            open(total.status, parts.term.value);
                        },
                        {
                            'aria-pressed': String(isShown),
                            'data-status': total.status,
                            class: 'slds-button ' + (isShown ? 'slds-button_brand' : 'slds-button_neutral')
                        }
                    )
                );
            });
        }

        function choose(row, isChosen) {
            if (isChosen) {
                state.chosen.add(row.rowId);
            } else {
                state.chosen.delete(row.rowId);
            }
        }

        function chosenRows() {
            return state.page.rows.filter(function (row) {
                return state.chosen.has(row.rowId);
            });
        }

        function showRows() {
            emptied(parts.body);
            state.page.rows.forEach(function (row) {
                parts.body.appendChild(lineOf(row));
            });
            if (!state.page.rows.length) {
                parts.body.appendChild(make('tr', {}, make('td', { colspan: '8' }, 'No payor of this status fits.')));
            }
            showTools();
            showPaging();
        }

        function lineOf(row) {
            const box = make('input', { type: 'checkbox', 'aria-label': 'Select ' + source(row) });
            box.checked = state.chosen.has(row.rowId);
            box.addEventListener('change', function () {
                choose(row, box.checked);
                showTools();
            });
            return make('tr', { 'data-row': row.rowId }, [
                make('td', {}, box),
                make('th', { scope: 'row', class: 'cpm-payor' }, source(row)),
                make('td', {}, row.payorId || ''),
                make('td', { class: 'cpm-number' }, plural(row.claims, 'claim')),
                make('td', { class: 'cpm-number' }, dollars(row.charged)),
                make('td', {}, foundFor(row)),
                make('td', {}, decidedFor(row)),
                make('td', {}, buttonsFor(row))
            ]);
        }

        function foundFor(row) {
            const lines = [];
            if (row.automaticMatch) {
                lines.push(make('div', {}, named(row.automaticMatch)));
            }
            if (row.matchWords) {
                lines.push(make('div', { class: 'slds-text-color_weak' }, row.matchWords));
            }
            return lines.concat(
                row.suggestions.map(function (payor) {
                    const score =
                        payor.score === null || payor.score === undefined ? '' : ' (' + payor.score + ' % alike)';
                    return make(
                        'div',
                        {},
                        button(
                            'Map to ' + named(payor) + score,
                            function () {
                                ask('map', [row], payor);
                            },
                            { class: 'slds-button', 'data-act': 'suggestion' }
                        )
                    );
                })
            );
        }

        function decidedFor(row) {
            const lines = [];
            if (row.claimPayor) {
                lines.push(make('div', {}, named(row.claimPayor) + (row.ignored ? ' (set aside: ignored)' : '')));
            }
            if (row.decidedAt) {
                const when = new Date(row.decidedAt).toLocaleString();
                const who = row.decidedBy ? row.decidedBy + ', ' : '';
                lines.push(make('div', { class: 'slds-text-color_weak' }, who + when));
            }
            if (row.waits) {
                lines.push(make('div', { class: 'slds-text-color_weak' }, 'Reaches its claims with the next sync'));
            }
            return lines;
        }

        function buttonsFor(row) {
            return row.acts.map(function (act) {
                return button(
                    ACTS[act].button,
                    function () {
                        ask(act, [row], null);
                    },
                    { 'aria-label': ACTS[act].button + ' ' + source(row), 'data-act': act }
                );
            });
        }

        /** What may be done with all selected payors at once: only what each of them allows. */
        function showTools() {
            const rows = chosenRows();
            parts.all.checked = rows.length > 0 && rows.length === state.page.rows.length;
            emptied(parts.tools).appendChild(
                make('span', { class: 'slds-m-right_small' }, plural(rows.length, 'payor') + ' selected')
            );
            if (!rows.length || rows.length > mostAtOnce) {
                return;
            }
            Object.keys(ACTS)
                .filter(function (act) {
                    return rows.every(function (row) {
                        return row.acts.indexOf(act) >= 0;
                    });
                })
                .forEach(function (act) {
                    parts.tools.appendChild(
                        button(
                            ACTS[act].many,
                            function () {
                                ask(act, rows, null);
                            },
                            { 'data-many': act }
                        )
                    );
                });
            const suggested = rows.filter(function (row) {
                return row.suggestions.length > 0;
            });
            if (suggested.length && suggested.length === rows.length) {
                parts.tools.appendChild(
                    button(
                        'Map each to its first suggestion',
                        function () {
                            ask('map', rows, 'first');
                        },
                        { 'data-many': 'suggestions' }
                    )
                );
            }
        }

        function showPaging() {
            const rows = state.page.rows;
            emptied(parts.paging);
            parts.paging.appendChild(
                button(
                    'Previous page',
                    function () {
                        state.cursors.pop();
                        load();
                    },
                    { disabled: !state.cursors.length, 'data-page': 'previous' }
                )
            );
            parts.paging.appendChild(
                make('span', { class: 'slds-m-horizontal_small' }, 'Page ' + (state.cursors.length + 1))
            );
            parts.paging.appendChild(
                button(
                    'Next page',
                    function () {
                        const last = rows[rows.length - 1];
                        state.cursors.push({ charged: last.charged, rowId: last.rowId });
                        load();
                    },
                    { disabled: !state.page.more, 'data-page': 'next' }
                )
            );
        }

        // Deciding: nothing is saved before the person has seen what it changes

        function decisionFor(act, row, payorId) {
            return {
                rowId: row.rowId,
                act: act,
                payorId: payorId,
                ignored: null,
                seenPayorId: row.claimPayor ? row.claimPayor.recordId : null,
                seenIgnored: row.ignored
            };
        }

        /** `payor`: a Claim Payor, null (to be chosen, where the act needs one) or 'first' (each row's suggestion). */
        function ask(act, rows, payor) {
            const asking = { act: act, rows: rows, payor: payor, asked: 0 };
            const preview = make('p', {
                class: 'slds-m-vertical_small',
                role: 'status',
                'aria-live': 'polite',
                'data-preview': ''
            });
            const problem = make('p', { class: 'slds-text-color_error', role: 'alert', 'data-problem': '' });
            const save = button('Save', saveAsked, { class: 'slds-button slds-button_brand', 'data-save': '' });
            const cancel = button('Cancel', closeDialog, { 'data-cancel': '' });
            const whom = rows.length === 1 ? source(rows[0]) : plural(rows.length, 'payor');
            emptied(parts.dialog);
            parts.dialog.appendChild(
                make('h2', { id: 'cpm-heading', class: 'slds-text-heading_medium' }, ACTS[act].heading + ': ' + whom)
            );
            if (act === 'map' && payor !== 'first') {
                parts.dialog.appendChild(chooser(rows, payor, pick, problem));
            }
            [preview, problem, make('div', {}, [save, cancel])].forEach(function (part) {
                parts.dialog.appendChild(part);
            });
            save.disabled = true;
            parts.dialog.showModal();
            if (act !== 'map' || payor) {
                showPreview();
            }

            function pick(picked) {
                asking.payor = picked;
                showPreview();
            }

            function decisions() {
                return rows.map(function (row) {
                    const target = asking.payor === 'first' ? row.suggestions[0] : asking.payor;
                    return decisionFor(act, row, act === 'map' ? target.recordId : null);
                });
            }

            function showPreview() {
                const asked = ++asking.asked;
                save.disabled = true;
                problem.textContent = '';
                preview.textContent = 'Counting claims ...';
                remote
                    .previewDecisions(decisions())
                    .then(function (found) {
                        if (asked === asking.asked) {
                            const about = (found.atLeast ? 'at least ' : '') + plural(found.claims, 'claim');
                            preview.textContent =
                                'The next sync changes ' + about + ', ' + dollars(found.charged) + ' charged.';
                            save.disabled = false;
                        }
                    })
                    .catch(function (error) {
                        if (asked === asking.asked) {
                            preview.textContent = '';
                            problem.textContent = error.message;
                        }
                    });
            }

            function saveAsked() {
                save.disabled = true;
                problem.textContent = '';
                remote
                    .decide(decisions())
                    .then(function (outcomes) {
                        closeDialog();
                        return finished(ACTS[act].done, rows, outcomes);
                    })
                    .catch(function (error) {
                        save.disabled = false;
                        problem.textContent = error.message;
                    });
            }
        }

        function closeDialog() {
            parts.dialog.close();
        }

        /** Search among the Claim Payors, and a new one made from the row. */
        function chooser(rows, first, pick, problem) {
            const term = make('input', { id: 'cpm-find', type: 'search', class: 'slds-input', maxlength: '100' });
            const choices = make(
                'fieldset',
                { class: 'cpm-choices' },
                make('legend', { class: 'slds-assistive-text' }, 'Claim Payors')
            );
            const offered = first ? [first] : rows.length === 1 ? rows[0].suggestions : [];
            let lastFound = 0;
            const find = make('form', { role: 'search' }, [
                make(
                    'label',
                    { for: 'cpm-find', class: 'slds-form-element__label' },
                    'Find a Claim Payor by name or id'
                ),
                term,
                make('button', { type: 'submit', class: 'slds-button slds-button_neutral' }, 'Find')
            ]);
            find.addEventListener('submit', function (event) {
                event.preventDefault();
                look();
            });
            if (offered.length) {
                show({ payors: offered, more: false }, first);
            } else {
                look();
            }
            return make('div', {}, [find, choices, creator()]);

            function look() {
                const asked = ++lastFound;
                remote
                    .findPayors(term.value)
                    .then(function (found) {
                        if (asked === lastFound) {
                            show(found, null);
                        }
                    })
                    .catch(function (error) {
                        problem.textContent = error.message;
                    });
            }

            function show(found, picked) {
                emptied(choices).appendChild(make('legend', { class: 'slds-assistive-text' }, 'Claim Payors'));
                found.payors.forEach(function (payor) {
                    const radio = make('input', { type: 'radio', name: 'cpm-choice', value: payor.recordId });
                    radio.checked = picked === payor;
                    radio.addEventListener('change', function () {
                        pick(payor);
                    });
                    choices.appendChild(make('div', {}, make('label', {}, [radio, ' ' + named(payor)])));
                });
                if (!found.payors.length) {
                    choices.appendChild(make('p', {}, 'No Claim Payor fits.'));
                }
                if (found.more) {
                    choices.appendChild(make('p', {}, 'There are more: search for a part of the name or id.'));
                }
            }

            function creator() {
                const name = make('input', { id: 'cpm-new-name', type: 'text', class: 'slds-input', maxlength: '80' });
                const id = make('input', { id: 'cpm-new-id', type: 'text', class: 'slds-input', maxlength: '50' });
                name.value = rows.length === 1 ? (rows[0].payorName || '').slice(0, 80) : '';
                id.value = rows.length === 1 ? rows[0].payorId || '' : '';
                const create = button(
                    'Create Claim Payor',
                    function () {
                        problem.textContent = '';
                        create.disabled = true;
                        remote
                            .createPayor(name.value, id.value)
                            .then(function (made) {
                                lastFound += 1;
                                show({ payors: [made], more: false }, made);
                                pick(made);
                            })
                            .catch(function (error) {
                                create.disabled = false;
                                problem.textContent = error.message;
                            });
                    },
                    { 'data-create': '' }
                );
                return make('details', {}, [
                    make('summary', {}, 'Or create a new Claim Payor'),
                    make('label', { for: 'cpm-new-name', class: 'slds-form-element__label' }, 'Name'),
                    name,
                    make('label', { for: 'cpm-new-id', class: 'slds-form-element__label' }, 'Payor id'),
                    id,
                    create
                ]);
            }
        }

        /** Says what became of the decisions, offers to undo those that were saved, and loads the list again. */
        function finished(done, rows, outcomes) {
            const saved = outcomes.filter(function (outcome) {
                return outcome.result === 'saved';
            });
            const refused = outcomes.filter(function (outcome) {
                return outcome.result === 'refused';
            });
            const unchanged = outcomes.length - saved.length - refused.length;
            const before = {};
            rows.forEach(function (row) {
                before[row.rowId] = row;
            });
            return load().then(function (isLoaded) {
                const words = [plural(saved.length, 'payor') + ' ' + done + '.'];
                if (unchanged) {
                    words.push(plural(unchanged, 'payor') + ' stood like that already.');
                }
                say(words.join(' '));
                tellRefused(refused, before);
                if (!isLoaded) {
                    parts.failed.appendChild(make('div', {}, 'The list could not be loaded again: load the page.'));
                }
                offerUndo(done, saved, before);
            });
        }

        function tellRefused(refused, before) {
            emptied(parts.failed);
            refused.forEach(function (outcome) {
                const row = before[outcome.rowId];
                parts.failed.appendChild(make('div', {}, (row ? source(row) + ': ' : '') + outcome.message));
            });
        }

        function offerUndo(done, saved, before) {
            emptied(parts.undo);
            if (!saved.length) {
                return;
            }
            const undo = button(
                'Undo: ' + plural(saved.length, 'payor') + ' ' + done,
                function () {
                    undo.disabled = true;
                    const decisions = saved.map(function (outcome) {
                        const row = before[outcome.rowId];
                        const decision = decisionFor(
                            'restore',
                            outcome.row,
                            row.claimPayor ? row.claimPayor.recordId : null
                        );
                        decision.ignored = row.ignored;
                        return decision;
                    });
                    remote
                        .decide(decisions)
                        .then(function (outcomes) {
                            const rows = saved.map(function (outcome) {
                                return outcome.row;
                            });
                            return finished('put back', rows, outcomes);
                        })
                        .catch(function (error) {
                            undo.disabled = false;
                            fail(error);
                        });
                },
                { 'data-undo': '' }
            );
            parts.undo.appendChild(undo);
            undo.focus();
        }

        return load();
    }

    return { start: start, remoting: remoting };
})();
