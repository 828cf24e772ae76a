// The page's script: shows rows, asks for decisions, says what came of them. Texts of the org are written as text alone.
"use strict";

const at = (id) => document.getElementById(id);
const state = { status: "", term: "", next: null, rows: new Map(), chosen: new Set(), counts: {}, facts: {}, undo: [], asked: 0 };

async function ask(method, given = {}) {
  const answer = await fetch(`/sandbox/payor-mapping/${method}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given),
  });
  const told = answer.ok ? await answer.json() : null;
  if (!told) throw new Error("The sandbox did not answer. Load the page again.");
  if (told.refused) throw Object.assign(new Error(told.words), { code: told.refused });
  return told.answer;
}

function make(tag, properties = {}, ...children) {
  const { data, aria, ...own } = properties;
  const made = Object.assign(document.createElement(tag), own);
  Object.assign(made.dataset, data ?? {});
  for (const [name, value] of Object.entries(aria ?? {})) made.setAttribute(`aria-${name}`, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const whole = (count) => count.toLocaleString("en-US");
function dollars(text) {
  const [units, cents] = text.replace("-", "").split(".");
  return `${text.startsWith("-") ? "-" : ""}$${units.replace(/\B(?=(\d{3})+$)/g, ",")}.${cents}`;
}
const counted = (count, one, many) => `${whole(count)} ${count === 1 ? one : many}`;
const nameOf = (row) => row.payorName ?? row.payorId ?? row.payorKey;

// -- what is shown

async function load({ quietly = false } = {}) {
  const asked = ++state.asked;
  at("list").setAttribute("aria-busy", "true");
  try {
    const [page, counts] = await Promise.all([ask("list", { status: state.status, term: state.term }), ask("counts")]);
    if (asked !== state.asked) return;
    Object.assign(state, { counts, next: page.next, rows: new Map(page.rows.map((row) => [row.id, row])), chosen: new Set() });
    show();
    if (!quietly) hear(`${at("caption").textContent}`);
  } catch (error) { fail(error); }
  at("list").setAttribute("aria-busy", "false");
}

async function more() {
  try {
    const page = await ask("list", { status: state.status, term: state.term, after: state.next });
    const first = page.rows[0]?.id;
    state.next = page.next;
    for (const row of page.rows) state.rows.set(row.id, row);
    show();
    if (first) document.querySelector(`tr[data-id="${first}"] input`)?.focus();
    hear(`${counted(page.rows.length, "more payor", "more payors")} shown.`);
  } catch (error) { fail(error); }
}

function show() {
  showTabs();
  const rows = [...state.rows.values()];
  at("rows").replaceChildren(...rows.map(rowOf));
  at("more").hidden = !state.next;
  const totals = state.counts[state.status];
  const narrowed = state.term.trim() ? ` that match “${state.term.trim()}”` : "";
  at("caption").textContent = narrowed
    ? `${state.next ? "The first " : ""}${counted(rows.length, "payor", "payors")}${narrowed}, most dollars first`
    : `${counted(totals.payors, "payor", "payors")}; ${counted(totals.claims, "claim has", "claims have")} no payor in Salesforce, ` +
      `${dollars(totals.charged)} charged. Most dollars first.`;
  at("empty").hidden = rows.length > 0;
  at("empty").textContent = narrowed ? `No payor here${narrowed}.` :
    state.status === "Unmapped" ? "Every payor is decided on. Nothing is left to map." : "No payor has this status.";
  showChosen();
}

function showTabs() {
  at("statuses").replaceChildren(...Object.entries(state.counts).map(([status, totals]) => make("button", {
    type: "button", className: "tab", data: { status }, aria: { pressed: String(status === state.status) },
    onclick: () => { if (status !== state.status) { state.status = status; load().then(() => at("statuses").querySelector(`[data-status="${status}"]`).focus()); } },
  }, make("b", { textContent: whole(totals.payors) }), make("span", { textContent: status }))));
}

function rowOf(row) {
  const name = nameOf(row);
  const tick = make("input", { type: "checkbox", checked: state.chosen.has(row.id), aria: { label: `Choose ${name}` }, onchange: () => choose(row.id, tick.checked) });
  return make("tr", { className: state.chosen.has(row.id) ? "is-chosen" : "", data: { id: row.id, key: row.payorKey } },
    make("td", { className: "tick" }, tick),
    make("td", {}, make("div", { className: "name", textContent: name }), row.payorId && row.payorName ? make("div", { className: "small", textContent: `Id ${row.payorId}` }) : null),
    make("td", { className: "number", textContent: whole(row.claims) }),
    make("td", { className: "number", textContent: dollars(row.charged) }),
    make("td", {}, ...standing(row)),
    make("td", { className: "acts" }, ...buttonsOf(row)));
}

function standing(row) {
  const shown = [];
  const payor = row.claimPayor ? row.claimPayorName : row.automaticMatchName;
  if (row.status === "Ignored") shown.push(make("div", { textContent: "Left without a payor" }));
  else if (payor) shown.push(make("div", { textContent: payor }));
  if (row.status === "Automatic") shown.push(make("div", { className: "small", textContent: ruleWords(row.rule) }));
  if (row.waits) shown.push(make("div", { className: "small waits", textContent: "Claims follow at the next sync" }));
  else if (payor && row.status !== "Ignored") shown.push(make("div", { className: "small linked", textContent: "Claims are linked" }));
  if (row.decidedBy && (row.claimPayor || row.ignored)) shown.push(make("div", { className: "small", textContent: `By ${row.decidedBy}, ${row.decidedAt.slice(0, 16).replace("T", " ")} UTC` }));
  if (row.status === "Unmapped") {
    const chips = row.offers.map((offer) => make("button", {
      type: "button", className: "chip", aria: { label: `Map ${nameOf(row)} to ${offer.name}, ${offer.score} % alike` },
      onclick: () => openDialog([row.id], offer.id),
    }, `${offer.name} `, make("small", { textContent: `${offer.score} %` })));
    if (row.rule === "AMBIGUOUS") shown.push(make("div", { className: "small waits", textContent: ruleWords(row.rule) }));
    shown.push(chips.length ? make("div", { className: "chips" }, ...chips) : make("div", { className: "small", textContent: "No payor of a like name" }));
  }
  return shown;
}

const ruleWords = (rule) => state.facts.rules[rule] ?? rule ?? "";

function buttonsOf(row) {
  const labels = { map: row.status === "Unmapped" || row.status === "Ignored" ? "Map…" : "Change…", takeBack: "Take back", ignore: "Ignore", unignore: "Stop ignoring" };
  return row.acts.map((act) => make("button", {
    type: "button", className: act === "map" && row.status === "Unmapped" ? "row-main" : "", textContent: labels[act], data: { act },
    aria: { label: `${labels[act].replace("…", "")} ${nameOf(row)}` },
    onclick: () => (act === "map" ? openDialog([row.id]) : openDialog([row.id], null, act)),
  }));
}

function choose(id, on) {
  if (on) state.chosen.add(id); else state.chosen.delete(id);
  document.querySelector(`tr[data-id="${id}"]`)?.classList.toggle("is-chosen", on);
  showChosen();
}

function showChosen() {
  const rows = [...state.chosen].map((id) => state.rows.get(id));
  const all = (act) => rows.length > 0 && rows.every((row) => row.acts.includes(act));
  at("chosen").textContent = rows.length ? `${counted(rows.length, "payor is", "payors are")} chosen.` : "No payor is chosen.";
  at("bulk-map").disabled = !all("map");
  at("bulk-ignore").disabled = !all("ignore");
  at("bulk-unignore").disabled = !all("unignore");
  at("all").checked = rows.length > 0 && rows.length === state.rows.size;
  at("all").indeterminate = rows.length > 0 && rows.length < state.rows.size;
}

// -- deciding

const titles = { map: "Map", takeBack: "Take the mapping back of", ignore: "Ignore", unignore: "Stop ignoring" };
const asking = { ids: [], act: "map", payor: null, from: null, turn: 0 };

function openDialog(ids, payor = null, act = "map") {
  const rows = ids.map((id) => state.rows.get(id));
  Object.assign(asking, { ids, act, payor, from: { id: ids[0], act, bulk: ids.length > 1 } });
  const what = ids.length === 1 ? nameOf(rows[0]) : counted(ids.length, "payor", "payors");
  at("dialog-title").textContent = `${titles[act]} ${what}`;
  at("dialog-about").textContent = act === "ignore" ? "Its claims keep the payor that they have, and it is no longer listed as unmapped."
    : act === "takeBack" ? "Claims that were linked by this mapping lose that payor, or go to the automatic match."
    : act === "unignore" ? "It is listed again, and what stood before it was ignored applies." : "The choice holds for every claim with this payor, old and new.";
  at("save").textContent = act === "map" ? "Map" : act === "ignore" ? "Ignore" : act === "takeBack" ? "Take back" : "Stop ignoring";
  for (const id of ["pick", "new"]) at(id).hidden = act !== "map";
  at("payor-term").value = "";
  at("new").open = false;
  at("new-name").value = rows[0].payorName ?? "";
  at("new-id").value = rows[0].payorId ?? "";
  at("new-name").maxLength = state.facts.longestName;
  at("new-id").maxLength = state.facts.longestPayorId;
  at("problem").textContent = "";
  at("dialog").showModal();
  if (act === "map") { offer(""); at("payor-term").focus(); } else { preview(); at("save").focus(); }
}

async function offer(term) {
  const turn = ++asking.turn;
  try {
    const found = await ask("payors", { term });
    if (turn !== asking.turn) return;
    const rows = asking.ids.map((id) => state.rows.get(id));
    const suggested = term.trim() || rows.length > 1 ? [] : rows[0].offers;
    const near = new Map(suggested.map((each) => [each.id, each]));
    const list = [...suggested.map((each) => ({ ...each, note: `${each.score} % alike` })),
      ...found.filter((each) => !near.has(each.id)).map((each) => ({ ...each, note: each.payorId ? `Id ${each.payorId}` : "" }))];
    at("offers").replaceChildren(...(list.length ? list.map(offered) : [make("p", { textContent: "No Claim Payor is found. Create one below." })]));
    pick(list.some((each) => each.id === asking.payor) ? asking.payor : null);
  } catch (error) { problem(error); }
}

function offered(each) {
  const input = make("input", { type: "radio", name: "payor", value: each.id, checked: each.id === asking.payor, onchange: () => pick(each.id) });
  return make("label", {}, input, make("span", { textContent: each.name }), make("span", { className: "small", textContent: each.note }));
}

function pick(payor) {
  asking.payor = payor;
  preview();
}

async function preview() {
  const needsPayor = asking.act === "map" && !asking.payor;
  at("save").disabled = needsPayor;
  at("preview").textContent = "";
  if (needsPayor) return;
  const { ids, act, payor } = asking;
  try {
    const told = await ask("preview", { ids, act, payor });
    if (act !== asking.act || payor !== asking.payor) return;
    at("preview").textContent = told.claims
      ? `The next sync changes ${counted(told.claims, "claim", "claims")}, ${dollars(told.charged)} charged.` : "The next sync changes no claim that stands now.";
  } catch (error) { problem(error); }
}

async function create() {
  at("problem").textContent = "";
  try {
    const made = await ask("create", { payorName: at("new-name").value, payorId: at("new-id").value });
    asking.payor = made.id;
    at("new").open = false;
    at("payor-term").value = made.name;
    await offer(made.name);
    document.querySelector("#offers input:checked")?.focus();
  } catch (error) { problem(error); }
}

async function save(event) {
  event.preventDefault();
  if (at("save").disabled) return;
  const { ids, act, payor } = asking;
  at("save").disabled = true;
  try {
    const done = await decide(ids.map((id) => ({ id, act, payor, seen: seenOf(state.rows.get(id)) })));
    at("dialog").close();
    await say(act, ids, done);
  } catch (error) { problem(error); at("save").disabled = false; }
}

const seenOf = (row) => ({ claimPayor: row.claimPayor, ignored: row.ignored });

async function decide(decisions) {
  const answers = [];
  for (let first = 0; first < decisions.length; first += state.facts.mostAtOnce)
    answers.push(...(await ask("decide", { decisions: decisions.slice(first, first + state.facts.mostAtOnce) })));
  return answers;
}

async function say(act, ids, answers) {
  const saved = answers.filter((each) => each.outcome === "saved");
  const refused = answers.filter((each) => each.outcome === "refused");
  const one = ids.length === 1 ? nameOf(state.rows.get(ids[0])) : counted(saved.length, "payor", "payors");
  const to = saved[0]?.row?.claimPayorName;
  const words = { map: `${one}: mapped to ${to}.`, takeBack: `${one}: the mapping is taken back.`, ignore: `${one}: ignored.`, unignore: `${one}: no longer ignored.`, restore: "Undone." };
  const why = [...new Set(refused.map((each) => state.facts.words[each.code]))].join(" ");
  state.undo = act === "restore" ? [] : saved.map((each) => ({ id: each.id, act: "restore", payor: each.before.claimPayor, ignored: each.before.ignored, seen: seenOf(each.row) }));
  await load({ quietly: true });
  tell([saved.length ? words[act] : "", saved.length && act !== "ignore" && act !== "restore" ? "Its claims follow at the next sync." : "", refused.length ? `${counted(refused.length, "payor was", "payors were")} not saved. ${why}` : "",
    !saved.length && !refused.length ? "Nothing changed." : ""].filter(Boolean).join(" "));
  (document.querySelector(`tr[data-id="${ids[0]}"] button`) ?? document.querySelector("#rows button") ?? at("list")).focus();
}

async function undo() {
  const decisions = state.undo;
  state.undo = [];
  try { await say("restore", decisions.map((each) => each.id), await decide(decisions)); } catch (error) { fail(error); }
}

// -- what is said

function tell(words) {
  at("message").hidden = false;
  at("said").textContent = words;
  at("undo").hidden = state.undo.length === 0;
}
function hear(words) { at("said").textContent = words; }
function fail(error) { at("alert").textContent = error.message; tell(error.message); }
function problem(error) { at("problem").textContent = error.message; }

async function begin() {
  try {
    state.facts = await ask("begin");
    state.status = state.facts.statuses[0];
    at("person").textContent = state.facts.person;
    await load({ quietly: true });
  } catch (error) { fail(error); }
}

at("search").addEventListener("submit", (event) => { event.preventDefault(); state.term = at("term").value; load(); });
at("term").addEventListener("search", () => { if (!at("term").value && state.term) { state.term = ""; load(); } });
at("all").addEventListener("change", () => {
  state.chosen = new Set(at("all").checked ? state.rows.keys() : []);
  show();
});
at("more").addEventListener("click", more);
at("bulk-map").addEventListener("click", () => openDialog([...state.chosen]));
at("bulk-ignore").addEventListener("click", () => openDialog([...state.chosen], null, "ignore"));
at("bulk-unignore").addEventListener("click", () => openDialog([...state.chosen], null, "unignore"));
at("payor-term").addEventListener("input", () => offer(at("payor-term").value));
at("payor-term").addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); document.querySelector("#offers input")?.focus(); } });
at("create").addEventListener("click", create);
at("cancel").addEventListener("click", () => at("dialog").close());
at("choice").addEventListener("submit", save);
at("undo").addEventListener("click", undo);
at("dismiss").addEventListener("click", () => { at("message").hidden = true; });
begin();
