// The matrix of a topology: experiments by hosts, or, when there are too many hosts
// for columns, by verdicts; of several kernels by those, for each group of hosts that are alike.

const CHANGED = 'answered otherwise by the kernel before it';

class MatrixView {
  constructor(t, open) {
    Object.assign(this, {t, open, many: !t.kernels && t.hosts.length > MOST_HOSTS});
    const heads = this.many ? WORDS : t.table.map((c) => c.head);
    this.width = heads.length;
    this.tally = new Uint32Array(t.rows.length * t.hosts.length * 4);
    this.one = new Int32Array(t.rows.length * t.hosts.length); // the last of the cells counted
    this.marks = new Uint8Array(t.rows.length * t.hosts.length); // a cell was answered otherwise by the kernel before
    this.body = el('tbody', {});
    const groups = t.kernels ? t.table.filter((c, i) => !i || c.group !== t.table[i - 1].group) : [];
    this.table = el('table', {class: 'matrix'}, el('caption', {class: 'hidden'}, 'Matrix of ' + t.name),
      el('thead', {}, groups.length > 0 && el('tr', {class: 'over'}, el('td', {}),
        groups.map((g) => el('th', {scope: 'colgroup', colspan: t.table.filter((c) => c.group === g.group).length}, 'on ' + g.group))),
      el('tr', {}, el('th', {scope: 'col'}, 'experiment'), heads.map((h) => el('th', {scope: 'col'}, h)))), this.body);
    this.table.style.setProperty('--wide', 'calc(min(18rem, 45vw) + ' + 6.5 * this.width + 'rem)'); // where columns have fixed widths
    this.box = el('div', {class: 'scroll tall'}, this.table);
    this.rows = new VirtualRows(this.box, this.body, this.width + 1, 38);
    arrows(this.table);
  }

  // update counts the cells that the filter shows, and draws the lines that have some.
  update() {
    const {t, tally} = this, hosts = t.hosts.length;
    tally.fill(0);
    this.marks.fill(0);
    for (const b of t.blocks) {
      const place = b.row * hosts + b.host;
      for (let c = b.from; c < b.to; c++) {
        if (!t.shown[c]) continue;
        tally[place * 4 + t.verdict[c]]++;
        this.one[place] = c;
        if (t.changed.has(c)) this.marks[place] = 1;
      }
    }
    const lines = [];
    for (let i = 0; i < t.rows.length; i++) {
      for (let at = i * hosts * 4; at < (i + 1) * hosts * 4; at++) if (tally[at]) { lines.push(i); break; }
    }
    this.rows.fill(lines.length, (i) => this.line(lines[i]));
    oneStop(this.table);
    return lines.length;
  }

  line(i) {
    const r = this.t.rows[i], name = el('th', {scope: 'row'}, el('span', {class: 'name'}, r.name));
    if (r.doc && this.rows.whole) name.append(el('span', {class: 'doc'}, r.doc));
    if (r.axes.length) name.append(el('span', {class: 'axes'}, r.axes.map((a) => a.name).join(' × ')));
    const row = el('tr', {}, name);
    if (this.many) this.verdictCells(row, i);
    else for (const column of this.t.table) row.append(this.hostCell(i, column));
    return row;
  }

  // hostCell is a column's cells of an experiment: of the first of its hosts that the filter shows, or of all.
  hostCell(i, column) {
    const at = (h) => (i * this.t.hosts.length + h) * 4, total = (n) => n[0] + n[1] + n[2] + n[3];
    const tally = (h) => this.tally.subarray(at(h), at(h) + 4);
    const h = column.of.find((h) => total(tally(h))) ?? column.of[0], place = at(h) / 4;
    const n = this.t.sums ? column.of.map(tally).reduce((a, b) => a.map((x, v) => x + b[v])) : h === undefined ? [0, 0, 0, 0] : tally(h);
    const sum = total(n), marked = this.t.sums ? column.of.some((x) => this.marks[at(x) / 4]) : this.marks[place];
    if (!sum) return el('td', {class: 'empty'}, el('span', {'aria-label': 'no cell'}, '·'));
    const r = this.t.rows[i], host = this.t.sums ? '' : this.t.hosts[h];
    const worst = [ERROR, FAIL, SKIP, PASS].find((v) => n[v]);
    const alike = n[worst] === sum;
    const text = !r.axes.length ? WORDS[worst] : alike ? WORDS[worst] + ' ' + number(sum) : WORDS[worst] + ' ' + number(n[worst]) + ' of ' + number(sum);
    const label = [r.name, 'on ' + (this.t.kernels ? column.group + ', linux ' + column.head : host) + ':', text].join(' ') + (marked ? ', changed' : '');
    return el('td', {}, button([sign(worst, text), marked ? el('b', {class: 'changed', title: CHANGED}, ' *') : ''], {class: 'tile ' + VERDICTS[worst], 'aria-label': label, tabindex: '-1', 'data-key': place,
      onclick: () => (sum === 1 ? openCell(this.t, this.one[place]) : this.open(r, host))}));
  }

  verdictCells(row, i) {
    const r = this.t.rows[i], hosts = this.t.hosts.length;
    const sums = [0, 0, 0, 0];
    for (let at = i * hosts * 4; at < (i + 1) * hosts * 4; at++) sums[at % 4] += this.tally[at];
    sums.forEach((n, v) => {
      if (!n) { row.append(el('td', {class: 'empty'}, el('span', {'aria-label': 'none'}, '·'))); return; }
      row.append(el('td', {}, button(sign(v, number(n)), {class: 'tile ' + VERDICTS[v], tabindex: '-1', 'data-key': i + '/' + v,
        'aria-label': r.name + ': ' + n + ' ' + WORDS[v], onclick: () => this.open(r, '', v)})));
    });
  }
}
