package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/result"
)

// The data of a page is one JSON object that its scripts read. There may be half
// a million cells, so what many of them share stands in tables, once, and a cell is a
// few numbers:
//
//	topologies  rows, and blocks of cells: one for each row and host
//	variants    lists of steps, by their index
//	steps       eight numbers each: line, the words of process, call and answer wanted,
//	            1 when a grid shows the answer, the words for "blocked", the line of the
//	            rule that wants the answer or 0, the word of the call's name
//	answers     lists of words: what the steps of a cell were answered
//	notes       as in the JSON report
//	words       texts
//
// Nothing of it can end the element that it stands in: the encoder writes "<" as \u003c.
type pageData struct {
	words    numbered[string]
	steps    numbered[result.RowStep]
	variants numbered[string] // as JSON, as the next ones
	answers  numbered[string]
	notes    numbered[string]
	known    map[*[]string]int // answers, by where cells have them
	err      error             // the first one of the encoder
}

// numbered numbers things, each once, in the order in which they come. A page of half a
// million cells says a few hundred different things; by numbers it stays small enough
// for a browser to read as a whole.
type numbered[T comparable] struct {
	index map[T]int
	all   []T
}

func (t *numbered[T]) of(v T) int {
	i, ok := t.index[v]
	if !ok {
		if t.index == nil {
			t.index = map[T]int{}
		}
		i = len(t.all)
		t.index[v] = i
		t.all = append(t.all, v)
	}
	return i
}

// A pageTopology is what the scripts have of a matrix. Lists are never nil, for the
// scripts take none to be null.
type pageTopology struct {
	File   string    `json:"file"`
	Name   string    `json:"name"`
	Hosts  []string  `json:"hosts"`
	Alone  []string  `json:"alone,omitempty"` // without their kernels, as commands take them
	Rows   []pageRow `json:"rows"`
	Blocks [][]any   `json:"blocks"`
	Noted  []int     `json:"noted"`           // cells and their notes, in turn
	Times  string    `json:"times,omitempty"` // a letter for each cell, see timeLetters

	// Of several kernels.
	Kernels []string     `json:"kernels,omitempty"` // older ones first
	On      []int        `json:"on,omitempty"`      // the kernel of each of Hosts
	Table   []pageColumn `json:"table,omitempty"`   // the columns of the matrix
	Sums    bool         `json:"sums,omitempty"`    // a column has the cells of all its hosts, and not of one for all
	Changes []string     `json:"changes,omitempty"` // in a line each
	Changed []int        `json:"changed,omitempty"` // cells and their changes, in turn
}

// A pageColumn is a column of the matrix: hosts that are alike on a kernel.
type pageColumn struct {
	Head  string `json:"head"`
	Group string `json:"group"` // the name of the hosts
	Of    []int  `json:"of"`    // of the topology's Hosts
}

type pageRow struct {
	Name    string     `json:"name"`
	Doc     string     `json:"doc"`
	Claim   string     `json:"claim"`
	Says    string     `json:"says,omitempty"` // what the claim says
	Against bool       `json:"against,omitempty"`
	Source  string     `json:"source,omitempty"` // the part of an id that stands for its file
	File    string     `json:"file,omitempty"`
	Line    int        `json:"line"`
	Axes    []lab.Axis `json:"axes"`
	Slots   []pageSlot `json:"slots"`
}

// A pageSlot has its variant for every combination of its axes, -1 where no combination
// of the row needs one, and again for the hosts of every kernel that has to answer
// otherwise.
type pageSlot struct {
	Axes     []int       `json:"axes"`
	Shown    bool        `json:"shown"`
	Variants []int       `json:"variants"`
	Others   []pageOther `json:"others,omitempty"`
}

type pageOther struct {
	Hosts    []int `json:"hosts"`
	Variants []int `json:"variants"`
}

