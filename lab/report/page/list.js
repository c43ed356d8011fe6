// The cells that the filter shows, a line each.

class ListView {
  constructor(t) {
    this.t = t;
    this.body = el('tbody', {});
    this.table = el('table', {class: t.kernels ? 'list several' : 'list'}, el('caption', {class: 'hidden'}, 'Cells of ' + t.name),
      el('thead', {}, el('tr', {}, ['verdict', 'cell', 'host', 'last answer'].map((s) => el('th', {scope: 'col'}, s)))), this.body);
    this.box = el('div', {class: 'scroll tall'}, this.table);
    this.rows = new VirtualRows(this.box, this.body, 4, 28);
    arrows(this.table);
  }

  update() {
    const {t} = this;
    let n = 0;
    for (let c = 0; c < t.count; c++) n += t.shown[c];
    const cells = new Uint32Array(n);
    for (let c = 0, i = 0; c < t.count; c++) if (t.shown[c]) cells[i++] = c;
    this.rows.fill(n, (i) => this.line(cells[i]));
    oneStop(this.table);
    return n;
  }

  line(cell) {
    const {t} = this, name = t.nameOf(cell);
    return el('tr', {}, el('td', {}, sign(t.verdict[cell])),
      el('th', {scope: 'row'}, button(name, {class: 'link', 'data-key': cell, title: name, onclick: () => openCell(t, cell)})),
      el('td', {}, t.host(cell)), el('td', {class: 'last'}, el('code', {}, t.headline(cell))));
  }
}

// attention explains what did not pass: the first failures in full, skips and errors
// by their reasons. Cells that are red alike are told of once: where the same item of the
// steps wanted the same and was answered the same.
const FIRST = 8, MOST_ALIKE = 20;
function attention(t, list) {
  const failed = new Map(), reasons = new Map();
  let failures = 0;
  const add = (map, key, c) => {
    if (map.has(key)) map.get(key).push(c);
    else map.set(key, [c]);
  };
  for (let c = 0; c < t.count; c++) {
    const v = t.verdict[c];
    if (v === FAIL) {
      failures++;
      if (failures < 2000) add(failed, redKind(t, c), c);
    } else if (v !== PASS) add(reasons, v + ' ' + (t.notes.get(c) ?? ''), c);
  }
  if (!failures && !reasons.size) return null;
  const box = el('div', {class: 'attention'}, el('h3', {}, failures ? 'What failed' : 'What was not asked'));
  const link = (c) => button(t.nameOf(c), {class: 'link', onclick: () => openCell(t, c)});
  let told = 0;
  for (const cells of [...failed.values()].slice(0, FIRST)) {
    const c = cells[0], others = cells.slice(1);
    told += cells.length;
    box.append(el('article', {class: 'red'}, el('h4', {}, sign(FAIL), ' ', link(c), ' on ' + t.host(c)),
      others.length > 0 && el('p', {}, 'And alike: ', others.slice(0, MOST_ALIKE).flatMap((x, i) => [i > 0 && ', ', link(x), ' on ' + t.host(x)]),
        others.length > MOST_ALIKE && ' and ' + number(others.length - MOST_ALIKE) + ' more'), evidence(t, c)));
  }
  if (failures > told) box.append(el('p', {}, button('And ' + number(failures - told) + ' more: list all that failed', {class: 'quiet', onclick: list})));
  for (const cells of [...reasons.values()].slice(0, FIRST)) {
    const c = cells[0], v = t.verdict[c], note = t.note(c), more = cells.length - 1;
    box.append(el('article', {class: VERDICTS[v]},
      el('h4', {}, sign(v), ' ', link(c), ' on ' + t.host(c), more > 0 ? ' and ' + number(more) + ' more' : ''),
      el('pre', {class: 'reason'}, note.reason || ''), outputs(note.outputs).flat(9).filter(Boolean)));
  }
  if (reasons.size > FIRST) box.append(el('p', {class: 'note'}, 'And ' + (reasons.size - FIRST) + ' more reasons: see the list.'));
  return box;
}

// redKind names what is red of a failed cell.
function redKind(t, c) {
  const r = t.row(c), last = t.got(c).length - 1;
  let n = 0;
  for (const [i, slot] of r.slots.entries()) {
    for (const s of stepsAt(r, slot, t.column(c), t.combo[c])) {
      if (n++ === last) {
        return JSON.stringify([t.blocks[t.block[c]].row, i, data.steps[STEP * s + 1], data.steps[STEP * s + 3], answerOf(s, t.got(c), last, t.note(c)), t.note(c).reason || '']);
      }
    }
  }
  return '';
}
