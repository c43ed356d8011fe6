package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/result"
)

// of returns a matrix of one experiment, called e, whose single step wants ok and
// gets it everywhere. Every axis has so many values: a0, a1, ...
func of(hosts int, values ...int) result.Matrix {
	row := result.Row{Name: "e", Line: 1, Slots: []result.RowSlot{slot(step(2, "main", "listen(a, 5)", "ok"))}}
	combos := 1
	for i, n := range values {
		a := lab.Axis{Name: fmt.Sprintf("axis%d", i)}
		for v := range n {
			a.Values = append(a.Values, fmt.Sprintf("%c%d", 'a'+i, v))
		}
		row.Axes = append(row.Axes, a)
		combos *= n
	}
	m := result.Matrix{File: "lab.yaml", Name: "lab", Rows: []result.Row{row}}
	for h := range hosts {
		m.Columns = append(m.Columns, result.Column{Host: fmt.Sprintf("h%d", h)})
		for c := range combos {
			m.Cells = append(m.Cells, result.Cell{Column: int32(h), Combo: lab.Combo(c), Got: &[]string{"ok"}})
		}
	}
	return m
}

// fail makes a cell red.
func fail(c *result.Cell) { c.Verdict, c.Got = result.Fail, &[]string{"EINVAL"} }

