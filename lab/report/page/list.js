// The cells that the filter shows, a line each.

let slowFirst = false; // else in the order of the file

class ListView {
  constructor(t) {
    this.t = t;
    this.body = el('tbody', {});
    this.table = el('table', {class: t.kernels ? 'list several' : 'list'}, el('caption', {class: 'hidden'}, 'Cells of ' + t.name),
      el('thead', {}, el('tr', {}, ['verdict', 'cell', 'host', 'last answer'].map((s) => el('th', {scope: 'col'}, s)),
        t.times && (this.time = el('th', {scope: 'col'}, button('time', {class: 'link', title: 'Slow cells first', onclick: () => { slowFirst = !slowFirst; apply(); }}))))), this.body);
    if (t.times) this.table.classList.add('timed');
    this.box = el('div', {class: 'scroll tall'}, this.table);
    this.rows = new VirtualRows(this.box, this.body, t.times ? 5 : 4, 28);
    arrows(this.table);
  }

  update() {
    const {t} = this;
    let n = 0;
    for (let c = 0; c < t.count; c++) n += t.shown[c];
    const cells = new Uint32Array(n);
    for (let c = 0, i = 0; c < t.count; c++) if (t.shown[c]) cells[i++] = c;
    if (slowFirst && t.times) {
      const time = Array.from(t.times, (c) => TIMES.indexOf(c));
      cells.sort((a, b) => time[b] - time[a] || a - b);
    }
    if (this.time) this.time.setAttribute('aria-sort', slowFirst ? 'descending' : 'none');
    this.rows.fill(n, (i) => this.line(cells[i]));
    oneStop(this.table);
    return n;
  }

  line(cell) {
    const {t} = this, name = t.nameOf(cell);
    return el('tr', {}, el('td', {}, sign(t.verdict[cell])),
      el('th', {scope: 'row'}, button(name, {class: 'link', 'data-key': cell, title: name, onclick: () => openCell(t, cell)})),
      el('td', {}, t.host(cell)), el('td', {class: 'last'}, el('code', {}, t.headline(cell))),
      t.times && el('td', {class: 'time'}, t.time(cell)));
  }
}
