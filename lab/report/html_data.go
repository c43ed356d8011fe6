package report

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"

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
	b        *bufio.Writer
	err      error // the first one of the encoder
	words    numbered[string]
	steps    numbered[result.RowStep]
	variants numbered[string] // of the steps' indices, as JSON writes them
	answers  numbered[string] // of the words' indices
	notes    numbered[string]
	known    map[string]int // answers, by the words themselves
	scratch  []byte
	number   []byte
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

// dataBlock writes the data of a page.
func dataBlock(b *bufio.Writer, r result.Report) error {
	d := &pageData{b: b, known: map[string]int{}}
	d.raw(`{"topologies":[`)
	for i := range r.Matrices {
		d.comma(i)
		d.matrix(&r.Matrices[i])
	}
	d.raw(`],"variants":[`)
	for i, v := range d.variants.all {
		d.comma(i)
		d.raw(v)
	}
	d.raw(`],"answers":[`)
	for i, a := range d.answers.all {
		d.comma(i)
		d.raw("[" + a + "]")
	}
	d.raw(`],"notes":[`)
	for i, n := range d.notes.all {
		d.comma(i)
		d.raw(n)
	}
	d.raw(`],"steps":[`)
	for i, s := range d.steps.all {
		d.comma(i)
		shown := 0
		if s.Shown || s.Asked {
			shown = 1
		}
		d.numbers(s.Line, d.words.of(s.Process), d.words.of(s.Call), d.words.of(s.Words(s.Want)), shown,
			d.words.of(s.Words(string(lab.Blocked))), s.Rule,
			d.words.of(lab.CallName(s.Call)))
	}
	d.raw(`],"words":`)
	d.value(append([]string{}, d.words.all...)) // [] and not null
	d.raw("}")
	return d.err
}

func (d *pageData) raw(s string) { _, _ = d.b.WriteString(s) } // Flush tells

func (d *pageData) comma(i int) {
	if i > 0 {
		_ = d.b.WriteByte(',')
	}
}

func (d *pageData) value(v any) { _, _ = d.b.Write(d.encode(v)) }

func (d *pageData) encode(v any) []byte {
	text, err := json.Marshal(v) // of what is visible already
	if err != nil && d.err == nil {
		d.err = err
	}
	return text
}

func (d *pageData) numbers(numbers ...int) {
	for i, n := range numbers {
		d.comma(i)
		d.number = strconv.AppendInt(d.number[:0], int64(n), 10)
		_, _ = d.b.Write(d.number)
	}
}

func (d *pageData) matrix(m *result.Matrix) {
	d.raw(`{"file":`)
	d.value(m.File)
	d.raw(`,"name":`)
	d.value(m.Name)
	d.raw(`,"hosts":`)
	d.value(append([]string{}, m.Heads()...))
	if slices.ContainsFunc(m.Columns, func(c result.Column) bool { return c.Kernel != "" }) {
		d.raw(`,"alone":[`)
		for i, c := range m.Columns {
			d.comma(i)
			d.value(c.Host)
		}
		d.raw("]")
	}
	d.raw(`,"rows":[`)
	for i := range m.Rows {
		d.comma(i)
		d.row(m, &m.Rows[i])
	}
	d.raw(`],"blocks":[`)
	noted := []int{} // cells and their notes, in turn
	for first, cells := range runs(m.Cells, inBlock) {
		d.comma(first)
		d.block(cells)
		for i := range cells {
			if note := cells[i].Note; note != nil {
				if len(note.Flaky) > 0 { // the page has words for it, as for other reasons
					said := *note
					said.Reason, said.Flaky, note = cells[i].Reason(), nil, &said
				}
				noted = append(noted, first+i, d.notes.of(string(d.encode(note))))
			}
		}
	}
	d.raw(`],"noted":[`)
	d.numbers(noted...)
	d.raw("]}")
}