// dataBlock writes the data of a page, one topology after the other: what is in the
// tables is known only when all have been written.
func dataBlock(b *bufio.Writer, r result.Report) error {
	d := &pageData{known: map[*[]string]int{}}
	raw := func(pieces ...string) {
		for _, s := range pieces {
			_, _ = b.WriteString(s) // Flush tells
		}
	}
	raw(`{"topologies":[`)
	for i := range r.Matrices {
		if i > 0 {
			raw(",")
		}
		raw(d.encode(d.topology(&r, i)))
	}
	steps := []int{}
	for _, s := range d.steps.all {
		shown := 0
		if isTold(s) {
			shown = 1
		}
		steps = append(steps, s.Line, d.words.of(s.Process), d.words.of(s.Call), d.words.of(s.Words(s.Want)), shown,
			d.words.of(s.Words(string(lab.Blocked))), s.Rule, d.words.of(lab.CallName(s.Call)))
	}
	raw(`],"variants":[`, strings.Join(d.variants.all, ","), `],"answers":[`, strings.Join(d.answers.all, ","),
		`],"notes":[`, strings.Join(d.notes.all, ","), `],"steps":`, d.encode(steps),
		`,"words":`, d.encode(append([]string{}, d.words.all...)), "}")
	return d.err
}

// encode returns a value as JSON. No value of a page can fail to be one; if one ever does, the
// page is not written.
func (d *pageData) encode(v any) string {
	text, err := json.Marshal(v) // of what is visible already
	if err != nil && d.err == nil {
		d.err = err
	}
	return string(text)
}

func (d *pageData) topology(r *result.Report, matrix int) pageTopology {
	m := &r.Matrices[matrix]
	t := pageTopology{File: m.File, Name: m.Name, Hosts: append([]string{}, m.Heads()...), Rows: []pageRow{},
		Blocks: [][]any{}, Noted: []int{}, Times: timeLetters(r.SecondsOf(matrix))}
	if slices.ContainsFunc(m.Columns, func(c result.Column) bool { return c.Kernel != "" }) {
		for _, c := range m.Columns {
			t.Alone = append(t.Alone, c.Host)
		}
	}
	t.kernels(r, matrix)
	for i := range m.Rows {
		t.Rows = append(t.Rows, d.row(m, &m.Rows[i]))
	}
	for first, cells := range runs(m.Cells, inBlock) {
		t.Blocks = append(t.Blocks, d.block(cells))
		for i := range cells {
			if note := cells[i].Note; note != nil {
				if len(note.Flaky) > 0 { // the page has words for it, as for other reasons
					said := *note
					said.Reason, said.Flaky, note = cells[i].Reason(), nil, &said
				}
				t.Noted = append(t.Noted, first+i, d.notes.of(d.encode(note)))
			}
		}
	}
	return t
}

// timeAlphabet is what times are written in: what JSON in a page need not escape. The scripts have it too.
var timeAlphabet = func() string {
	var b strings.Builder
	for c := byte(' '); c <= '~'; c++ {
		if !strings.ContainsRune(`"\<>&`, rune(c)) {
			b.WriteByte(c)
		}
	}
	return b.String()
}()

// timeLetters writes how long each cell took, in a letter: ten of them for each power of ten, from
// a microsecond, which are 1, 1.3, 1.6, 2, 2.5, 3.2, 4, 5, 6.3 and 8, the preferred numbers R10 of
// ISO 3. The first letter stands for none, the last one for 630 s and more. A reader looks for cells
// that are slow; the JSON report has the times themselves, which would double the page.
func timeLetters(seconds []float32) string {
	b := make([]byte, len(seconds))
	for i, s := range seconds {
		n := 0
		if s > 0 {
			n = min(max(1, 1+int(math.Round(10*math.Log10(float64(s)*1e6)))), len(timeAlphabet)-1)
		}
		b[i] = timeAlphabet[n]
	}
	return string(b)
}

