// The answers of an experiment with axes, as heat maps: one for all hosts that
// answered alike. A tile has the answer's colour and its letters; one that did not
// pass has a sign, too.

const MOST_ACROSS = 40; // columns of a grid
const MOST_GRIDS = 16; // of one experiment
const MOST_WORDS = 8; // columns of a grid that has room for values, which letters do not tell apart

// isValue says whether an answer has a part that is a value.
const isValue = (text) => !text.startsWith('line ') && text.split('/').some((p) => !/^(ok|skip|ERROR|-|E[A-Z0-9]+|blocked.*)$/.test(p));

// outcomes sorts the blocks of a row by what they answered.
function outcomes(t, r) {
  const all = [];
  const same = (a, b) => {
    if (a.to - a.from !== b.to - b.from) return false;
    for (let i = a.from, j = b.from; i < a.to; i++, j++) {
      if (t.combo[i] !== t.combo[j] || t.verdict[i] !== t.verdict[j]) return false;
      if (t.answer[i] !== t.answer[j] && t.answers(i).words !== t.answers(j).words) return false;
    }
    return true;
  };
  // older kernels first
  const blocks = t.kernels ? [...r.blocks].sort((a, b) => t.on[a.host] - t.on[b.host] || a.host - b.host) : r.blocks;
  for (const b of blocks) {
    const o = all.find((x) => same(x.block, b));
    if (o) o.blocks.push(b);
    else all.push({block: b, blocks: [b]});
  }
  return all;
}

// Letters of errnos; others get the first one of their own that is free.
const LETTERS = {ok: 'ok', EADDRINUSE: 'U', EADDRNOTAVAIL: 'N', EACCES: 'A', ECONNREFUSED: 'R', EINVAL: 'I', ETIMEDOUT: 'T', blocked: 'b', skip: '–', ERROR: '!', '-': '-'};

// Key is the legend of a grid: letters and a colour for every answer.
class Key {
  constructor() {
    this.letters = new Map(); // of parts of answers
    this.used = new Set(Object.values(LETTERS));
    this.answers = new Map(); // whole ones: {text, code, colour, count}
  }

  letter(part) {
    if (LETTERS[part]) return LETTERS[part];
    if (part.startsWith('blocked (')) return LETTERS.blocked;
    if (/^"?.{0,3}"?$/.test(part)) return part.replaceAll('"', '') || '""'; // a value, as it is
    let l = this.letters.get(part);
    if (!l) {
      const free = [...part.replace(/^E(?=[A-Z])/, '')].map((c) => (/[A-Za-z]/.test(c) ? c.toUpperCase() : '')).filter((c) => c && !this.used.has(c));
      l = part.length <= 2 ? part : free[0] || String(this.letters.size + 1);
      this.used.add(l);
      this.letters.set(part, l);
    }
    return l;
  }

  of(text) {
    let a = this.answers.get(text);
    if (!a) {
      const code = text.startsWith('line ') ? '@' : text.split('/').map((p) => this.letter(p)).join('/');
      const colour = text === 'ok' ? 'ok' : text === 'skip' || text === 'ERROR' ? text.toLowerCase() : 'c' + this.colours() % 7;
      a = {text, code, colour, count: 0};
      this.answers.set(text, a);
    }
    return a;
  }

  colours() { return [...this.answers.values()].filter((a) => a.colour.startsWith('c')).length; }
}

class Grid {
  constructor(t, r, outcome) {
    Object.assign(this, {t, r, outcome, key: new Key(), full: false});
    this.at = new Int32Array(r.radix.reduce((a, b) => a * b, 1)).fill(-1); // cells by combination
    this.tile = new Array(this.at.length);
    for (let c = outcome.block.from; c < outcome.block.to; c++) {
      this.at[t.combo[c]] = c;
      const a = t.answers(c), k = this.key.of(a.words);
      k.count++;
      this.tile[t.combo[c]] = a.want ? {...k, want: a.want} : k;
    }
    this.across = this.bestAcross();
    if (this.across < 0 || (r.radix[this.across] <= MOST_WORDS && [...this.key.answers.keys()].some(isValue))) this.full = true;
    this.element = el('div', {class: 'grid'});
    this.draw();
  }