// row writes a row; of each slot which variant it is, for every combination of its axes,
// and again for the hosts of every kernel that has to answer otherwise.
func (d *pageData) row(m *result.Matrix, r *result.Row) {
	d.raw(`{"name":`)
	d.value(r.Name)
	d.raw(`,"doc":`)
	d.value(r.Doc)
	d.raw(`,"claim":`)
	d.value(r.Claim.Name)
	if r.Claim.Against {
		d.raw(`,"against":true`)
	}
	if source := includedAt(m, r); source >= 0 {
		d.raw(`,"source":"` + includedID(source) + `"`)
	}
	if r.File != "" {
		d.raw(`,"file":`)
		d.value(r.File)
	}
	d.raw(`,"line":`)
	d.numbers(r.Line)
	d.raw(`,"axes":`)
	d.value(append([]lab.Axis{}, r.Axes...))
	d.raw(`,"slots":[`)
	shape := lab.ShapeOf(r.Axes)
	for i := range r.Slots {
		s := &r.Slots[i]
		d.comma(i)
		d.raw(`{"axes":[`)
		d.numbers(s.Axes...)
		d.raw(`],"shown":` + strconv.FormatBool(tells(s)))
		d.choices(s, "", shape)
		for n, o := range s.Others {
			var hosts []int
			for c := range m.Columns {
				if m.Columns[c].Kernel == o.Kernel {
					hosts = append(hosts, c)
				}
			}
			d.raw([]string{`,"others":[`, ","}[min(n, 1)] + `{"hosts":[`)
			d.numbers(hosts...)
			d.raw("]")
			d.choices(s, o.Kernel, shape)
			d.raw("}")
		}
		if len(s.Others) > 0 {
			d.raw("]")
		}
		d.raw("}")
	}
	d.raw("]}")
}

// choices writes which variant a slot is on a kernel, -1 where no combination needs one.
func (d *pageData) choices(s *result.RowSlot, kernel string, shape lab.Shape) {
	var numbers []int
	for _, steps := range s.On(kernel) {
		numbers = append(numbers, d.variant(steps))
	}
	d.raw(`,"variants":[`)
	for c := range shape.Size(s.Axes) {
		d.comma(c)
		if v := s.VariantOf.At(c); v >= 0 {
			d.numbers(numbers[v])
		} else {
			d.numbers(-1)
		}
	}
	d.raw("]")
}

func (d *pageData) variant(steps []result.RowStep) int {
	d.scratch = append(d.scratch[:0], '[')
	for i, s := range steps {
		if i > 0 {
			d.scratch = append(d.scratch, ',')
		}
		d.scratch = strconv.AppendInt(d.scratch, int64(d.steps.of(s)), 10)
	}
	d.scratch = append(d.scratch, ']')
	return d.variants.of(string(d.scratch))
}

// block writes the cells of one row and one host: row and host, runs of combinations
// that follow each other, a digit for each verdict, a number for each cell's answers.
func (d *pageData) block(cells []result.Cell) {
	d.raw("[")
	d.numbers(int(cells[0].Row), int(cells[0].Column))
	d.raw(",[")
	for start, run := range runs(cells, func(a, b *result.Cell) bool { return a.Combo+1 == b.Combo }) {
		d.comma(start)
		d.numbers(int(run[0].Combo), len(run))
	}
	d.raw(`],"`)
	for i := range cells {
		_ = d.b.WriteByte('0' + byte(cells[i].Verdict))
	}
	d.raw(`",[`)
	for i := range cells {
		d.comma(i)
		d.scratch = d.scratch[:0]
		for _, got := range cells[i].Answers() {
			d.scratch = binary.AppendUvarint(d.scratch, uint64(len(got)))
			d.scratch = append(d.scratch, got...)
		}
		a, ok := d.known[string(d.scratch)]
		if !ok {
			key := string(d.scratch)
			a = d.answer(cells[i].Answers())
			d.known[key] = a
		}
		d.numbers(a)
	}
	d.raw("]]")
}

func (d *pageData) answer(got []string) int {
	d.scratch = d.scratch[:0]
	for i, s := range got {
		if i > 0 {
			d.scratch = append(d.scratch, ',')
		}
		d.scratch = strconv.AppendInt(d.scratch, int64(d.words.of(s)), 10)
	}
	return d.answers.of(string(d.scratch))
}
