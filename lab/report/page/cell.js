// One cell: what was asked and answered, who held the port, what programs printed.

// held shows the sockets that explain an answer which was wanted; those of a red one
// have a heading of their own.
function held(s) {
  const sockets = s.seen.sockets;
  if (s.red || !sockets) return null;
  const [h] = sockets, more = sockets.length - 1;
  if (!h) return el('div', {class: 'note'}, 'No socket had that port.');
  return el('details', {class: 'held-by'},
    el('summary', {}, el('code', {}, `${h.state} ${h.local}`), ` ${ownersOf(h)}`, more > 0 && `, and ${more} more`),
    holderTable(sockets));
}

function stepRow(t, r, s) {
  const id = [t.id, r.source, s.line].filter(Boolean).join('-'), title = (r.file || t.file) + ':' + s.line;
  const place = document.getElementById(id) ? el('a', {href: '#' + id, class: 'place', title}, String(s.line)) : el('span', {title}, String(s.line));
  const line = el('code', {}, s.call, el('span', {class: 'answer'}, s.made ? ' = ' + s.got : ''));
  const lineOf = (n) => el('a', {href: '#' + id.replace(/\d+$/, n), class: 'place'}, 'line ' + n);
  return el('tr', {class: s.red ? 'red' : s.made ? '' : 'unmade'},
    el('td', {class: 'number'}, place), el('td', {class: 'process'}, s.process),
    el('td', {}, line,
      s.red && el('div', {class: 'wanted'}, el('span', {}, el('b', {}, 'wanted '), el('code', {}, s.want), s.rule ? [' (', lineOf(s.rule), ')'] : ''), el('span', {}, el('b', {}, 'got '), el('code', {}, s.got))),
      s.seen.to && el('div', {class: 'note'}, 'The address is ', el('code', {}, s.seen.to), '.'),
      held(s), !s.made && el('span', {class: 'note'}, ' not called')));
}

function stepTable(t, r, steps) {
  if (!steps.length) return el('p', {class: 'note'}, 'It has no steps.');
  return el('div', {class: 'scroll'}, el('table', {class: 'steps'},
    el('caption', {class: 'hidden'}, 'Steps'),
    el('thead', {}, el('tr', {}, ['line', 'process', 'call = answer'].map((s) => el('th', {scope: 'col'}, s)))),
    el('tbody', {}, steps.map((s) => stepRow(t, r, s)))));
}

// ownersOf says which processes have a socket.
function ownersOf(h) {
  if (h.owners && h.owners.length) return h.owners.join(' and ');
  return WAITING.includes(h.state) ? 'not accepted yet' : 'no process';
}

const WAITING = ['SYN_RECV', 'ESTABLISHED', 'CLOSE_WAIT']; // of a socket that no process has accepted yet

function holderTable(holders) {
  const heads = ['host', 'protocol', 'state', 'local', 'remote', 'process', 'user', 'device', 'timer', 'options'];
  const rows = holders.map((h) => {
    const owned = h.owners && h.owners.length;
    return [h.host, h.protocol, h.state, h.local, h.remote || '',
      ownersOf(h),
      owned ? String(h.user) : '', h.device || '', h.timer || '', [h.v6only && 'v6only', ...(h.options || [])].filter(Boolean).join(' ')];
  });
  const used = heads.map((_, i) => rows.some((r) => r[i] !== ''));
  const pick = (cells) => cells.filter((_, i) => used[i]);
  return el('div', {class: 'scroll'}, el('table', {class: 'plain sockets', 'aria-label': 'Sockets'},
    el('thead', {}, el('tr', {}, pick(heads).map((s) => el('th', {scope: 'col'}, s)))),
    el('tbody', {}, rows.map((r) => el('tr', {}, pick(r).map((s) => el('td', {}, el('code', {}, s))))))));
}

// causes shows what explains the red answer: sockets, those that listen elsewhere, rules.
function causes(steps) {
  const red = steps.find((s) => s.red);
  if (!red) return null;
  const {sockets: held, listens, why} = red.seen;
  const inUse = red.got === 'EADDRINUSE' || (red.got === 'EADDRNOTAVAIL' && red.name === 'connect');
  return [
    why && why.length > 0 && [el('h4', {}, 'Why'), el('ul', {class: 'plain why'}, why.map((rule) => el('li', {}, rule)))],
    held && held.length > 0 && [el('h4', {}, inUse ? 'Held by' : 'Sockets then'), holderTable(held)],
    held && !held.length && red.got === 'EADDRINUSE' && [el('h4', {}, 'Held by'), el('p', {class: 'note'}, 'No socket that the kernel shows.')],
    listens && listens.length > 0 && [el('h4', {}, 'Listening elsewhere'), holderTable(listens)],
  ];
}

function outputs(list) {
  return (list || []).map((o) => {
    const ended = o.status === undefined || o.status === null ? 'still running' : 'exit ' + o.status;
    const printed = ['stdout', 'stderr'].filter((k) => o[k]);
    return [el('h4', {}, 'Program ', el('code', {}, o.process), ', ' + ended),
      printed.length ? printed.map((k) => el('div', {class: 'printed'}, el('span', {class: 'stream'}, k), el('pre', {tabindex: '0', 'aria-label': k}, o[k])))
        : el('p', {class: 'note'}, 'It printed nothing.')];
  });
}

// captureLink leads to a file beside the page, or by its whole path: never to another
// machine, whatever a report says.
function captureLink(file) {
  const parts = file.split('/').map(encodeURIComponent);
  return file.startsWith('/') ? 'file:///' + parts.filter((p) => p).join('/') : './' + parts.join('/');
}