  // bestAcross is the last of several axes, unless it is too wide; -1 when none goes across.
  bestAcross() {
    const {radix} = this.r;
    if (radix.length === 1) return -1;
    for (let a = radix.length - 1; a >= 0; a--) if (radix[a] <= MOST_ACROSS) return a;
    return -1;
  }

  draw() {
    const {r, across} = this;
    this.down = r.radix.map((_, i) => i).filter((i) => i !== across);
    const values = across < 0 ? ['answer'] : r.axes[across].values;
    const steep = values.length > 5 && values.some((v) => v.length > 4) && !this.full;
    this.body = el('tbody', {});
    const downHeads = this.down.length ? this.down.map((i) => el('th', {scope: 'col', class: 'axis'}, r.axes[i].name)) : [el('th', {scope: 'col', class: 'axis'}, '')];
    this.table = el('table', {class: 'heat' + (this.full ? ' full' : '')},
      el('caption', {class: 'hidden'}, r.name),
      el('thead', {},
        across >= 0 && el('tr', {class: 'over'}, el('td', {colspan: downHeads.length}), el('th', {scope: 'colgroup', colspan: values.length}, r.axes[across].name)),
        el('tr', {}, downHeads, values.map((v) => el('th', {scope: 'col', class: steep ? 'steep' : ''}, el('span', {}, v))))),
      this.body);
    this.box = el('div', {class: 'scroll tall'}, this.table);
    arrows(this.table);
    this.rows = new VirtualRows(this.box, this.body, downHeads.length + values.length, 32);
    this.element.replaceChildren(this.head(), this.legend(), this.box);
    this.update();
    if (this.element.isConnected) this.showRed(); // else it has no size yet
  }

  // showRed scrolls the grid to the first cell that did not pass.
  showRed() {
    const {r, across, t} = this, wrong = (combo) => this.at[combo] >= 0 && (t.verdict[this.at[combo]] === FAIL || t.verdict[this.at[combo]] === ERROR);
    const columns = across < 0 ? [0] : r.axes[across].values.map((_, c) => c * r.weight[across]);
    const line = this.lines.findIndex((base) => columns.some((c) => wrong(base + c)));
    if (line < 0) return;
    this.rows.show(line);
    const td = this.body.querySelector('.wrong')?.closest('td'), {clientWidth} = this.box;
    if (td && td.offsetLeft + td.offsetWidth > clientWidth) this.box.scrollLeft = td.offsetLeft - clientWidth / 2;
  }

  head() {
    const {t, r, outcome} = this;
    const head = el('div', {class: 'grid-head'}, el('span', {}, 'on ', el('b', {}, hostsOf(t, outcome))));
    if (r.axes.length > 1) {
      const pick = el('select', {onchange: () => { this.across = Number(pick.value); this.draw(); }},
        r.axes.map((a, i) => (r.radix[i] <= 4 * MOST_ACROSS ? el('option', {value: i, selected: i === this.across}, a.name) : null)));
      head.append(el('label', {class: 'control'}, 'across ', pick));
    }
    head.append(button(this.full ? 'Letters' : 'Words', {class: 'quiet control', onclick: () => { this.full = !this.full; this.draw(); }}));
    return head;
  }

  legend() {
    const {r} = this, list = [...this.key.answers.values()];
    const calls = r.slots.filter((s) => s.shown).map((s) => [...new Set([...new Set(s.on)].flatMap((variants) => [...variants]).filter((v) => v >= 0)
      .flatMap((v) => data.variants[v].filter((x) => data.steps[STEP * x + 4]).map((x) => word(data.steps[STEP * x + 7]))))].sort().join(' or '));
    const box = el('ul', {class: 'legend', 'aria-label': 'Legend'},
      list.slice(0, 14).map((a) => el('li', {}, el('span', {class: 'tile ' + a.colour, 'aria-hidden': 'true'}, a.code), ' ' + a.text, el('span', {class: 'note'}, ' ' + number(a.count)))),
      list.length > 14 && el('li', {}, 'and ' + (list.length - 14) + ' more answers'),
      list.some((a) => a.text.includes('-') && a.text.split('/').includes('-')) && el('li', {}, el('span', {class: 'tile', 'aria-hidden': 'true'}, '-'), ' not called'),
      this.at.includes(-1) && el('li', {}, el('span', {class: 'tile left-out', 'aria-hidden': 'true'}, '·'), ' left out by the file'),
      el('li', {}, el('span', {class: 'tile wrong', 'aria-hidden': 'true'}, '✗'), ' not as wanted'));
    return el('div', {}, calls.length > 1 && el('p', {class: 'note'}, 'Answers of ' + calls.join(' / ')), box);
  }

