//go:build unix

package report

import (
	"fmt"
	"strings"
	"testing"

	"labrun/lab/result"
)

// becomes waits until what JavaScript comes to is as wanted: going back is no call that returns when it is done.
func (c *chromium) becomes(script, want string) {
	c.t.Helper()
	c.eval(`new Promise((done) => {
		let frames = 0;
		const look = () => (String(`+script+`) === `+quoteYAML(want)+` || ++frames > 600 ? done() : requestAnimationFrame(look));
		look();
	})`, nil)
	c.expect(script, want)
}

// click clicks on what has the middle of an element, as a user does.
func (c *chromium) click(element string) {
	c.t.Helper()
	var at struct{ X, Y float64 }
	c.eval(element+".scrollIntoView({block: 'center'})", nil)
	c.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))", nil) // rows that scroll are drawn
	c.eval(`((e) => { const r = e.getBoundingClientRect(); return {x: r.x + r.width / 2, y: r.y + r.height / 2}; })(`+
		element+`)`, &at)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		c.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left",
			"clickCount": 1}, nil)
	}
}

const (
	shownVerdicts = `[...new Set(topologies.flatMap((t) => [...Array(t.count).keys()].filter((c) => t.shown[c]).map((c) => WORDS[t.verdict[c]])))].sort().join()`
	pressed       = `toggles.filter((b) => b.getAttribute('aria-pressed') === 'true').map((b) => b.innerText.trim().split(/\s+/)[1]).join()`
)

