'use strict';
// The data block, and what cells say. A cell is a number: its place in its topology.

performance.mark('labrun-script');
const data = JSON.parse(document.getElementById('data').textContent);
document.getElementById('data').remove();
const PASS = 0, FAIL = 1, SKIP = 2, ERROR = 3;
const VERDICTS = ['pass', 'fail', 'skip', 'error'];
const WORDS = ['pass', 'FAIL', 'skip', 'ERROR'];
const SIGNS = ['✓', '✗', '–', '!'];
const MOST_HOSTS = 16; // columns of a matrix; with more hosts it counts verdicts

const STEP = 8; // numbers of a step
const word = (i) => data.words[i];

// timed writes a word of the i-th step of a cell, s: "blocked" with the time after which its call was given up. The note
// knows of one that was given up sooner than the step says.
const timed = (text, s, i, note) => {
  const most = word(data.steps[STEP * s + 5]);
  if (text !== 'blocked' && text !== most) return text;
  const sooner = (note.evidence || []).find((e) => e.step === i && e.limit_seconds);
  return sooner ? `blocked (${sooner.limit_seconds} s)` : most;
};
const answerOf = (s, got, i, note) => timed(word(got[i]), s, i, note);
const wantOf = (s, i, note) => timed(word(data.steps[STEP * s + 3]), s, i, note);

// A time is a letter, ten of them for each power of ten, from a microsecond. The first one stands for none.
const TIMES = Array.from({length: 95}, (_, i) => String.fromCharCode(32 + i)).filter((c) => !'"\\<>&'.includes(c)).join('');
const R10 = [1, 1.3, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8];
function duration(letter) {
  const n = TIMES.indexOf(letter) - 1;
  if (n < 0) return '';
  const digits = Math.floor(n / 10), unit = Math.min(2, Math.floor(digits / 3));
  return (n === TIMES.length - 2 ? '≥ ' : '') + Number((R10[n % 10] * 10 ** (digits - 3 * unit)).toPrecision(2)) + ['\u202fµs', '\u202fms', '\u202fs'][unit];
}

class Topology {
  constructor(raw, index) {
    Object.assign(this, {index, id: 't' + index, times: raw.times || '', file: raw.file, fileWord: raw.file.replace(/^-/, './-'), name: raw.name, hosts: raw.hosts, rows: raw.rows, alone: raw.alone || raw.hosts,
      kernels: raw.kernels || null, on: raw.on, sums: raw.sums === true, changes: raw.changes || [],
      table: raw.table || raw.hosts.map((h, i) => ({head: h, group: '', of: [i]}))});
    for (const r of this.rows) {
      r.radix = r.axes.map((a) => a.values.length);
      r.weight = r.radix.map((_, i) => r.radix.slice(i + 1).reduce((a, b) => a * b, 1));
      r.shows = r.slots.some((s) => s.shown);
      r.blocks = [];
      for (const s of r.slots) {
        const variants = Int32Array.from(s.variants);
        s.on = this.hosts.map(() => variants); // as the kernel of each host has them
        for (const other of s.others || []) {
          const theirs = Int32Array.from(other.variants);
          for (const h of other.hosts) s.on[h] = theirs;
        }
        delete s.variants;
        delete s.others;
      }
    }
    this.blocks = raw.blocks;
    this.count = raw.blocks.reduce((n, b) => n + b[3].length, 0);
    this.combo = new Uint32Array(this.count);
    this.verdict = new Uint8Array(this.count);
    this.answer = new Uint32Array(this.count);
    this.block = new Uint32Array(this.count); // of the cell
    let cell = 0;
    this.blocks = raw.blocks.map(([row, host, runs, verdicts, answers], n) => {
      const b = {row, host, from: cell, to: cell + answers.length};
      for (let i = 0, at = cell; i < runs.length; i += 2) {
        for (let c = 0; c < runs[i + 1]; c++) this.combo[at++] = runs[i] + c;
      }
      this.answer.set(answers, cell);
      this.block.fill(n, b.from, b.to);
      for (let i = 0; i < answers.length; i++) this.verdict[cell + i] = verdicts.charCodeAt(i) - 48;
      cell = b.to;
      this.rows[row].blocks.push(b);
      return b;
    });
    this.notes = new Map();
    for (let i = 0; i < raw.noted.length; i += 2) this.notes.set(raw.noted[i], raw.noted[i + 1]);
    this.changed = new Map(); // cells that the kernel before answered otherwise
    for (let i = 0; i < (raw.changed || []).length; i += 2) this.changed.set(raw.changed[i], raw.changed[i + 1]);
    this.shown = new Uint8Array(this.count).fill(1); // by the filter
  }

  row(cell) { return this.rows[this.blocks[this.block[cell]].row]; }
  column(cell) { return this.blocks[this.block[cell]].host; }
  host(cell) { return this.hosts[this.column(cell)]; }
  hostAlone(cell) { return this.alone[this.column(cell)]; } // without its kernel, as commands take it
  got(cell) { return data.answers[this.answer[cell]]; }
  note(cell) { const n = this.notes.get(cell); return n === undefined ? {} : data.notes[n]; }