  // update draws the rows that have a cell which the filter shows in one of the hosts.
  update() {
    const {t, r, across, down, at} = this;
    const columns = across < 0 ? 1 : r.radix[across];
    const shown = (combo) => at[combo] >= 0 && this.cellShown(at[combo]) >= 0;
    this.shown = shown;
    const lines = [];
    const total = down.reduce((n, a) => n * r.radix[a], 1);
    for (let i = 0; i < total; i++) {
      let base = 0;
      for (let d = down.length - 1, rest = i; d >= 0; d--) {
        base += (rest % r.radix[down[d]]) * r.weight[down[d]];
        rest = Math.floor(rest / r.radix[down[d]]);
      }
      for (let c = 0; c < columns; c++) if (shown(base + (across < 0 ? 0 : c * r.weight[across]))) { lines.push(base); break; }
    }
    this.lines = lines;
    this.rows.fill(lines.length, (i) => this.line(lines[i], i > 0 && this.rows.whole ? lines[i - 1] : -1, columns));
    oneStop(this.table);
    return lines.length;
  }

  // cellShown returns the first of the cells alike that the filter shows, or -1.
  cellShown(cell) {
    const offset = cell - this.outcome.block.from;
    for (const b of this.outcome.blocks) if (this.t.shown[b.from + offset]) return b.from + offset;
    return -1;
  }

  line(base, above, columns) {
    const {r, down, across} = this, row = el('tr', {});
    let same = above >= 0;
    if (!down.length) row.append(el('th', {scope: 'row'}, ''));
    down.forEach((a) => {
      const v = valueOf(r, base, a);
      same = same && v === valueOf(r, above, a);
      row.append(el('th', {scope: 'row', class: same ? 'same' : ''}, el('span', {class: same ? 'hidden' : ''}, r.axes[a].values[v])));
    });
    for (let c = 0; c < columns; c++) row.append(this.place(base + (across < 0 ? 0 : c * r.weight[across])));
    return row;
  }

  place(combo) {
    const cell = this.at[combo];
    if (cell < 0) return el('td', {class: 'left-out'}, el('span', {'aria-label': 'left out'}, '·'));
    const a = this.tile[combo], v = this.t.verdict[cell], shown = this.cellShown(cell);
    const wrong = v === FAIL || v === ERROR;
    const words = a.text + (a.want ? ', want ' + a.want : '');
    const text = this.full ? a.text : a.code;
    return el('td', {}, button([wrong && el('span', {class: 'mark', 'aria-hidden': 'true'}, SIGNS[v]), text, this.full && a.want && el('small', {}, ' want ' + a.want)].filter(Boolean), {
      class: 'tile ' + a.colour + (wrong ? ' wrong' : '') + (shown < 0 ? ' dim' : ''), tabindex: '-1', title: words, 'data-key': combo,
      'aria-label': words + ', ' + WORDS[v], onclick: () => openCell(this.t, shown < 0 ? cell : shown)}));
  }
}

// kernelRange names some of the kernels: three or more that follow each other by the first and the last.
function kernelRange(t, some) {
  const words = [];
  for (let i = 0; i < some.length;) {
    let j = i;
    while (j + 1 < some.length && some[j + 1] === some[j] + 1) j++;
    const names = some.slice(i, j + 1).map((k) => t.kernels[k]);
    words.push(names.length > 2 ? names[0] + ' to ' + names.at(-1) : names.join(', '));
    i = j + 1;
  }
  return words.join(', ');
}