// TestChipsSelectInBrowser: a verdict's chip shows only its cells, two show the cells of both, none shows all.
func TestChipsSelectInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(1400, 900, "light")
	r := sample()
	c.load(mustPage(t, r))
	c.expect(pressed, "")
	n := r.Counts
	c.expect("toggles.map((b) => b.innerText.trim().replace(/\\s+/g, ' ')).join()",
		fmt.Sprintf("✓ pass %d,✗ FAIL %d,– skip %d,! ERROR %d", n.Of(result.Pass), n.Of(result.Fail), n.Of(result.Skip),
			n.Of(result.Error)))
	of := func(n int) string { return fmt.Sprintf("%d of 57 cells", n) }
	for _, step := range []struct{ chip, pressed, shown, found, hash string }{
		{"FAIL", "FAIL", "FAIL", of(n.Of(result.Fail)), "#verdict=fail"},
		{"ERROR", "FAIL,ERROR", "ERROR,FAIL", of(n.Of(result.Fail) + n.Of(result.Error)), "#verdict=fail&verdict=error"},
		{"FAIL", "ERROR", "ERROR", of(n.Of(result.Error)), "#verdict=error"},
		{"ERROR", "", "ERROR,FAIL,pass,skip", "57 cells", ""},
	} {
		c.click("toggles[WORDS.indexOf('" + step.chip + "')]")
		c.expect(pressed, step.pressed)
		c.expect(shownVerdicts, step.shown)
		c.expect(found, step.found)
		c.expect("location.hash", step.hash)
	}
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// TestAddressHoldsWhatIsShownInBrowser makes choices, and opens the page again at the address that it has then.
func TestAddressHoldsWhatIsShownInBrowser(t *testing.T) {
	c := mustChromium(t)
	r := sample()
	r.Matrices[1].Name = r.Matrices[0].Name // a second one of the name
	r.Environment.Seconds = nil
	for i := range r.Matrices {
		r.Environment.Seconds = append(r.Environment.Seconds, make([]float32, len(r.Matrices[i].Cells)))
	}
	file := mustPage(t, r)
	c.load(file)
	none := c.text("addressOf(null)")
	if none != "" {
		t.Errorf("the address of a page as it opens is %q", none)
	}
	for _, choice := range []string{
		"filter.verdicts[SKIP] = true; filter.host = 'beta'; apply()",
		"filter.values = [{axis: 'option', value: 'reuse'}, {axis: 'state', value: 'bound'}]; apply()",
		"filter.text = 'a/b & c=d % ü #'; apply()",
		"filter.text = 'bind'; choose('list')",
		"filter.experiment = {topology: topologies[1], row: topologies[1].rows[0]}; apply()",
		"slowFirst = true; choose('list')",
		"filter.verdicts[FAIL] = true; apply(); openCell(topologies[1], 3)",
	} {
		c.load("/dev/null") // else the same file is the same page
		c.load(file)
		c.eval("reset(); "+choice, nil)
		const shown = `JSON.stringify([filter.verdicts, filter.host, filter.values, filter.text, filter.experiment && [filter.experiment.topology.index, filter.experiment.row.name], view, slowFirst, opened && [opened.t.index, opened.cell], topologies.map((t) => t.shown.join('')), search.value])`
		c.eval("search.value = filter.text", nil)
		before, hash := c.text(shown), c.text("location.hash")
		if hash == "" {
			t.Errorf("after %s there is no address", choice)
		}
		c.load("/dev/null")
		c.load(file + hash)
		if after := c.text(shown); after != before {
			t.Errorf("after %s and at %s:\n%s\n%s", choice, hash, before, after)
		}
		c.expect("location.hash", hash) // to open a page is no choice
	}

	// What a page has not is left out, and the rest is heeded.
	c.load("/dev/null")
	c.load(file + "#host=nobody&axis=option/nothing&axis=&experiment=lab/none&cell=lab/alpha/none&cell=none/alpha/wrong&verdict=maybe&%E0&verdict=fail&view=none&=&")
	c.expect("JSON.stringify([filter.host, filter.values, filter.experiment, filter.verdicts, view, opened])",
		`["",[],null,[false,true,false,false],"matrix",null]`)
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// TestBackInBrowser takes choices back with the browser's button, and a cell is closed by it.
func TestBackInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(1400, 900, "light")
	c.load(mustPage(t, sample()))
	const name, open = "document.getElementById('cell-name').innerText", "dialog.open"
	c.click("toggles[FAIL]")
	c.click("modes[1]")
	c.expect("location.hash", "#verdict=fail&view=list")
	c.eval("views[0].list.body.querySelector('button').focus()", nil)
	c.press("Enter", "\r")
	c.expect("location.hash", "#verdict=fail&view=list&cell=lab/alpha/wrong")
	c.press("j", "j")
	c.expect("location.hash", "#verdict=fail&view=list&cell=lab/beta/wrong")
	c.press("Escape", "")
	c.becomes("location.hash", "#verdict=fail&view=list")
	c.expect("document.activeElement.innerText", "wrong") // back where the reader was
	c.eval("history.back()", nil)
	c.becomes("location.hash", "#verdict=fail") // the cell left nothing behind
	c.expect("view + ' ' + modes[0].getAttribute('aria-pressed')", "matrix true")
	c.eval("history.back()", nil)
	c.becomes("location.hash", "")
	c.expect(found, "57 cells")
	c.expect(pressed, "")
	c.eval("history.forward()", nil)
	c.becomes(pressed, "FAIL")

	// Back closes a cell that was opened here.
	c.eval("openCell(topologies[0], 2)", nil)
	c.eval("history.back()", nil)
	c.becomes(open, "false")
	c.expect("location.hash", "#verdict=fail")

	// What is typed is one choice.
	c.search("bind")
	c.search("bind any")
	c.expect("location.hash", "#text=bind%20any&verdict=fail")
	c.eval("history.back()", nil)
	c.becomes("location.hash", "#verdict=fail")
	c.expect("search.value", "")

	// A link within the page, and a link to a cell that is already in a page.
	c.eval("location.hash = '#cell=programs/alpha/red'", nil)
	c.becomes(open, "true")
	c.expect(name, "red")
	c.expect(found, "57 cells") // as the address says
	c.press("Escape", "")
	c.becomes("location.hash", "")
	c.eval("location.hash = '#t0-2'", nil)
	c.becomes("document.querySelector('.line.here')?.id", "t0-2")
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// TestCopyLinkInBrowser copies the address of a cell, which opens that cell wherever the page is opened.
func TestCopyLinkInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(1400, 900, "light")
	c.call("Browser.grantPermissions", map[string]any{"permissions": []string{"clipboardReadWrite",
		"clipboardSanitizedWrite"}}, nil)
	file := mustPage(t, sample())
	c.load(file + "#verdict=fail&text=x")
	c.eval("openCell(topologies[1], topologies[1].find('two[first=y,second=y]', 'alpha'))", nil)
	const copy = "[...document.querySelectorAll('#cell button')].find((b) => b.getAttribute('aria-label') === 'Copy a link to this cell')"
	c.expect(copy+".innerText", "Copy link")
	c.click(copy)
	c.becomes(copy+".innerText", "Copied")
	var link string
	c.eval("navigator.clipboard.readText()", &link)
	if want := "file://" + file + "#cell=axes/alpha/two%5Bfirst=y,second=y%5D"; link != want {
		t.Errorf("copied %s, want %s", link, want)
	}
	c.load("/dev/null")
	c.load(strings.TrimPrefix(link, "file://"))
	c.expect("opened.t.nameOf(opened.cell) + ' on ' + opened.t.host(opened.cell)", "two[first=y,second=y] on alpha")

	// Where the browser lets nobody write the clipboard the link stands there, selected.
	c.eval("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))", nil)
	c.click(copy)
	c.becomes(copy+".innerText", "Selected")
	c.expect("getSelection().toString()", link)
	c.expect("document.getElementById('live').innerText", "Selected")

	// The name of a cell that failed is a link as well, for the browser's own menu.
	c.eval("dialog.close()", nil)
	c.expect("document.querySelector('.attention article h4 a').getAttribute('href')", "#cell=lab/alpha/wrong")
	c.click("document.querySelector('.attention article h4 a')")
	c.expect("opened.t.nameOf(opened.cell)", "wrong")
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// TestWhatFailedComesFirstInBrowser: on a window of 1400 by 900 the first result stands above the fold, and it is what
// failed where something did, of whatever topology.
func TestWhatFailedComesFirstInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(1400, 900, "light")
	one := sample()
	red := result.NewReport(one.Environment, one.Matrices[:1])
	green := result.NewReport(one.Environment, one.Matrices[4:5])
	for name, page := range map[string]struct {
		r     result.Report
		first string // element
	}{
		"one":     {red, "document.querySelector('#t0-attention article.red .wanted')"},
		"several": {one, "document.querySelector('#attention article.red .wanted')"},
		"kernels": {several(), "document.querySelector('#attention article.red .wanted')"},
		"green":   {green, "document.querySelector('#t0-cells .tile.pass')"},
	} {
		c.load("/dev/null")
		c.load(mustPage(t, page.r))
		c.keep("first-" + name + ".png")
		var bottom float64
		c.eval(page.first+".getBoundingClientRect().bottom", &bottom)
		if bottom > 900 {
			t.Errorf("%s: the first result ends at %v", name, bottom)
		}
		if name != "green" {
			c.expect("[...document.querySelectorAll('main :is(h2, h3)')].find((e) => e.checkVisibility() && "+
				"!e.matches('.hidden')).textContent", "What failed")
		}
		for _, complaint := range c.complaints() {
			t.Error(complaint)
		}
	}
}