function captures(files) {
  if (!files || !files.length) return null;
  return [el('h4', {}, 'Captured packets'),
    el('ul', {class: 'plain captures'}, files.map((f) => el('li', {}, el('a', {href: captureLink(f), download: f.split('/').at(-1)}, el('code', {}, f)))))];
}

// evidence is all there is to say of a cell, below its name.
function evidence(t, cell) {
  const steps = t.steps(cell), note = t.note(cell), r = t.row(cell);
  return [
    note.reason && el('pre', {class: 'reason'}, note.reason),
    t.change(cell) && el('p', {class: 'note'}, el('b', {class: 'changed'}, '* '), 'Changed: ' + t.change(cell)),
    (steps.length > 0 || !note.reason) && stepTable(t, r, steps),
    causes(steps), outputs(note.outputs), captures(note.captures),
    el('div', {class: 'commands'},
      copyable(command('labrun', '--only', t.nameOf(cell), '--host', t.hostAlone(cell), '-v', t.fileWord)),
      t.verdict[cell] === FAIL && [copyable(command('labrun', 'explain', t.fileWord, t.nameOf(cell), '--host', t.hostAlone(cell))),
        copyable(command('labrun', 'shell', '--after', t.nameOf(cell), t.fileWord, t.hostAlone(cell)))]),
    t.kernels && el('p', {class: 'note'}, 'The commands ask this machine\'s kernel; --kernel asks another.'),
    t.time(cell) && el('p', {class: 'note'}, 'It took about ' + t.time(cell) + '.'),
    r.claim && el('p', {class: 'note'}, r.against ? 'A pass speaks against the claim ' : 'A pass speaks for the claim ', el('b', {}, r.claim), r.says ? ': ' + r.says : '.'),
  ].flat(9).filter(Boolean);
}

function valueList(r, combo) {
  if (!r.axes.length) return null;
  return el('dl', {class: 'values'}, r.axes.map((a, i) => el('div', {}, el('dt', {}, a.name), el('dd', {}, el('code', {}, a.values[valueOf(r, combo, i)])))));
}

const dialog = document.getElementById('cell');
let opened = null; // {t, cell}

// openCell shows a cell over the page; its address is in the location, to be sent on. how is the method of history that
// puts it there, null when it is there already.
function openCell(t, cell, how = 'pushState') {
  opened = {t, cell};
  const r = t.row(cell), v = t.verdict[cell];
  dialog.replaceChildren(el('div', {class: 'sheet'},
    el('header', {},
      el('div', {class: 'line-one'}, sign(v), el('span', {class: 'on'}, 'on ', el('b', {}, t.host(cell))),
        el('span', {class: 'walk'},
          copier('Copy link', 'Copy a link to this cell', linkTo(t, cell)),
          button('‹', {class: 'quiet', 'aria-label': 'Previous cell shown', title: 'Previous cell shown (k)', onclick: () => walk(-1)}),
          button('›', {class: 'quiet', 'aria-label': 'Next cell shown', title: 'Next cell shown (j)', onclick: () => walk(1)}),
          button('Close', {class: 'quiet', onclick: () => dialog.close()}))),
      el('h2', {id: 'cell-name', tabindex: '-1'}, r.name)),
    r.doc && el('p', {class: 'lead'}, r.doc), r.file && el('p', {class: 'note'}, 'In ', el('code', {}, r.file), '.'), valueList(r, t.combo[cell]), evidence(t, cell)));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  document.getElementById('cell-name').focus({preventScroll: true});
  if (how) go(how, addressOf(opened), how === 'pushState' ? {opened: true} : history.state);
}

// cellLink leads to a cell, here and when it is copied.
const cellLink = (t, cell) => el('a', {class: 'link', href: '#' + cellAddress(t, cell), onclick: (e) => {
  if (e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
  e.preventDefault();
  openCell(t, cell);
}}, t.nameOf(cell));

// walk goes to the next cell that the filter shows.
function walk(step) {
  let {t, cell} = opened;
  for (;;) {
    cell += step;
    if (cell < 0 || cell >= t.count) {
      t = topologies[t.index + step];
      if (!t) { say('No more cells'); return; }
      cell = step > 0 ? -1 : t.count;
      continue;
    }
    if (t.shown[cell]) { openCell(t, cell, 'replaceState'); return; }
  }
}

// Closing goes back to where the cell was opened. One that the page began with has no such place.
dialog.addEventListener('close', () => {
  opened = null;
  if (!readAddress().cell) return;
  if (history.state?.opened) history.back();
  else go('replaceState', addressOf(null), null);
});
dialog.addEventListener('click', (e) => {
  if (e.target === dialog) dialog.close(); // beside the sheet
  const place = e.target.closest('a.place');
  if (!place) return;
  e.preventDefault();
  const id = place.getAttribute('href').slice(1);
  go('replaceState', id, null);
  dialog.close();
  showLine(id);
});
dialog.addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.altKey || e.metaKey) return;
  if (e.key === 'j' || e.key === 'k') walk(e.key === 'j' ? 1 : -1);
});

// showLine opens the text of the file at a line.
function showLine(id) {
  const line = document.getElementById(id);
  if (!line) return;
  if (filter.on || view === 'list') { // which hide it
    reset();
    view = 'matrix';
    show();
  }
  const source = line.closest('details');
  if (source) source.open = true;
  document.querySelectorAll('.line.here').forEach((e) => e.classList.remove('here'));
  line.classList.add('here');
  line.scrollIntoView({block: 'center'});
}
