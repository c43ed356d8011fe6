// The filter: which cells are shown. Words are looked for in the tables once, so
// that a cell costs a few look-ups.

const filter = {
  verdicts: [false, false, false, false], // chosen ones; none means all
  host: '',
  values: [], // {axis, value}
  text: '',
  experiment: null, // {topology, row}
  get on() {
    return this.host !== '' || this.values.length > 0 || this.text.trim() !== '' || this.experiment !== null || this.verdicts.includes(true);
  },
};

// marks says of each item whether the term is in its text.
const marks = (items, term, text) => Uint8Array.from(items, (x) => (text(x).toLowerCase().includes(term) ? 1 : 0));

// termTables looks a word up in all that a cell may refer to.
function termTables(term) {
  const words = marks(data.words, term, (w) => w);
  const t = {term, answers: Uint8Array.from(data.answers, (a) => (a.some((w) => words[w]) ? 1 : 0))};
  const steps = new Uint8Array(data.steps.length / STEP);
  for (let s = 0; s < steps.length; s++) {
    const at = STEP * s;
    steps[s] = words[data.steps[at + 1]] | words[data.steps[at + 2]] | words[data.steps[at + 3]];
  }
  t.variants = Uint8Array.from(data.variants, (v) => (v.some((s) => steps[s]) ? 1 : 0));
  t.notes = marks(data.notes, term, (n) => JSON.stringify(n));
  return t;
}

// lookFor says what of a row in a host depends on an axis and has the term: null when all
// of it has.
function lookFor(r, host, t) {
  const has = (s) => s.toLowerCase().includes(t.term);
  if (has(r.name) || has(r.doc) || has((r.against ? 'not ' : '') + r.claim)) return null;
  const axes = r.axes.map((a, i) => ({weight: r.weight[i], radix: r.radix[i], marks: marks(a.values, t.term, (v) => a.name + '=' + v)}));
  const slots = r.slots.map((s) => {
    const variants = s.on[host], found = new Uint8Array(variants.length);
    for (let i = 0; i < found.length; i++) found[i] = variants[i] < 0 ? 0 : t.variants[variants[i]];
    return {axes: s.axes, marks: found};
  }).filter((s) => s.marks.includes(1));
  if (slots.some((s) => !s.marks.includes(0))) return null;
  return {axes: axes.filter((a) => a.marks.includes(1)), slots};
}

// keepTerm unmarks the cells of a block that the term is not in.
function keepTerm(topology, b, t) {
  const r = topology.rows[b.row], {shown, combo, answer, notes} = topology;
  const look = lookFor(r, b.host, t);
  if (!look || topology.hosts[b.host].toLowerCase().includes(t.term) || topology.name.toLowerCase().includes(t.term)) return;
  const {axes, slots} = look;
  cells: for (let c = b.from; c < b.to; c++) {
    if (!shown[c] || t.answers[answer[c]]) continue;
    for (const a of axes) if (a.marks[((combo[c] / a.weight) | 0) % a.radix]) continue cells;
    for (const s of slots) if (s.marks[slotIndex(r, s, combo[c])]) continue cells;
    const note = notes.size ? notes.get(c) : undefined;
    if (note === undefined || !t.notes[note]) shown[c] = 0;
  }
}

// keepValues unmarks the cells of a block whose axis has none of the values.
function keepValues(t, b, axis, values) {
  const r = t.rows[b.row], weight = r.weight[axis], radix = r.radix[axis], {shown, combo} = t;
  const wanted = new Uint8Array(radix);
  for (const v of values) wanted[v] = 1;
  for (let c = b.from; c < b.to; c++) shown[c] &= wanted[((combo[c] / weight) | 0) % radix];
}

// applyFilter marks the cells that are shown, and returns how many they are.
function applyFilter() {
  performance.mark('labrun-filter-start');
  const tables = filter.text.toLowerCase().split(/\s+/).filter(Boolean).map(termTables);
  const chosen = filter.verdicts.includes(true), verdicts = Uint8Array.from(filter.verdicts, (v) => Number(v || !chosen));
  let count = 0;
  for (const t of topologies) {
    const {shown, verdict} = t;
    shown.fill(0);
    for (const b of t.blocks) {
      const r = t.rows[b.row];
      if (filter.host !== '' && t.hosts[b.host] !== filter.host) continue;
      if (filter.experiment && (filter.experiment.topology !== t || filter.experiment.row !== r)) continue;
      const wanted = axisTests(r);
      if (!wanted) continue;
      for (let c = b.from; c < b.to; c++) shown[c] = verdicts[verdict[c]];
      for (const [axis, values] of wanted) keepValues(t, b, axis, values);
      for (const table of tables) keepTerm(t, b, table);
      for (let c = b.from; c < b.to; c++) count += shown[c];
    }
  }
  performance.measure('labrun-filter', 'labrun-filter-start');
  return count;
}

// axisTests returns the values that axes of the row must have; null when it has not
// all the axes that the filter asks for. Values of one axis are alternatives.
function axisTests(r) {
  const wanted = new Map();
  for (const {axis, value} of filter.values) {
    const a = r.axes.findIndex((x) => x.name === axis);
    if (a < 0) return null;
    if (!wanted.has(a)) wanted.set(a, new Set());
    wanted.get(a).add(r.axes[a].values.indexOf(value));
  }
  return [...wanted];
}
