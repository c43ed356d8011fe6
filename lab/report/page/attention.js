// What did not pass, explained: the first failures in full, skips and errors by their reasons. Cells that are red alike are
// told of once: where the same item of the steps wanted the same and was answered the same.

const FIRST = 8, MOST_ALIKE = 20;

// attention explains the cells of some topologies that have one of the verdicts; list shows them all.
function attention(some, verdicts, list) {
  const failed = new Map(), reasons = new Map(), other = topologies.length > 1 && some.length > 1;
  let failures = 0;
  const add = (map, key, t, c) => {
    if (map.has(key)) map.get(key).push([t, c]);
    else map.set(key, [[t, c]]);
  };
  for (const t of some) {
    for (let c = 0; c < t.count; c++) {
      const v = t.verdict[c];
      if (!verdicts.includes(v)) continue;
      if (v === FAIL) {
        failures++;
        if (failures < 2000) add(failed, t.index + redKind(t, c), t, c);
      } else add(reasons, v + ' ' + (t.notes.get(c) ?? ''), t, c);
    }
  }
  if (!failures && !reasons.size) return null;
  const errors = [...reasons.values()].some(([[t, c]]) => t.verdict[c] === ERROR);
  const box = el('div', {class: 'attention'}, el('h3', {}, failures ? 'What failed' : errors ? 'What could not be asked' : 'What was not asked'));
  const on = (t, c) => [' on ' + t.host(c), other && [', in ', el('a', {href: '#' + t.id}, t.name)]].flat();
  let told = 0;
  for (const cells of [...failed.values()].slice(0, FIRST)) {
    const [[t, c], ...others] = cells;
    told += cells.length;
    box.append(el('article', {class: 'red'}, el('h4', {}, sign(FAIL), ' ', cellLink(t, c), on(t, c)),
      t.row(c).doc && el('p', {class: 'note'}, t.row(c).doc), evidence(t, c),
      others.length > 0 && el('details', {class: 'alike'}, el('summary', {}, 'And ' + number(others.length) + ' alike'),
        el('ul', {class: 'plain'}, others.slice(0, MOST_ALIKE).map(([u, x]) => el('li', {}, cellLink(u, x), ' on ' + u.host(x)))),
        others.length > MOST_ALIKE && el('p', {class: 'note'}, 'and ' + number(others.length - MOST_ALIKE) + ' more'))));
  }
  if (failures > told) box.append(el('p', {}, button('And ' + number(failures - told) + ' more: list all that failed', {class: 'quiet', onclick: list})));
  const worst = [...reasons.values()].sort(([[t, c]], [[u, x]]) => u.verdict[x] - t.verdict[c]); // errors before skips
  for (const cells of worst.slice(0, FIRST)) {
    const [[t, c]] = cells, v = t.verdict[c], note = t.note(c), more = cells.length - 1;
    box.append(el('article', {class: VERDICTS[v]},
      el('h4', {}, sign(v), ' ', cellLink(t, c), on(t, c), more > 0 ? ' and ' + number(more) + ' more' : ''),
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