// TestRedGridOpensWhereItIsRedInBrowser has one cell of thousands that failed, in the middle of its grid.
func TestRedGridOpensWhereItIsRedInBrowser(t *testing.T) {
	c := mustChromium(t)
	c.look(1400, 900, "light")
	m := many(20_000)
	for i := range m.Cells {
		m.Cells[i].Verdict = result.Pass
	}
	m.Cells[12_345].Verdict = result.Fail
	c.load(mustPage(t, result.NewReport(result.Environment{}, []result.Matrix{m})))
	c.expect("views[0].grids.map((g) => g.element.open).join()", "true")
	c.expect("views[0].grids[0].element.querySelector('summary .verdict').innerText", "✗ 1")
	const tile = "document.querySelector('.heat .wrong')"
	c.expect(`((t) => { const r = t.getBoundingClientRect(), b = t.closest('.tall').getBoundingClientRect(); return r.top >= b.top && r.bottom <= b.bottom && r.left >= b.left && r.right <= b.right; })(`+tile+`)`, "true")
	c.click(tile)
	c.expect("opened.cell", "12345")
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}

// TestTimesInBrowser has the times of cells in the words of the page, and sorts a list by them.
func TestTimesInBrowser(t *testing.T) {
	c := mustChromium(t)
	seconds := []float32{0, 1e-9, 1e-6, 1.8e-5, 0.00126, 0.002, 0.0125, 0.25, 1, 2.5, 59, 3000, 1e9}
	want := []string{"", "1 µs", "1 µs", "20 µs", "1.3 ms", "2 ms", "13 ms", "250 ms", "1 s", "2.5 s", "63 s", "≥ 630 s",
		"≥ 630 s"}
	c.load(mustPage(t, sample()))
	var got []string
	c.eval("[..."+quoteYAML(timeLetters(seconds))+"].map(duration)", &got)
	for i := range want {
		if g := strings.ReplaceAll(got[i], "\u202f", " "); g != want[i] {
			t.Errorf("%v s is %q, want %q", seconds[i], g, want[i])
		}
	}
	c.expect("TIMES", timeAlphabet)
	const times = "[...views[0].list.body.querySelectorAll('.time')].map((e) => e.innerText.trim()).join().replaceAll('\\u202f', '')"
	c.eval("choose('list')", nil)
	c.expect(times, "2ms,13ms,250ms,1s,3.2ms,,,2.5s,20µs")
	c.click("views[0].list.time.querySelector('button')")
	c.expect(times, "2.5s,1s,250ms,13ms,3.2ms,2ms,20µs,,")
	c.expect("views[0].list.time.ariaSort + ' ' + location.hash", "descending #view=list&sort=time")
	c.eval("openCell(topologies[0], 7)", nil)
	if text := c.text("dialog.innerText"); !strings.Contains(text, "It took about 2.5\u202fs.") {
		t.Errorf("no time in %s", text)
	}
	for _, complaint := range c.complaints() {
		t.Error(complaint)
	}
}