func textOf(t *testing.T, text Text, m result.Matrix) string {
	t.Helper()
	var b bytes.Buffer
	if err := text.Write(&b, result.NewReport(result.Environment{}, []result.Matrix{m})); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// section returns what a text has from one line to the next empty one.
func section(t *testing.T, text, begin string) string {
	t.Helper()
	i := strings.Index("\n"+text, "\n"+begin)
	if i < 0 {
		t.Fatalf("no line begins with %q in:\n%s", begin, text)
	}
	s, _, _ := strings.Cut(text[i:], "\n\n")
	return s
}

func mustEqual(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestOneAxisHasATable: the values go down, the hosts that answered alike across.
func TestOneAxisHasATable(t *testing.T) {
	m := of(3, 3)
	m.Cells = append(m.Cells[:1], m.Cells[2:]...) // h0 lacks a1
	fail(&m.Cells[4])
	text := textOf(t, Text{}, m)
	mustEqual(t, `experiment  h0      h1           h2
e           pass 2  FAIL 1 of 3  pass 3`, section(t, text, "experiment"))
	mustEqual(t, `e
axis0  h0  h1                 h2
a0     ok  ok                 ok
a1     .   ok                 ok
a2     ok  !EINVAL (want ok)  ok
"." is left out by the file`, section(t, text, "e\n"))

	m = of(2, 3) // both leave a1 out, and answer alike
	m.Cells = append(m.Cells[:1], m.Cells[2], m.Cells[3], m.Cells[5])
	mustEqual(t, `e
axis0  h0, h1
a0     ok
a2     ok`, section(t, textOf(t, Text{}, m), "e\n"))

	m = of(1, 201) // a row more than there is room for
	if text := textOf(t, Text{}, m); !strings.Contains(text,
		"\na199   ok\nand 1 more rows: -o FILE.json has them all") {
		t.Errorf("no end of:\n%s", text)
	}
	m = of(1, 2001) // more cells than there is room for
	fail(&m.Cells[7])
	text = textOf(t, Text{}, m)
	if strings.Contains(text, "a1 ") || !strings.Contains(text, "2001 cells are too many to show") ||
		!strings.Contains(text, "!EINVAL") {
		t.Errorf("all of:\n%s", text)
	}
}

// TestAsked: what a file asks and leaves open is in the text, once for all hosts that
// answered alike, and bounded.
func TestAsked(t *testing.T) {
	open := result.RowStep{Line: 3, Process: "main", Call: "getsockname(a)", Want: "ok", Open: true, Asked: true}
	m := of(3)
	m.Rows[0].Slots = append(m.Rows[0].Slots, slot(open, open))
	for i, answers := range [][]string{{"ok", "x:1", "x:2"}, {"ok", "x:1", "x:2"}, {"ok", "x:1", "EBADF"}} {
		m.Cells[i].Got = &answers
	}
	m.Cells[2].Verdict = result.Fail
	text := textOf(t, Text{}, m)
	mustEqual(t, `e on h0, h1
     3  main         getsockname(a) = x:1
     3  main         getsockname(a) = x:2`, section(t, text, "e on h0"))
	mustEqual(t, `e on h2
     3  main         getsockname(a) = x:1`, section(t, text, "e on h2")) // the red one stands below

	const cells = 1_000_000 // of one experiment
	m = of(1, 1000, 1000)
	m.Rows[0].Slots = append(m.Rows[0].Slots, slot(open))
	for i := range m.Cells {
		m.Cells[i].Got = &[]string{"ok", fmt.Sprint("x:", i%25)}
	}
	text = textOf(t, Text{}, m)
	if n := strings.Count(text, "\n"); n > 40 || len(m.Cells) != cells {
		t.Errorf("%d lines for %d cells", n, len(m.Cells))
	}
	for _, want := range []string{"\n   40000  x:0\n", "\nand 5 more answers\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}

	// A long answer is cut in a grid.
	m = of(1, 2)
	m.Rows[0].Slots = append(m.Rows[0].Slots, slot(open))
	m.Cells[0].Got, m.Cells[1].Got = &[]string{"ok", strings.Repeat("x", 500)}, &[]string{"ok", "short"}
	if text := textOf(t, Text{}, m); !strings.Contains(text, "\na0     "+strings.Repeat("x", longest)+"…\n") {
		t.Errorf("not cut:\n%s", text)
	}
}

// TestAlike: red cells for the same reason are one block that lists them.
func TestAlike(t *testing.T) {
	m := of(2, 2, 2)
	m.Rows[0].Slots = []result.RowSlot{{Axes: []int{1}, Variants: [][]result.RowStep{
		{step(2, "main", "bind(a, x:80)", "ok")}, {step(3, "main", "bind(a, y:80)", "ok")}}}}
	for _, i := range []int{0, 1, 4, 5, 7} {
		fail(&m.Cells[i])
		s := result.SocketInfo{Host: m.ColumnOf(&m.Cells[i]), Protocol: "tcp", State: "LISTEN", Local: "x:80"}
		m.Cells[i].Note = &result.Note{Evidence: []result.Snapshot{{Sockets: []result.SocketInfo{s}}}}
	}
	m.Cells[7].Got = &[]string{"EBADF"}
	text := textOf(t, Text{}, m)
	mustEqual(t, `FAIL e on h0, h1, 4 cells
  lab.yaml:2: main: bind(a, x:80)
    wanted  ok
    got     EINVAL
    sockets tcp LISTEN x:80 on host h0, no process
            as seen in e[axis0=a0,axis1=b0] on h0; -v shows the others
    or      line 3: bind(a, y:80)
    cells   [axis0=a0,axis1=b0]
            [axis0=a0,axis1=b1]
    look    labrun shell --after 'e[axis0=a0,axis1=b0]' lab.yaml h0`, section(t, text, "FAIL e on h0"))
	mustEqual(t, `FAIL e[axis0=a1,axis1=b1] on h1
  lab.yaml:3: main: bind(a, y:80)
    wanted  ok
    got     EBADF
    sockets tcp LISTEN x:80 on host h1, no process
    look    labrun shell --after 'e[axis0=a1,axis1=b1]' lab.yaml h1`, section(t, text, "FAIL e[axis0=a1"))
	if n := strings.Count(textOf(t, Text{Verbose: true}, m), "look    labrun shell"); n != 5 {
		t.Errorf("-v explains %d cells of 5", n)
	}

	m = of(1, 30)
	for i := range m.Cells {
		fail(&m.Cells[i])
	}
	if text := textOf(t, Text{}, m); !strings.Contains(text, "\n            [axis0=a19]\n            and 10 more\n") {
		t.Errorf("not cut:\n%s", text)
	}
}

func TestManyHostsCountTogether(t *testing.T) {
	m := of(20, 2, 3)
	fail(&m.Cells[119])
	text := textOf(t, Text{}, m)
	mustEqual(t, `experiment  pass  fail  skip  error
e           119   1     -     -`, section(t, text, "experiment"))
	mustEqual(t, `e on h0, h1, h2, h3 and 15 more
       axis1
axis0  b0     b1  b2
a0     ok     ok  ok
a1     ok     ok  ok`, section(t, text, "e on h0"))
	mustEqual(t, `e on h19
       axis1
axis0  b0     b1  b2
a0     ok     ok  ok
a1     ok     ok  !EINVAL (want ok)`, section(t, text, "e on h19"))
}

func TestGridNamesItsHosts(t *testing.T) {
	for hosts, want := range map[int]string{1: "e on h0\n", 3: "e on h0, h1, h2\n", 4: "e on all hosts\n",
		20: "e on all hosts\n"} {
		if text := textOf(t, Text{}, of(hosts, 2, 2)); !strings.Contains(text, "\n"+want) {
			t.Errorf("%d hosts: no %q in:\n%s", hosts, want, text)
		}
	}
}

// TestGridTellsOnlyShownAnswersApart: what is not shown makes no second grid.
func TestGridTellsOnlyShownAnswersApart(t *testing.T) {
	m := of(2, 2, 2)
	m.Rows[0].Slots = []result.RowSlot{slot(step(1, "main", "getsockopt(a, SO_RCVBUF)", "?")), m.Rows[0].Slots[0]}
	for i := range m.Cells {
		m.Cells[i].Got = &[]string{fmt.Sprint(i), "ok"}
	}
	if text := textOf(t, Text{}, m); !strings.Contains(text, "\ne on h0, h1\n") {
		t.Errorf("two grids:\n%s", text)
	}
}

func TestManyOutcomes(t *testing.T) {
	m := of(20, 5, 5)
	for h := range 20 {
		fail(&m.Cells[25*h+h])
	}
	text := textOf(t, Text{}, m)
	if n := strings.Count(text, "\ne on h"); n != mostOutcomes ||
		!strings.Contains(text, "\ne and 4 more outcomes: -o FILE.json has them all\n") {
		t.Errorf("%d grids:\n%s", n, text)
	}
}

func TestTooManyRows(t *testing.T) {
	text := section(t, textOf(t, Text{}, of(1, 41, 5, 2)), "e on h0")
	lines := strings.Split(text, "\n")
	mustEqual(t, `and 5 more rows: -o FILE.json has them all, and some are shown by
  labrun --only 'e[axis0=a0]' lab.yaml`, strings.Join(lines[len(lines)-2:], "\n"))
	if len(lines) != 3+mostRows+2 {
		t.Errorf("%d lines", len(lines))
	}
}

func TestTooManyCells(t *testing.T) {
	m := of(1, 41, 5, 10)
	text := textOf(t, Text{}, m)
	mustEqual(t, `e on h0: 2050 cells are too many to show. -o FILE.json has them all, and a part of them is shown by
  labrun --only 'e[axis0=a0]' lab.yaml`, section(t, text, "e on h0"))

	for _, i := range []int{13, 17, 2049} {
		fail(&m.Cells[i])
	}
	text = textOf(t, Text{}, m)
	mustEqual(t, `e on h0: 2050 cells are too many to show. -o FILE.json has them all, and a part of them is shown by
  labrun --only 'e[axis0=a0]' lab.yaml
These rows are wrong, or the first of those that are:
              axis2
axis0  axis1  c0     c1  c2  c3                 c4  c5  c6  c7                 c8  c9
a0     b1     ok     ok  ok  !EINVAL (want ok)  ok  ok  ok  !EINVAL (want ok)  ok  ok
a40    b4     ok     ok  ok  ok                 ok  ok  ok  ok                 ok  !EINVAL (want ok)`, section(t, text, "e on h0"))

	for i := range m.Cells {
		fail(&m.Cells[i])
	}
	text = textOf(t, Text{}, m)
	if n := strings.Count(section(t, text, "e on h0"), "\n"); n != 4+mostWrong {
		t.Errorf("%d lines:\n%s", n, section(t, text, "e on h0"))
	}
}

// TestTooWide has an axis that goes across no page.
func TestTooWide(t *testing.T) {
	mustEqual(t, `e on h0
       axis0
axis1  a0     a1
b0     ok     ok
b1     ok     ok`, strings.Join(strings.Split(section(t, textOf(t, Text{}, of(1, 2, 50)), "e on h0"), "\n")[:5], "\n"))

	// Nothing fits: the narrowest one it is.
	m := of(1, 41, 42)
	text := section(t, textOf(t, Text{}, m), "e on h0")
	if !strings.HasPrefix(text, "e on h0\n       axis0\naxis1  a0     a1") {
		t.Errorf("the wider axis goes across:\n%s", text)
	}
}

// TestPieces has tables that are wider than a terminal, and one column that is.
func TestPieces(t *testing.T) {
	m := of(5, 2, 6)
	fail(&m.Cells[3])
	m.Columns[0].Host = "a-host"
	text := textOf(t, Text{Width: 36}, m)
	mustEqual(t, `
experiment  a-host        h1
e           FAIL 1 of 12  pass 12

experiment  h2       h3
e           pass 12  pass 12

experiment  h4
e           pass 12

e on a-host
       axis1
axis0  b0     b1  b2
a0     ok     ok  ok
a1     ok     ok  ok

       axis1
axis0  b3                 b4  b5
a0     !EINVAL (want ok)  ok  ok
a1     ok                 ok  ok

e on h1, h2, h3, h4
       axis1
axis0  b0     b1  b2  b3  b4  b5
a0     ok     ok  ok  ok  ok  ok
a1     ok     ok  ok  ok  ok  ok
`, strings.TrimPrefix(text[:strings.Index(text, "\nFAIL ")], "lab\n"))
	// As wide as the terminal is not too wide, in colour neither.
	for _, text := range []Text{{}, {Colour: true}} {
		tables := func() string { // without what is said of a cell, whose lines end at words
			before, _, _ := strings.Cut(textOf(t, text, m), "lab.yaml:2:")
			return before
		}
		whole := tables()
		text.Width = len("e           FAIL 1 of 12  pass 12  pass 12  pass 12  pass 12")
		if got := tables(); got != whole {
			t.Errorf("cut into pieces: %s", got)
		}
		text.Width--
		if got := tables(); got == whole {
			t.Errorf("not cut: %s", got)
		}
	}
}

func TestManyFailures(t *testing.T) {
	m := of(2, 3, 4)
	for i := range 21 { // no two alike
		fail(&m.Cells[i])
		m.Cells[i].Got = &[]string{fmt.Sprint("E", i)}
	}
	text := textOf(t, Text{}, m)
	if n := strings.Count(text, "look    labrun shell"); n != firstFew {
		t.Errorf("%d failures are explained, want %d", n, firstFew)
	}
	if want := "\nFAIL e: and 11 more: labrun --only e -v lab.yaml\n"; !strings.Contains(text, want) {
		t.Errorf("no %q in:\n%s", want, text)
	}
	if n := strings.Count(textOf(t, Text{Verbose: true}, m), "look    labrun shell"); n != 21 {
		t.Errorf("-v explains %d failures of 21", n)
	}
	m.Cells[0].Verdict = result.Pass // twenty are not too many
	if n := strings.Count(textOf(t, Text{}, m), "look    labrun shell"); n != 20 {
		t.Errorf("%d failures of 20 are explained", n)
	}
}

func TestManyReasons(t *testing.T) {
	m := of(2, 3, 4)
	for i := range 21 {
		m.Cells[i].Verdict, m.Cells[i].Note = result.Error, &result.Note{Reason: fmt.Sprint("reason ", i)}
	}
	text := textOf(t, Text{}, m)
	if want := "  reason 9\n\nERROR and for 11 more reasons: labrun -v lab.yaml\n"; !strings.Contains(text, want) ||
		strings.Contains(text, "reason 10") {
		t.Errorf("no %q in:\n%s", want, text)
	}
	m.Cells[3].Note = m.Cells[4].Note
	mustEqual(t, "ERROR e[axis0=a0,axis1=b3] on h0, e[axis0=a1,axis1=b0] on h0\n  reason 4",
		section(t, textOf(t, Text{}, m), "ERROR e[axis0=a0,axis1=b3]"))
}

func TestVisible(t *testing.T) {
	for line, want := range map[string]string{
		"plain \t\u00e9": "plain \t\u00e9", "\x1b[31m": `\x1b[31m`, "a\r": `a\r`, "broken \xff": `broken \xff`,
		"\ufffd": "\ufffd", "\u202e": `\u202e`,
	} {
		if got := lab.Visible(line); got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

// TestLegendOfRedCells: "-" is explained too where it stands behind a red answer.
func TestLegendOfRedCells(t *testing.T) {
	m := result.Matrix{
		File: "lab.yaml", Name: "lab", Columns: result.OnHosts("alpha"),
		Rows: []result.Row{{Name: "pair", Axes: []lab.Axis{{Name: "first", Values: []string{"x", "any"}}},
			Slots: []result.RowSlot{slot(shown(5, "bind(a, x:80)", "ok")), slot(shown(6, "listen(a, 1)", "ok"))}}},
		Cells: []result.Cell{
			{Combo: 0, Got: &[]string{"ok", "ok"}},
			{Combo: 1, Verdict: result.Fail, Got: &[]string{"EADDRINUSE"}},
		},
	}
	text := write(t, Text{}.Write, result.NewReport(result.Environment{}, []result.Matrix{m}))
	for _, want := range []string{"!EADDRINUSE/- (want ok/ok)", `answers of bind/listen; "-" was not called`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
