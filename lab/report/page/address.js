// What is shown stands in the address, behind its "#": a link leads to it, and the Back button takes a choice back. Parts are
// separated by "&", and the words of one by "/":
//
//	text=bind&verdict=fail&host=alpha&axis=first/x&experiment=TOPOLOGY/NAME&view=list&sort=time&cell=TOPOLOGY/HOST/NAME

const part = (key, ...words) => key + '=' + words.map((w) => encodeURIComponent(w).replace(/%(2C|3A|3D)/g, decodeURIComponent)).join('/');
const cellAddress = (t, cell) => part('cell', t.key, t.host(cell), t.nameOf(cell));
const linkTo = (t, cell) => location.href.split('#')[0] + '#' + cellAddress(t, cell);

// addressOf returns the address of what is shown, with a cell unless that is null.
function addressOf(at) {
  return [
    filter.text.trim() && part('text', filter.text.trim()),
    ...filter.verdicts.map((chosen, v) => chosen && part('verdict', VERDICTS[v])),
    filter.host && part('host', filter.host),
    ...filter.values.map((x) => part('axis', x.axis, x.value)),
    filter.experiment && part('experiment', filter.experiment.topology.key, filter.experiment.row.name),
    view === 'list' && part('view', view),
    slowFirst && part('sort', 'time'),
    at && cellAddress(at.t, at.cell),
  ].filter(Boolean).join('&');
}

// readAddress returns what the address says. What this page does not have, it leaves out.
function readAddress() {
  const a = {verdicts: [false, false, false, false], host: '', values: [], text: '', experiment: null, view: 'matrix', slowFirst: false, cell: null};
  for (const text of location.hash.slice(1).split('&')) {
    const [key, ...rest] = text.split('=');
    const words = rest.join('=').split('/').map((s) => { try { return decodeURIComponent(s); } catch { return ''; } });
    const t = topologies.find((x) => x.key === words[0]);
    if (key === 'text') a.text = words.join('/');
    else if (key === 'verdict' && VERDICTS.includes(words[0])) a.verdicts[VERDICTS.indexOf(words[0])] = true;
    else if (key === 'host' && hosts.includes(words[0])) a.host = words[0];
    else if (key === 'axis' && topologies.some((x) => x.rows.some((r) => r.axes.some((y) => y.name === words[0] && y.values.includes(words[1]))))) a.values.push({axis: words[0], value: words[1]});
    else if (key === 'experiment' && t?.rows.some((r) => r.name === words[1])) a.experiment = {topology: t, row: t.rows.find((r) => r.name === words[1])};
    else if (key === 'view' && words[0] === 'list') a.view = 'list';
    else if (key === 'sort' && words[0] === 'time') a.slowFirst = true;
    else if (key === 'cell' && t?.find(words[2] || '', words[1]) >= 0) a.cell = {t, cell: t.find(words[2], words[1])};
  }
  return a;
}

// go writes an address by a method of history. A frame that forbids it shows the page all the same.
function go(how, address, state) {
  try { history[how](state, '', address ? '#' + address : location.pathname + location.search); } catch { /* the page stays without an address */ }
}

// remember writes what was chosen into the address. All that is typed without a pause for something else is one choice.
function remember(typed) {
  const address = addressOf(opened);
  if ('#' + address === location.hash || (!address && !location.hash)) return;
  go(typed && history.state?.typed ? 'replaceState' : 'pushState', address, typed ? {typed: true} : null);
}