  time(cell) { return duration(this.times[cell]); }

  change(cell) { const n = this.changed.get(cell); return n === undefined ? '' : this.changes[n]; }

  // nameOf is the cell's, as --only takes it.
  nameOf(cell) {
    const r = this.row(cell);
    if (!r.axes.length) return r.name;
    return r.name + '[' + r.axes.map((a, i) => a.name + '=' + a.values[valueOf(r, this.combo[cell], i)]).join(',') + ']';
  }

  // find returns the cell of that name in that host, or -1.
  find(name, host) {
    const h = this.hosts.indexOf(host);
    for (const b of this.blocks) {
      if (b.host !== h || !name.startsWith(this.rows[b.row].name)) continue;
      for (let c = b.from; c < b.to; c++) if (this.nameOf(c) === name) return c;
    }
    return -1;
  }

  // steps of a cell, those too that were not made.
  steps(cell) {
    const r = this.row(cell), got = this.got(cell), steps = [], seen = {};
    for (const e of this.note(cell).evidence || []) seen[e.step] = e;
    for (const slot of r.slots) {
      for (const s of stepsAt(r, slot, this.column(cell), this.combo[cell])) {
        const [line, process, call] = data.steps.slice(STEP * s, STEP * s + 3);
        const i = steps.length, made = i < got.length;
        steps.push({line, process: word(process), call: word(call), name: word(data.steps[STEP * s + 7]), want: wantOf(s, i, this.note(cell)), shown: data.steps[STEP * s + 4] === 1,
          made, got: made ? answerOf(s, got, i, this.note(cell)) : '', seen: seen[i] || {}, rule: data.steps[STEP * s + 6], red: this.verdict[cell] === FAIL && i === got.length - 1});
      }
    }
    return steps;
  }

  // answers is what a grid shows of a cell: what the steps were answered that it is
  // about, else the last step.
  answers(cell) {
    const v = this.verdict[cell];
    if (v === SKIP || v === ERROR) return {words: WORDS[v], want: ''};
    const r = this.row(cell), got = this.got(cell), parts = [], wants = [];
    let n = 0, red = null, redShown = false;
    for (const slot of r.slots) {
      const steps = stepsAt(r, slot, this.column(cell), this.combo[cell]);
      if (slot.shown && !steps.some((s) => data.steps[STEP * s + 4])) { parts.push('-'); wants.push('-'); }
      for (const s of steps) {
        const answer = n < got.length ? answerOf(s, got, n, this.note(cell)) : '-', want = wantOf(s, n, this.note(cell)), shown = data.steps[STEP * s + 4];
        if (shown) { parts.push(answer); wants.push(want); }
        else if (!r.shows) { parts[0] = answer; wants[0] = want; redShown = false; } // it replaces the one before
        if (n === got.length - 1) {
          red = {line: data.steps[STEP * s], got: answer, want};
          redShown = shown === 1 || !r.shows;
        }
        n++;
      }
    }
    if (v === FAIL && red && !redShown) return {words: 'line ' + red.line + ': ' + red.got, want: red.want};
    return {words: parts.join('/'), want: v === FAIL ? wants.join('/') : ''};
  }

  // headline says in a line how a cell ended.
  headline(cell) {
    if (this.verdict[cell] === SKIP || this.verdict[cell] === ERROR) return (this.note(cell).reason || '').split('\n')[0];
    const got = this.got(cell), steps = got.length ? this.steps(cell) : [];
    if (!steps.length) return '';
    const s = steps[got.length - 1];
    return s.call + ' = ' + s.got + (s.red ? ', want ' + s.want : '');
  }
}

// valueOf is the index of an axis' value; a combination is below 2 ** 31.
const valueOf = (r, combo, axis) => ((combo / r.weight[axis]) | 0) % r.radix[axis];

// slotIndex is which combination of its axes a slot has.
function slotIndex(r, slot, combo) {
  let n = 0;
  for (const a of slot.axes) n = n * r.radix[a] + valueOf(r, combo, a);
  return n;
}

const NONE = [];
function stepsAt(r, slot, host, combo) {
  const v = slot.on[host][slotIndex(r, slot, combo)];
  return v < 0 ? NONE : data.variants[v];
}

// quote leaves a word alone when nothing in it means anything to sh(1).
const quote = (s) => (/^[-A-Za-z0-9_.,:/=@%+]+$/.test(s) ? s : "'" + s.replaceAll("'", "'\\''") + "'");
const command = (...words) => words.map(quote).join(' ');

const number = (n) => n.toLocaleString('en').replaceAll(',', '\u202f');
const topologies = data.topologies.map((raw, i) => new Topology(raw, i));
// Addresses call a topology by its name; a second one of that name has its number, too.
for (const t of topologies) t.key = topologies.findIndex((x) => x.name === t.name) === t.index ? t.name : t.name + '~' + t.index;
data.topologies = null; // the typed arrays have it all