// columnWords names hosts with the kernels on which they are meant, unless those are all.
function columnWords(t, columns) {
  const names = [...new Set(t.alone)], groups = new Map();
  for (const name of names) {
    const on = columns.filter((c) => t.alone[c] === name).map((c) => t.on[c]).sort((a, b) => a - b);
    if (on.length) groups.set(on.join(), [...(groups.get(on.join()) || []), name]);
  }
  return [...groups].map(([key, hosts]) => {
    const on = key.split(',').map(Number), list = hosts.length > 4 ? hosts.slice(0, 4).join(', ') + ' and ' + (hosts.length - 4) + ' more' : hosts.join(', ');
    if (on.length === t.kernels.length) return list;
    return (hosts.length === names.length && names.length > 1 ? '' : list + ', ') + 'linux ' + kernelRange(t, on);
  }).join('; ');
}

// KernelGrid has the kernel as one more axis: the combinations that columns differ in, with the hosts and kernels
// that answered alike beside each other.
const MOST_DIFFER = 200;
class KernelGrid {
  constructor(t, r, all) {
    Object.assign(this, {t, r, all, at: all.map((o) => new Map())});
    all.forEach((o, i) => { for (let c = o.block.from; c < o.block.to; c++) this.at[i].set(t.combo[c], c); });
    const combos = [...new Set(this.at.flatMap((m) => [...m.keys()]))].sort((a, b) => a - b);
    this.combos = combos.filter((x) => new Set(this.at.map((m) => (m.has(x) ? t.answers(m.get(x)).words + t.verdict[m.get(x)] : ''))).size > 1);
    this.body = el('tbody', {});
    this.table = el('table', {class: 'heat full'}, el('caption', {class: 'hidden'}, r.name + ', by kernels'),
      el('thead', {}, el('tr', {}, r.axes.map((a) => el('th', {scope: 'col', class: 'axis'}, a.name)), all.map((o) => el('th', {scope: 'col'}, hostsOf(t, o))))), this.body);
    arrows(this.table);
    const left = this.combos.length - MOST_DIFFER;
    this.element = el('div', {class: 'grid'}, el('div', {class: 'grid-head'}, el('span', {}, 'where ', el('b', {}, 'kernels'), ' or hosts differ')),
      el('div', {class: 'scroll tall'}, this.table), t.changed.size > 0 && el('p', {class: 'note'}, '* ' + CHANGED),
      left > 0 && el('p', {class: 'note'}, 'And ' + number(left) + ' more.'));
    this.update();
  }

  // update draws the combinations that have a cell which the filter shows.
  update() {
    const {t, r} = this;
    const shown = this.combos.filter((x) => this.at.some((m, i) => m.has(x) && this.cellShown(i, m.get(x)) >= 0)).slice(0, MOST_DIFFER);
    this.body.replaceChildren(...shown.map((x) => el('tr', {},
      r.axes.map((a, i) => el('th', {scope: 'row'}, a.values[valueOf(r, x, i)])),
      this.at.map((m, i) => this.place(m.get(x), i)))));
    oneStop(this.table);
    return shown.length;
  }

  cellShown(i, cell) {
    const o = this.all[i], b = o.blocks.find((b) => this.t.shown[b.from + cell - o.block.from]);
    return b ? b.from + cell - o.block.from : -1;
  }

  place(cell, i) {
    const {t} = this;
    if (cell === undefined) return el('td', {class: 'left-out'}, el('span', {'aria-label': 'left out'}, '·'));
    const a = t.answers(cell), v = t.verdict[cell], wrong = v === FAIL || v === ERROR, words = a.words + (a.want ? ', want ' + a.want : '');
    const colour = a.words === 'ok' ? 'ok' : v === SKIP ? 'skip' : v === ERROR ? 'error' : 'c0';
    return el('td', {}, button([wrong && el('span', {class: 'mark', 'aria-hidden': 'true'}, SIGNS[v]), words, t.changed.has(cell) && el('b', {class: 'changed', title: CHANGED}, ' *')].filter(Boolean),
      {class: 'tile ' + colour + (wrong ? ' wrong' : ''), tabindex: '-1', 'data-key': t.combo[cell] + '/' + i,
        'aria-label': words + ', ' + WORDS[v] + (t.changed.has(cell) ? ', changed' : ''), onclick: () => openCell(t, this.cellShown(i, cell) < 0 ? cell : this.cellShown(i, cell))}));
  }
}

