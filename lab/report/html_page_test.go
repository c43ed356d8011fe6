//go:build unix

package report

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/result"
)

// mustPage writes a report's page into a file and returns its name.
func mustPage(t *testing.T, r result.Report) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(mustHTML(t, r)), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// expect fails the test when what JavaScript comes to is something else.
func (c *chromium) expect(script, want string) {
	c.t.Helper()
	if got := c.text(script); got != want {
		c.t.Errorf("%s is %q, want %q", script, got, want)
	}
}

// search types into the search field and waits until the page has filtered.
func (c *chromium) search(words string) {
	c.t.Helper()
	before := c.text("performance.getEntriesByName('labrun-filter').length")
	c.eval("document.getElementById('search').value = ''; document.getElementById('search').focus()", nil)
	if words == "" {
		c.eval("document.getElementById('search').dispatchEvent(new Event('input'))", nil)
	} else {
		c.call("Input.insertText", map[string]any{"text": words}, nil)
	}
	c.eval(`new Promise((done) => { const look = () => (performance.getEntriesByName('labrun-filter').length > `+before+` ? done() : requestAnimationFrame(look)); look(); })`, nil)
}

const (
	shownLines = `[...document.querySelectorAll('.cells table.matrix tbody th')].filter((e) => e.offsetParent).map((e) => e.innerText.trim().split(/\s+/)[0]).join()`
	found      = `document.querySelector('.found').value`
)

// TestPageInBrowser reads, filters and opens cells as a user does.
func TestPageInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(1280, 900, "light")
	r := sample()
	r.Matrices[0].Cells[0].Note = &result.Note{Evidence: []result.Snapshot{{Sockets: []result.SocketInfo{
		{Host: "alpha", Protocol: "tcp", State: "FIN_WAIT2", Local: "x:81", Timer: "timewait"},
		{Host: "alpha", Protocol: "tcp", State: "LISTEN", Local: "x:81", Owners: []string{"web (w)"},
			Options: []string{"SO_REUSEPORT"}},
	}}}}
	c.load(mustPage(t, r))
	c.keep("sample.png")
	c.expect(found, "57 cells")
	c.expect("document.querySelector('#bar').hidden", "false")

	c.eval("toggles[FAIL].click(); toggles[ERROR].click()", nil)
	c.expect(found, "14 of 57 cells")
	c.expect("[...document.querySelectorAll('#t0-cells tbody .verdict')].every((e) => "+
		"/FAIL|ERROR/.test(e.textContent))", "true")
	c.eval("[...document.querySelectorAll('button')].find((b) => b.textContent === 'Show all').click()", nil)

	c.search("econnrefused")
	c.expect(found, "1 of 57 cells")
	c.expect(shownLines, "wrong")
	c.search("option=reuse state=bound")
	c.expect(found, "4 of 57 cells")
	c.search("")
	c.expect(found, "57 cells")

	c.eval("host.value = 'beta'; host.dispatchEvent(new Event('change'))", nil)
	// its host is alpha
	c.expect("[...document.querySelectorAll('#t2-cells button')].filter((e) => e.offsetParent).length", "0")
	c.eval("reset(); apply(); axes.value = 'reuse'; axes.dispatchEvent(new Event('change'))", nil)
	c.expect("document.querySelector('.chip').textContent", "option=reuse ×")
	c.expect(found, "10 of 57 cells")
	c.eval("document.querySelector('.chip').click()", nil)
	c.expect(found, "57 cells")

	// A cell, by the keyboard.
	c.eval("document.querySelector('#t0-cells .tile.fail').focus()", nil)
	c.press("Enter", "\r")
	c.expect("document.getElementById('cell').open", "true")
	cell := c.text("document.getElementById('cell').innerText")
	for _, want := range []string{"FAIL", "wrong", "alpha", "bind(b, any:80) = EADDRINUSE", "wanted ok",
		"got EADDRINUSE", "connect(c, subject.x:80) not called", "Held by",
		"web (a) and child (a)", "x:80", "peer.x:ephemeral", "not accepted yet", "v6only",
		"labrun shell --after wrong 'some folder/lab.yaml' alpha"} {
		if !strings.Contains(cell, want) {
			t.Errorf("the cell has no %q:\n%s", want, cell)
		}
	}
	c.expect("location.hash", "#cell=lab/alpha/wrong")
	c.keep("cell.png")
	c.press("j", "j")
	c.expect("location.hash", "#cell=lab/beta/wrong")
	c.press("Escape", "")
	c.expect("document.getElementById('cell').open", "false")
	c.expect("document.activeElement.className", "tile fail") // back where the reader was

	// One that passed, with the sockets behind an answer.
	c.eval("openCell(topologies[0], 0)", nil)
	c.expect("document.querySelector('.held-by summary').innerText", "FIN_WAIT2 x:81 no process, and 1 more")
	c.expect("document.querySelector('.held-by').open", "false")
	c.eval("document.querySelector('.held-by summary').click()", nil)
	c.expect("[...document.querySelectorAll('.held-by tbody tr')].map((e) => "+
		"e.innerText.trim().split(/\\s+/).join(' ')).join('; ')",
		"alpha tcp FIN_WAIT2 x:81 no process timewait; alpha tcp LISTEN x:81 web (w) 0 SO_REUSEPORT")
	c.keep("evidence.png")

	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// TestPageGridsInBrowser walks through a heat map with the arrow keys.
func TestPageGridsInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(390, 800, "dark")
	c.load(mustPage(t, sample()))
	const grid = "views[1].grids.find((g) => g.r.name === 'two')"
	c.expect(grid+".element.open", "true") // it is small
	c.expect(grid+".grids.length", "1")
	c.expect(grid+".grids[0].element.querySelector('.legend').innerText.replace(/\\s+/g, ' ')",
		"U EADDRINUSE 4 ok ok 3 – skip 1 · left out by the file ✗ not as wanted")
	c.eval(grid+".grids[0].element.querySelector('tbody button').focus()", nil)
	c.press("ArrowRight", "")
	c.press("ArrowDown", "")
	c.expect("document.activeElement.getAttribute('aria-label')", "EADDRINUSE, pass")
	c.press("Enter", "\r")
	c.expect("decodeURIComponent(location.hash)", "#cell=axes/alpha/two[first=y,second=y]")
	c.press("Escape", "")
	c.expect("document.documentElement.scrollWidth <= innerWidth", "true") // nothing is cut off on a phone
	c.keep("phone.png")

	c.eval("reset(); filter.text = 'first=any'; apply()", nil)
	c.expect(grid+".grids[0].element.querySelectorAll('tbody tr').length", "1")
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// TestPageSaysTheSameInBrowser holds the scripts to what Go says of every cell: its
// name, its steps and its answer in a grid.
func TestPageSaysTheSameInBrowser(t *testing.T) {
	c := mustChromium(t)
	r := sample()
	r.Matrices = append(r.Matrices, onKernels().Matrices...)
	for i := range r.Matrices {
		for j := range r.Matrices[i].Cells { // calls that were given up sooner than their steps say
			cell := &r.Matrices[i].Cells[j]
			if n := len(cell.Answers()); n > 0 && cell.Answers()[n-1] == string(lab.Blocked) && cell.Column == 0 {
				cell.Note = &result.Note{Evidence: []result.Snapshot{{Step: n - 1, Limit: 1}}}
			}
		}
	}
	c.load(mustPage(t, r))
	var got []string
	c.eval(`topologies.flatMap((t) => [...Array(t.count).keys()].map((c) => [t.nameOf(c), 'on', t.host(c), WORDS[t.verdict[c]],
		(({words, want}) => (t.verdict[c] === FAIL ? '!' + words + ' (want ' + want + ')' : words))(t.answers(c)),
		...t.steps(c).filter((s) => s.made).map((s) => [s.line, s.process, s.call, s.want, s.got, s.red].join(' '))].join('\n')))`, &got)
	var want []string
	for i := range r.Matrices {
		m := &r.Matrices[i]
		for j := range m.Cells {
			cell := &m.Cells[j]
			lines := []string{m.NameOf(cell), "on", m.ColumnOf(cell), wordsOf[cell.Verdict],
				newGrids(Text{}, &r, i).row(cell.Row).answer(cell, &drawing{})}
			for _, s := range m.StepsOf(cell) {
				lines = append(lines, fmt.Sprint(s.Line, " ", s.Process, " ", s.Call, " ", s.Words(s.Want), " ",
					s.Words(s.Got), " ", s.Red))
			}
			want = append(want, strings.Join(lines, "\n"))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Go (-), page (+):\n%s", diff)
	}
	last := len(r.Matrices) - 1
	c.eval(fmt.Sprintf("openCell(topologies[%d], 1)", last), nil)
	if text := c.text("dialog.innerText"); !strings.Contains(text, "labrun shell --after one lab.yaml alpha\n") {
		t.Errorf("no command for the host alone in %s", text)
	}
	c.expect(fmt.Sprintf("(filter.text = 'EACCES', applyFilter(), topologies[%d].shown.join())", last), "0,1")
	var quoted []string
	words := []string{"plain", "", "two words", "it's", "$HOME", "a[x=y,z]", "ü", "*", "-v"}
	c.eval(quoteYAML(words)+".map(quote)", &quoted)
	for i, w := range words {
		if quoted[i] != lab.Quote(w) {
			t.Errorf("quote %q: %s, want %s", w, quoted[i], lab.Quote(w))
		}
	}
}

// TestPageAddressInBrowser opens a page at one of its cells, and on paper.
func TestPageAddressInBrowser(t *testing.T) {
	c := mustChromium(t)
	file := mustPage(t, sample())
	c.load(file + "#cell=programs/alpha/red")
	c.expect("document.getElementById('cell').open", "true")
	c.expect("document.querySelector('#cell .printed pre').textContent.split('\\n')[24]", "line 25")
	c.expect(`document.querySelectorAll('#cell .printed pre')[1].textContent.startsWith('warning: \\x1b[31mred')`,
		"true")
	c.eval("dialog.close()", nil)
	c.eval("choose('list'); showLine('t0-2')", nil)
	c.expect("document.querySelector('.line.here').checkVisibility()", "true")
	c.expect("document.querySelector('.line.here').textContent.trim()", "2networks: {red: 192.0.2.0/24}")
	c.eval("reset(); openCell(topologies[0], topologies[0].find('one-host', 'beta'))", nil)
	c.expect("document.querySelector('#cell .place').title", "some folder/shared/hosts.yaml:4")
	c.expect("document.querySelector('#cell .note').textContent", "In some folder/shared/hosts.yaml.")
	c.eval("document.querySelector('#cell .place').click()", nil)
	c.expect("document.querySelector('.line.here').textContent.trim()", "4      - bind(a, 203.0.113.1:80)")
	c.expect("document.querySelectorAll('.source')[0].open + ' ' + document.querySelectorAll('.source')[2].open",
		"true true")
	c.eval("document.querySelectorAll('.source').forEach((e) => e.open = false); window.dispatchEvent(new "+
		"Event('beforeprint'))", nil)
	c.expect("[...document.querySelectorAll('details')].filter((d) => !d.open).every((d) => d.className === 'source')",
		"true")
	c.keep("page.pdf")
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// TestPageWithoutScriptsInBrowser has a matrix and what did not pass, as text.
func TestPageWithoutScriptsInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(1280, 900, "light")
	c.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	c.load(mustPage(t, sample()))
	c.keep("noscript.png")
	c.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": false}, nil) // those of this test
	c.expect("document.getElementById('bar').hidden", "true")
	page := c.text("document.getElementById('t0').innerText.replace(/\\s+/g, ' ')")
	for _, want := range []string{"good pass pass wrong FAIL FAIL one-host - FAIL skipped skip skip broken ERROR pass",
		"FAIL wrong on alpha", "got EADDRINUSE", "not settled"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in %s", want, page)
		}
	}
	if told, matrix := strings.Index(page, "FAIL wrong on alpha"), strings.Index(page, "MATRIX"); told < 0 || told > matrix {
		t.Error("the matrix stands before what failed")
	}
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// TestHostilePageInBrowser has names and outputs that would be markup.
func TestHostilePageInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.load(mustPage(t, strangers()))
	c.expect("document.querySelectorAll('img, iframe, object, body script:not(:last-of-type)').length", "0")
	c.expect("document.documentElement.dataset.ready", "yes")
	c.eval("openCell(topologies[0], 2)", nil)
	c.expect("document.querySelector('#cell .sockets').innerText.includes('<img src=x')", "true")
	c.eval("choose('list')", nil)
	for _, e := range c.events {
		if e.Method == "Page.javascriptDialogOpening" {
			t.Error("a stranger's script has run")
		}
	}
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// TestBigPageInBrowser has half a million cells. Its times are printed, no test
// fails on them; that only a few rows are there at a time is what keeps them short.
func TestBigPageInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("half a million cells")
	}
	c := mustChromium(t)
	c.look(1280, 900, "light")
	file := mustPage(t, result.NewReport(result.Environment{}, []result.Matrix{many(500_000)}))
	c.load(file)
	c.expect(found, "500\u202f000 cells")
	c.eval(`filter.text = 'axis-1=value-2 eaddrinuse'; choose('list')`, nil)
	c.expect("views[0].list.rows.count > 10000", "true")
	c.eval("new Promise((done) => { views[0].list.box.scrollTop = 1e6; requestAnimationFrame(() => "+
		"requestAnimationFrame(done)); })", nil)
	c.expect("views[0].list.body.querySelectorAll('tr:not(.room)').length < 100", "true")
	c.expect("views[0].list.body.querySelector('button').closest('tr').ariaRowIndex > 1000", "true")
	c.eval("reset(); choose('matrix'); views[0].grids[0].open()", nil)
	c.expect("document.querySelectorAll('.heat tbody tr:not(.room)').length < 100", "true")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MB; first paint, scripts, filter (ms): %s", float64(info.Size())/1e6, c.text(`[
		performance.getEntriesByName('first-contentful-paint')[0]?.startTime, performance.getEntriesByName('labrun-ready')[0].duration,
		performance.getEntriesByName('labrun-filter').map((m) => Math.round(m.duration)).join(' ')].map((x) => +x ? Math.round(x) : x).join(', ')`))
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// contrasts returns the texts that can be seen and have less contrast with what is
// behind them than WCAG 2 asks for, level AA.
const contrasts = `(() => {
	const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
	const rgba = (color) => {
		context.clearRect(0, 0, 1, 1);
		context.fillStyle = color;
		context.fillRect(0, 0, 1, 1);
		return [...context.getImageData(0, 0, 1, 1).data].map((x, i) => x / 255);
	};
	const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
	const behind = (e) => (e ? over(rgba(getComputedStyle(e).backgroundColor), behind(e.parentElement)) : [1, 1, 1, 1]);
	const light = (c) => c.slice(0, 3).map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)).reduce((n, x, i) => n + x * [0.2126, 0.7152, 0.0722][i], 0);
	const bad = [];
	for (const e of document.querySelectorAll('body *')) {
		if (!e.checkVisibility() || e.closest('svg, script, noscript, .hidden, .jump') || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
		const back = behind(e), text = over(rgba(getComputedStyle(e).color), back);
		const [a, b] = [light(back), light(text)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
		if (ratio < 4.5) bad.push(e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 20) + ' ' + ratio.toFixed(2));
	}
	return bad.join('; ');
})()`

// TestPageContrastInBrowser measures every text, light and dark.
func TestPageContrastInBrowser(t *testing.T) {
	c := mustChromium(t)
	file := mustPage(t, sample())
	for _, scheme := range []string{"light", "dark"} {
		c.look(1280, 900, scheme)
		c.load(file)
		c.expect("isDark()", map[string]string{"light": "false", "dark": "true"}[scheme])
		c.eval("document.querySelectorAll('details').forEach((d) => { d.open = true; })", nil)
		c.expect(contrasts, "")
		c.eval("openCell(topologies[0], 2)", nil)
		c.expect(contrasts, "")
		c.eval("dialog.close(); filter.verdicts[1] = filter.verdicts[3] = true; choose('list')", nil)
		c.expect(contrasts, "")
		c.eval("theme.click()", nil) // the other one, by hand
		c.expect(contrasts, "")
	}
}

// TestPageNamesInBrowser asks the tree that screen readers get: whatever can be
// operated has a name, and tables have heads.
func TestPageNamesInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(1280, 900, "light")
	c.load(mustPage(t, sample()))
	for _, mode := range []string{"choose('matrix')", "choose('list')", "openCell(topologies[0], 2)"} {
		c.eval(mode, nil)
		var tree struct {
			Nodes []struct {
				Ignored    bool
				Role, Name struct{ Value any }
			}
		}
		c.call("Accessibility.getFullAXTree", nil, &tree)
		roles := map[any]int{}
		for _, n := range tree.Nodes {
			if n.Ignored {
				continue
			}
			roles[n.Role.Value]++
			switch n.Role.Value {
			case "button", "link", "combobox", "searchbox", "dialog", "columnheader", "heading", "table":
				if n.Name.Value == nil || n.Name.Value == "" {
					t.Errorf("after %s a %s has no name", mode, n.Role.Value)
				}
			}
		}
		for _, role := range []string{"button", "columnheader", "heading", "table"} {
			if roles[role] == 0 {
				t.Errorf("after %s there is no %s in %v", mode, role, roles)
			}
		}
	}
}

// TestCausesInBrowser opens a red cell with all that may explain an answer beside sockets.
func TestCausesInBrowser(t *testing.T) {
	c := mustChromium(t)
	r := sample()
	m := &r.Matrices[0]
	red := slices.IndexFunc(m.Cells, func(c result.Cell) bool { return c.Verdict == result.Fail })
	cell := &m.Cells[red]
	_, step := redStep(m.RowOf(cell), cell)
	for _, slot := range m.Rows[cell.Row].Slots {
		for _, steps := range slot.Variants {
			for i := range steps {
				if steps[i] == step {
					steps[i].Rule = 5
				}
			}
		}
	}
	cell.Note = &result.Note{Evidence: []result.Snapshot{{
		Step: len(cell.Answers()) - 1, To: "192.0.2.2 on <b>beta</b>",
		Why: []string{"user 7 without CAP_X", "a second rule"},
		Listens: []result.SocketInfo{{Host: "gamma", Protocol: "tcp", State: "LISTEN", Local: "lo:80",
			Owners: []string{"web (w)"}}},
	}}}
	m.Rows[cell.Row].Claim = lab.ClaimRef{Name: "7b"}
	m.Claims = append(m.Claims, result.ClaimResult{Name: "7b", Text: "A port has <b>one</b> owner."})
	c.load(mustPage(t, r))
	c.eval(fmt.Sprintf("openCell(topologies[0], %d)", red), nil)
	text := c.text("document.getElementById('cell').innerText.replace(/\\s+/g, ' ')")
	for _, want := range []string{
		"(line 5)", "The address is 192.0.2.2 on <b>beta</b>.",
		"Listening elsewhere host protocol state local process user gamma tcp LISTEN lo:80 web (w)",
		"Why user 7 without CAP_X a second rule", "the claim 7b: A port has <b>one</b> owner.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// TestPrintedSocketsInBrowser prints a step with its sockets: on paper nothing
// scrolls, and words are to stay in one piece.
func TestPrintedSocketsInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(700, 1000, "light")
	r := sample()
	r.Matrices[0].Cells[0].Note = &result.Note{Evidence: []result.Snapshot{{Sockets: []result.SocketInfo{
		{Host: "alpha", Protocol: "tcp", State: "FIN_WAIT2", Local: "x:81", Remote: "peer.x:ephemeral",
			Timer: "timewait"},
	}}}}
	c.load(mustPage(t, r))
	c.eval("document.body.append(stepTable(topologies[0], topologies[0].row(0), topologies[0].steps(0)))", nil)
	c.call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	const cells = "[...document.querySelectorAll('body > .scroll .sockets :is(th, td)')]"
	c.expect(cells+".length", "14")
	c.expect(cells+".filter((e) => e.clientHeight > 40).map((e) => e.innerText).join()", "")
}

// TestPageOfSeveralKernelsInBrowser: hosts that are alike are one group of columns, a kernel each; what changed has a
// mark, a line on top that leads to the experiment, and a grid with the kernel as one more axis.
func TestPageOfSeveralKernelsInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(1280, 2400, "light")
	c.load(mustPage(t, several()))
	c.keep("kernels.png")
	c.expect(`[...document.querySelectorAll('#t0-cells table.matrix thead th')].map((e) => e.innerText).join()`,
		"on alpha, beta,experiment,5.10.218,6.1.10,6.18.44,7.2.13")
	c.expect(`[...document.querySelectorAll('#t1-cells table.matrix thead tr.over th')].map((e) => e.innerText + e.colSpan).join()`,
		"on alpha, beta4,on gamma4")
	const row = `[...[...document.querySelectorAll('#t0-cells table.matrix tbody tr')].find((e) => e.innerText.startsWith('%s')).cells].slice(1).map((e) => e.innerText.trim().replace(/\s+/g, ' ')).join()`
	c.expect(fmt.Sprintf(row, "as-wanted"), "✓ pass,✓ pass,✓ pass *,✓ pass")
	c.expect(fmt.Sprintf(row, "axes"), "✓ pass 6,✓ pass 6,✓ pass 6 *,✓ pass 6")
	c.expect(fmt.Sprintf(row, "not-everywhere"), "– skip,✓ pass,✓ pass,! ERROR")
	// One host of a group, chosen: its cells stand where those of both did.
	c.eval("host.value = 'beta, linux 6.18.44'; host.dispatchEvent(new Event('change'))", nil)
	c.expect(fmt.Sprintf(row, "as-wanted"), "·,·,✓ pass *,·")
	c.eval("reset(); apply()", nil)

	const grid = "views[0].grids.find((g) => g.r.name === 'axes')"
	c.expect(grid+".grids[0].element.querySelector('table').innerText.trim().replace(/\\s+/g, ' ')",
		"axes, by kernels first second linux 5.10.218, 6.1.10 linux 6.18.44, 7.2.13 x any ok EADDRINUSE *")
	c.expect(grid+".grids.length", "3")
	c.expect("document.querySelectorAll('ol.changes li').length", "5")
	c.eval("[...document.querySelectorAll('ol.changes button')].find((e) => e.textContent === 'alike: red-on-one').click()", nil)
	c.expect(found, "8 of 104 cells")
	c.eval("openCell(topologies[0], topologies[0].find('as-wanted', 'beta, linux 6.18.44'))", nil)
	if cell := c.text("document.getElementById('cell').innerText"); !strings.Contains(cell, "* Changed: bind(b, x:80): ok on linux 6.1.10") {
		t.Errorf("the cell does not say what changed:\n%s", cell)
	}
	c.keep("kernels-cell.png")
	c.press("Escape", "")
	c.look(390, 800, "dark")
	c.expect("document.documentElement.scrollWidth <= innerWidth", "true")
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}