// kernels adds what scripts have to know of several kernels.
func (t *pageTopology) kernels(r *result.Report, matrix int) {
	m := &r.Matrices[matrix]
	if t.Kernels = kernelsOf(r, m); t.Kernels == nil {
		return
	}
	of := layoutOf(r, matrix)
	t.Sums = of.sums
	group := ""
	for i, head := range of.heads {
		group = cmp.Or(of.groups[i], group)
		t.Table = append(t.Table, pageColumn{Head: head, Group: group, Of: []int{}})
	}
	for i, c := range m.Columns {
		t.On = append(t.On, slices.Index(t.Kernels, c.Kernel))
		if at := of.stands[i]; at >= 0 {
			t.Table[at].Of = append(t.Table[at].Of, i)
		}
	}
	changed, known := r.Changed(), map[*result.Change]int{}
	for i := range m.Cells {
		change := changed(matrix, &m.Cells[i])
		if change == nil {
			continue
		}
		at, ok := known[change]
		if !ok {
			at = len(t.Changes)
			known[change] = at
			t.Changes = append(t.Changes, changeLine(change))
		}
		t.Changed = append(t.Changed, i, at)
	}
}

func (d *pageData) row(m *result.Matrix, r *result.Row) pageRow {
	row := pageRow{Name: r.Name, Doc: r.Doc, Claim: r.Claim.Name, Against: r.Claim.Against, File: r.File,
		Line: r.Line, Axes: append([]lab.Axis{}, r.Axes...), Slots: []pageSlot{}}
	if i := slices.IndexFunc(m.Claims, func(c result.ClaimResult) bool { return c.Name == r.Claim.Name }); i >= 0 {
		row.Says = m.Claims[i].Text
	}
	if i := includedAt(m, r); i >= 0 {
		row.Source = includedID(i)
	}
	combinations := lab.ShapeOf(r.Axes)
	for i := range r.Slots {
		s := &r.Slots[i]
		n := combinations.Size(s.Axes)
		slot := pageSlot{Axes: append([]int{}, s.Axes...), Shown: tells(s), Variants: d.choices(s, "", n)}
		for _, o := range s.Others {
			other := pageOther{Hosts: []int{}, Variants: d.choices(s, o.Kernel, n)}
			for c := range m.Columns {
				if m.Columns[c].Kernel == o.Kernel {
					other.Hosts = append(other.Hosts, c)
				}
			}
			slot.Others = append(slot.Others, other)
		}
		row.Slots = append(row.Slots, slot)
	}
	return row
}

// choices returns which variant a slot is on a kernel, for each combination of its axes.
func (d *pageData) choices(s *result.RowSlot, kernel string, combinations int) []int {
	var numbers []int
	for _, steps := range s.On(kernel) {
		all := []int{}
		for _, step := range steps {
			all = append(all, d.steps.of(step))
		}
		numbers = append(numbers, d.variants.of(d.encode(all)))
	}
	choices := make([]int, combinations)
	for c := range choices {
		choices[c] = -1
		if v := s.VariantOf.At(c); v >= 0 {
			choices[c] = numbers[v]
		}
	}
	return choices
}

// block returns the cells of one row and one host: row and host, runs of combinations
// that follow each other, a digit for each verdict, a number for each cell's answers.
func (d *pageData) block(cells []result.Cell) []any {
	var combos []int
	for _, run := range runs(cells, func(a, b *result.Cell) bool { return a.Combo+1 == b.Combo }) {
		combos = append(combos, int(run[0].Combo), len(run))
	}
	verdicts, answers := make([]byte, len(cells)), make([]int, len(cells))
	for i := range cells {
		verdicts[i] = '0' + byte(cells[i].Verdict)
		answers[i] = d.answer(cells[i].Got)
	}
	return []any{cells[0].Row, cells[0].Column, combos, string(verdicts), answers}
}

// answer numbers the answers of a cell. Cells share them by the thousand, so where they lie
// is looked up before what they say.
func (d *pageData) answer(got *[]string) int {
	n, ok := d.known[got]
	if !ok {
		words := []int{}
		if got != nil {
			for _, s := range *got {
				words = append(words, d.words.of(s))
			}
		}
		n = d.answers.of(d.encode(words))
		d.known[got] = n
	}
	return n
}