// hostsOf names the hosts of an outcome.
function hostsOf(t, outcome) {
  if (t.kernels) return columnWords(t, outcome.blocks.map((b) => b.host));
  const hosts = outcome.blocks.map((b) => t.hosts[b.host]);
  if (hosts.length === t.hosts.length && hosts.length > 3) return 'all ' + hosts.length + ' hosts';
  return hosts.length > 6 ? hosts.slice(0, 6).join(', ') + ' and ' + (hosts.length - 6) + ' more' : hosts.join(', ');
}

// Asked is what an experiment without axes asks and the file leaves open.
class Asked {
  constructor(t, r, outcome) {
    Object.assign(this, {t, outcome});
    const asked = t.steps(outcome.block.from).filter((s) => s.shown && s.made && !s.red);
    this.element = el('div', {class: 'grid'}, el('div', {class: 'grid-head'}, el('span', {}, 'on ', el('b', {}, hostsOf(t, outcome)))),
      asked.length ? stepTable(t, r, asked) : el('p', {class: 'note'}, 'Nothing was answered.'));
  }

  update() { return this.outcome.blocks.some((b) => this.t.shown[b.from]) ? 1 : 0; }
}

// isRed says whether a cell of a block did not pass.
function isRed(t, b) {
  for (let c = b.from; c < b.to; c++) if (t.verdict[c] === FAIL || t.verdict[c] === ERROR) return true;
  return false;
}

// GridsView is the grids of one experiment, folded until they are asked for.
class GridsView {
  constructor(t, r) {
    Object.assign(this, {t, r, grids: null, red: 0});
    for (const b of r.blocks) for (let c = b.from; c < b.to; c++) if (t.verdict[c] === FAIL || t.verdict[c] === ERROR) this.red++;
    this.element = el('details', {class: 'grids'}, el('summary', {}, el('b', {}, r.name), ' ', el('span', {class: 'axes'}, r.axes.map((a) => a.name + ' ' + a.values.length).join(' × ')),
      this.red > 0 && [' ', el('b', {class: 'verdict fail'}, SIGNS[FAIL] + ' ' + number(this.red))]));
    this.element.addEventListener('toggle', () => { if (this.element.open) this.make(); });
    this.cells = r.blocks.reduce((n, b) => n + b.to - b.from, 0);
  }

  make() {
    if (this.grids) return;
    const all = outcomes(this.t, this.r), redder = (o) => Number(isRed(this.t, o.block));
    if (all.length > MOST_GRIDS) all.sort((a, b) => redder(b) - redder(a));
    const byKernel = this.t.kernels && this.r.axes.length && all.length > 1 ? [new KernelGrid(this.t, this.r, all)] : [];
    this.grids = byKernel.concat(all.slice(0, MOST_GRIDS).map((o) => new (this.r.axes.length ? Grid : Asked)(this.t, this.r, o)));
    this.element.append(...[this.r.doc && el('p', {class: 'lead'}, this.r.doc), ...this.grids.map((g) => g.element),
      all.length > MOST_GRIDS && el('p', {class: 'note'}, 'And ' + (all.length - MOST_GRIDS) + ' more outcomes: choose a host.')].filter(Boolean));
    for (const g of this.grids) if (g.showRed) g.showRed(); // now that it has a size
  }

  // update shows the grids that have a cell which the filter shows.
  update() {
    const some = this.r.blocks.some((b) => { for (let c = b.from; c < b.to; c++) if (this.t.shown[c]) return true; return false; });
    this.element.hidden = !some;
    for (const g of this.grids || []) g.element.hidden = g.update() === 0;
    return some;
  }

  open() {
    this.element.open = true;
    this.make();
    this.element.scrollIntoView({block: 'start'});
    this.element.querySelector('summary').focus({preventScroll: true});
  }
}
