// The bar on top, and what happens when something is chosen.

let view = 'matrix';
const listFailed = () => { reset(); filter.verdicts[FAIL] = true; choose('list'); };
const views = topologies.map((t) => {
  const place = document.getElementById(t.id + '-cells');
  const grids = t.rows.filter((r) => r.axes.length || r.shows).map((r) => new GridsView(t, r));
  const v = {t, grids, matrix: new MatrixView(t, (r, host, verdict) => openRow(v, r, host, verdict)), list: null};
  v.attention = attention([t], topologies.length > 1 ? [SKIP] : [FAIL, SKIP, ERROR], listFailed);
  v.none = el('p', {class: 'note', hidden: true}, t.count ? 'No cell that the filter shows.' : 'No experiment to run.');
  v.matrixPart = el('div', {}, el('h3', {}, 'Matrix'), v.matrix.box, t.changed.size > 0 && el('p', {class: 'note'}, '* ' + CHANGED), grids.length > 0 && el('h3', {}, 'Answers'), grids.map((g) => g.element));
  v.listPart = el('div', {hidden: true}, el('h3', {}, 'Cells'));
  if (v.attention) document.getElementById(t.id + '-attention').append(v.attention);
  place.append(...[v.none, v.matrixPart, v.listPart].filter(Boolean));
  return v;
});

// What is red of several topologies comes before them.
const red = topologies.length > 1 && attention(topologies, [FAIL, ERROR], listFailed);
if (red) document.getElementById('attention').append(red);

// openRow shows the cells of an experiment: its grids, else a list.
function openRow(v, r, host, verdict) {
  const g = v.grids.find((x) => x.r === r);
  if (g && verdict === undefined) { g.open(); return; }
  filter.experiment = {topology: v.t, row: r};
  if (host) filter.host = host;
  if (verdict !== undefined) filter.verdicts = filter.verdicts.map((_, i) => i === verdict);
  choose('list');
}

const bar = document.getElementById('bar');
const total = topologies.reduce((n, t) => n + t.count, 0);
const sums = [0, 0, 0, 0];
for (const t of topologies) for (let c = 0; c < t.count; c++) sums[t.verdict[c]]++;
const search = el('input', {type: 'search', id: 'search', placeholder: 'bind, EADDRINUSE, first=x …', 'aria-label': 'Text in the cells', spellcheck: 'false', autocomplete: 'off'});
const toggles = VERDICTS.map((v, i) => button(sign(i, WORDS[i] + ' ' + number(sums[i])), {class: 'toggle ' + v, 'aria-pressed': 'false', title: 'Show only these', hidden: sums[i] === 0,
  onclick: () => { filter.verdicts[i] = !filter.verdicts[i]; apply(); }}));
const hosts = [...new Set(topologies.flatMap((t) => t.hosts))];
const host = el('select', {'aria-label': 'Host', onchange: () => { filter.host = host.value; apply(); }},
  el('option', {value: ''}, 'all hosts'), hosts.map((h) => el('option', {value: h}, h)));
const axes = axisChoice();
const chips = el('div', {class: 'chips'});
const count = el('output', {class: 'found', 'aria-live': 'polite'});
const modes = ['matrix', 'list'].map((m) => button(m === 'matrix' ? 'Matrix' : 'List', {class: 'mode', 'aria-pressed': String(m === 'matrix'), onclick: () => choose(m)}));

// axisChoice offers the values of all axes.
function axisChoice() {
  const all = new Map();
  for (const t of topologies) {
    for (const r of t.rows) {
      for (const a of r.axes) {
        if (!all.has(a.name)) all.set(a.name, new Set());
        for (const v of a.values) if (all.get(a.name).size < 500) all.get(a.name).add(v);
      }
    }
  }
  const select = el('select', {'aria-label': 'Value of an axis', hidden: all.size === 0, onchange: () => {
    const o = select.selectedOptions[0];
    if (o.dataset.axis !== undefined && !filter.values.some((x) => x.axis === o.dataset.axis && x.value === o.value)) {
      filter.values.push({axis: o.dataset.axis, value: o.value});
    }
    select.selectedIndex = 0;
    apply();
  }}, el('option', {value: ''}, 'axis value …'),
  [...all].map(([axis, values]) => el('optgroup', {label: axis}, [...values].map((v) => el('option', {value: v, 'data-axis': axis}, v || '(empty)')))));
  return select;
}

let typing = 0;
search.addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => { filter.text = search.value; apply(true); }, 120);
});
document.addEventListener('keydown', (e) => {
  if (e.key !== '/' || e.ctrlKey || e.metaKey || e.altKey || dialog.open || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) return;
  e.preventDefault();
  search.focus();
});

bar.append(el('div', {class: 'controls'}, search, el('div', {class: 'group', role: 'group', 'aria-label': 'Show only'}, toggles.filter((b) => !b.hidden)), host, axes,
  el('div', {class: 'group', role: 'group', 'aria-label': 'View'}, modes), count, chips));
