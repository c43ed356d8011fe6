// Elements. Text goes in as text, never as markup.

function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
    else if (value === true) e.setAttribute(key, '');
    else e.setAttribute(key, value);
  }
  e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

const button = (text, attributes) => el('button', {type: 'button', ...attributes}, text);

// sign is a verdict as a sign and a word, so that neither colour nor sign stands alone.
const sign = (v, text) => el('span', {class: 'verdict ' + VERDICTS[v]}, el('span', {class: 'sign', 'aria-hidden': 'true'}, SIGNS[v]), text || WORDS[v]);

// copier is a button that copies a text. Where the browser forbids that, the text stands selected, for the reader's own keys.
function copier(label, name, text, shown) {
  const copy = button(label, {class: 'quiet', 'aria-label': name, onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      copy.textContent = 'Copied';
    } catch {
      if (!shown) copy.before(shown = el('code', {}, text));
      getSelection().selectAllChildren(shown);
      copy.textContent = 'Selected';
    }
    say(copy.textContent);
  }});
  return copy;
}

// copyable is a command with a button that copies it.
function copyable(text) {
  const code = el('code', {}, text);
  return el('div', {class: 'command'}, code, copier('Copy', 'Copy the command', text, code));
}

// say tells a screen reader.
const say = (text) => { document.getElementById('live').textContent = text; };

// VirtualRows fills the body of a table with the rows that can be seen, all of one
// height, and leaves the room of the others.
const FEW_ROWS = 250; // that are simply there
class VirtualRows {
  constructor(box, body, columns, high) {
    Object.assign(this, {box, body, columns, high, count: 0, first: -1, last: -1, whole: true});
    box.addEventListener('scroll', () => this.later(), {passive: true});
    new ResizeObserver(() => this.later()).observe(box);
  }

  // fill shows that many rows; render makes the one at an index.
  fill(count, render) {
    Object.assign(this, {count, render, first: -1, last: -1, whole: count <= FEW_ROWS});
    this.box.classList.toggle('virtual', !this.whole);
    this.body.parentElement.setAttribute('aria-rowcount', count + 1);
    this.draw();
  }

  later() {
    if (this.waits || this.whole) return;
    this.waits = requestAnimationFrame(() => { this.waits = 0; this.draw(); });
  }

  draw() {
    if (this.whole) {
      this.body.replaceChildren(...Array.from({length: this.count}, (_, i) => this.render(i)));
      return;
    }
    const seen = Math.ceil((this.box.clientHeight || 600) / this.high);
    const top = Math.floor(this.box.scrollTop / this.high);
    const first = Math.max(0, top - 10), last = Math.min(this.count, top + seen + 10);
    if (first === this.first && last === this.last) return;
    const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.first = first;
    this.last = last;
    const rows = [];
    for (let i = first; i < last; i++) {
      const row = this.render(i);
      row.setAttribute('aria-rowindex', i + 2);
      rows.push(row);
    }
    this.body.replaceChildren(this.room(first), ...rows, this.room(this.count - last));
    if (focused) this.body.querySelector('[data-key="' + CSS.escape(focused) + '"]')?.focus({preventScroll: true});
  }

  // room is a row that is as high as that many.
  room(rows) {
    const td = el('td', {colspan: this.columns});
    td.style.height = rows * this.high + 'px';
    return el('tr', {class: 'room', 'aria-hidden': 'true', hidden: rows === 0}, td);
  }

  // show scrolls the box, and not the page, to a row.
  show(i) {
    this.box.scrollTop = Math.max(0, (i - 2) * this.high);
    if (!this.whole) this.draw();
  }
}

// arrows makes one stop of the Tab key of all the buttons in a table: arrow keys,
// Home and End go from one to the other.
function arrows(table) {
  const places = () => [...table.querySelectorAll('tbody tr')].map((tr) => [...tr.querySelectorAll('button')]).filter((x) => x.length);
  table.addEventListener('focusin', (e) => {
    if (e.target.tagName !== 'BUTTON') return;
    table.querySelectorAll('tbody button[tabindex="0"]').forEach((b) => { b.tabIndex = -1; });
    e.target.tabIndex = 0;
  });
  table.addEventListener('keydown', (e) => {
    const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e9], End: [0, 1e9]}[e.key];
    if (!step || e.target.tagName !== 'BUTTON' || e.ctrlKey || e.altKey || e.metaKey) return;
    const rows = places();
    const y = rows.findIndex((r) => r.includes(e.target));
    if (y < 0) return;
    const column = e.target.closest('td, th').cellIndex;
    let next;
    if (step[0] === 0) next = rows[y][Math.min(rows[y].length - 1, Math.max(0, rows[y].indexOf(e.target) + step[1]))];
    else {
      const row = rows[y + step[0]];
      next = row && (row.find((b) => b.closest('td, th').cellIndex === column) || row[0]);
    }
    if (!next) return;
    e.preventDefault();
    next.focus();
  });
}

// oneStop lets the Tab key reach one of the buttons.
function oneStop(table) {
  const buttons = table.querySelectorAll('tbody button');
  buttons.forEach((b, i) => { b.tabIndex = i ? -1 : 0; });
}