bar.hidden = total === 0;
host.hidden = hosts.length < 2;

function reset() {
  Object.assign(filter, {verdicts: [false, false, false, false], host: '', values: [], text: '', experiment: null});
  search.value = '';
}

function choose(mode) {
  view = mode;
  apply();
}

// apply shows what was chosen, and writes it into the address.
function apply(typed) {
  show();
  remember(typed);
}

// show shows the cells that the filter lets through.
function show() {
  const shown = applyFilter();
  document.body.classList.toggle('filtering', filter.on || view === 'list');
  toggles.forEach((b, i) => b.setAttribute('aria-pressed', String(filter.verdicts[i])));
  modes.forEach((b, i) => b.setAttribute('aria-pressed', String((view === 'list') === (i === 1))));
  host.value = filter.host;
  const drop = (text, change) => button([text, el('span', {'aria-hidden': 'true'}, ' ×')], {class: 'chip', 'aria-label': 'Drop ' + text, onclick: () => { change(); apply(); }});
  chips.replaceChildren(...[
    filter.experiment && drop(filter.experiment.row.name, () => { filter.experiment = null; }),
    ...filter.values.map((x) => drop(x.axis + '=' + x.value, () => { filter.values.splice(filter.values.indexOf(x), 1); })),
    filter.on && button('Show all', {class: 'quiet', onclick: () => { reset(); apply(); }})].filter(Boolean));
  count.value = filter.on ? number(shown) + ' of ' + number(total) + ' cells' : number(total) + (total === 1 ? ' cell' : ' cells');
  for (const v of views) update(v);
  performance.mark('labrun-shown');
}

function update(v) {
  const list = view === 'list';
  v.matrixPart.hidden = list;
  v.listPart.hidden = !list;
  if (list && !v.list) {
    v.list = new ListView(v.t);
    v.listPart.append(v.list.box);
  }
  const lines = list ? v.list.update() : v.matrix.update();
  if (!list) for (const g of v.grids) g.update();
  v.none.hidden = lines > 0;
  document.getElementById(v.t.id).hidden = filter.on && lines === 0;
  if (!lines) { v.matrixPart.hidden = true; v.listPart.hidden = true; }
}

// Claims name experiments.
document.addEventListener('click', (e) => {
  const b = e.target.closest('button[data-experiment]');
  if (!b) return;
  const v = views.find((x) => x.t.id === b.dataset.topology), r = v.t.rows.find((x) => x.name === b.dataset.experiment);
  if (!r) return;
  reset();
  filter.experiment = {topology: v.t, row: r};
  choose('matrix');
  v.matrixPart.scrollIntoView({block: 'start'});
});

// The theme is the system's until the reader chooses; a browser that keeps nothing
// for a file forgets it.
const theme = document.getElementById('theme');
const dark = matchMedia('(prefers-color-scheme: dark)');
const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? 'dark' : 'light')) === 'dark';
const nameTheme = () => { theme.textContent = isDark() ? 'Light' : 'Dark'; };
theme.addEventListener('click', () => { document.documentElement.dataset.theme = isDark() ? 'light' : 'dark'; nameTheme(); });
dark.addEventListener('change', nameTheme);
theme.hidden = false;
document.getElementById('keys').hidden = false;
nameTheme();

// On paper everything that matters is open.
const MOST_PAPER = 2000; // cells of the grids of an experiment
addEventListener('beforeprint', () => {
  for (const d of document.querySelectorAll('details.run, details.sysctls, details.hosts, details.alike')) d.open = true;
  for (const v of views) for (const g of v.grids) if (g.cells <= MOST_PAPER) { g.element.open = true; g.make(); }
});

// Grids that are red are open, and of the others those that are small, when there are few.
const MOST_RED = 50000; // cells of a grid that opens by itself
for (const v of views) {
  let room = 1200;
  const open = (g) => { g.element.open = true; g.make(); };
  for (const g of v.grids) if (g.red && g.cells <= MOST_RED) { open(g); room -= g.cells; }
  for (const g of v.grids) if (!g.red && (room -= g.cells) >= 0) open(g);
}

// follow shows what the address says.
function follow() {
  const {cell, ...a} = readAddress(), before = addressOf(null);
  ({view, slowFirst} = a);
  for (const key of ['verdicts', 'host', 'values', 'text', 'experiment']) filter[key] = a[key];
  if (search.value.trim() !== filter.text) search.value = filter.text;
  if (addressOf(null) !== before) show();
  if (cell) openCell(cell.t, cell.cell, null);
  else if (dialog.open) dialog.close();
  const id = location.hash.slice(1);
  if (/^t\d+-/.test(id)) showLine(id);
  else if (/^t\d+$/.test(id)) document.getElementById(id)?.scrollIntoView();
}
addEventListener('popstate', follow);
show();
follow();
performance.measure('labrun-ready', 'labrun-script');
document.documentElement.dataset.ready = 'yes';
