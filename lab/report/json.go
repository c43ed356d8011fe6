package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"labrun/lab"
	"labrun/lab/result"
)

// JSON writes the report as one object: indented, but for a line to each host,
// to each variant of a row's steps and to each cell. It holds no more than such a line.
func JSON(w io.Writer, r result.Report) error {
	return writeJSON(w, &r, contents{
		cells: func(matrix int) iter.Seq2[*result.Cell, error] {
			return func(yield func(*result.Cell, error) bool) {
				cells := r.Matrices[matrix].Cells
				for i := range cells {
					if !yield(&cells[i], nil) {
						return
					}
				}
			}
		},
		timed: len(r.Environment.Seconds),
		seconds: func(matrix int) iter.Seq2[float32, error] {
			return func(yield func(float32, error) bool) {
				for _, s := range r.Environment.Seconds[matrix] {
					if !yield(s, nil) {
						return
					}
				}
			}
		},
	})
}

// contents are what a report may have millions of, which need not be in memory.
type contents struct {
	cells   func(matrix int) iter.Seq2[*result.Cell, error]
	timed   int // how many of the matrices have a list of seconds, if only an empty one
	seconds func(matrix int) iter.Seq2[float32, error]
}

// writeJSON writes a report whose cells, and the seconds that they took, come from elsewhere.
func writeJSON(w io.Writer, r *result.Report, of contents) error {
	j := newJSONWriter(w)
	j.field("version", Version)
	j.environment(&r.Environment, of)
	j.field("digest", r.Digest)
	j.field("counts", r.Counts)
	if len(r.Kernels) > 0 {
		j.lines("by_kernel", len(r.Kernels), func(i int) { j.value(&r.Kernels[i]) })
		j.lines("changes", len(r.Changes), func(i int) { j.value(&r.Changes[i]) })
	}
	j.lines("topologies", len(r.Matrices), func(i int) { j.matrix(&r.Matrices[i], of.cells(i)) })
	return j.end()
}

// jsonWriter writes JSON piece by piece. The objects and arrays that it opens
// have a line for each of their items; what is in those is written at once. Kept reports are
// read with grep(1) and diff(1), which work by lines: a line says one thing, and all of it.
type jsonWriter struct {
	b       *bufio.Writer
	err     error // the first one of the encoder
	indent  []byte
	filled  bool // the object or array has an item already
	enc     *json.Encoder
	scratch bytes.Buffer // of enc
	line    []byte
	name    []byte
	note    *result.Note // encoded last
	noted   []byte       // as that
}

// newJSONWriter begins an object, which end ends. A single encoder serves all values: one
// for each would allocate for every line of a report that has a line for each cell.
func newJSONWriter(w io.Writer) *jsonWriter {
	j := &jsonWriter{b: bufio.NewWriterSize(w, 1<<16)}
	j.enc = json.NewEncoder(&j.scratch)
	j.enc.SetEscapeHTML(false) // "->" and "<" stay readable
	j.open('{')
	return j
}

// end ends the object that newJSONWriter began, and returns the first error. Every other
// method may be called after an error, so that what writes a report can be read as a list.
func (j *jsonWriter) end() error {
	j.close('}')
	j.raw("\n")
	if j.err != nil {
		return j.err
	}
	return j.b.Flush()
}

func (j *jsonWriter) raw(s string) { _, _ = j.b.WriteString(s) } // Flush tells

// open begins an object or an array whose items have a line each, and close ends it.
func (j *jsonWriter) open(bracket byte) {
	_ = j.b.WriteByte(bracket)
	j.indent = append(j.indent, "  "...)
	j.filled = false
}

func (j *jsonWriter) close(bracket byte) {
	j.indent = j.indent[:len(j.indent)-2]
	if j.filled {
		j.newline()
	}
	_ = j.b.WriteByte(bracket)
	j.filled = true
}

func (j *jsonWriter) newline() {
	_ = j.b.WriteByte('\n')
	_, _ = j.b.Write(j.indent)
}

// next goes to the line of the next item.
func (j *jsonWriter) next() {
	if j.filled {
		_ = j.b.WriteByte(',')
	}
	j.newline()
	j.filled = true
}

func (j *jsonWriter) key(name string) {
	j.next()
	j.value(name)
	j.raw(": ")
}

// field writes a member, its value over as many lines as it needs: one that is an object
// or an array is indented as the report is.
func (j *jsonWriter) field(name string, v any) {
	j.key(name)
	j.enc.SetIndent(string(j.indent), "  ")
	j.value(v)
	j.enc.SetIndent("", "")
}

// lines writes an array with a line for each item.
func (j *jsonWriter) lines(name string, items int, write func(i int)) {
	j.key(name)
	j.open('[')
	for i := range items {
		j.next()
		write(i)
	}
	j.close(']')
}

// text writes a field that may be missing.
func (j *jsonWriter) text(name, s string) {
	if s != "" {
		j.field(name, s)
	}
}

// value writes a value on the line.
func (j *jsonWriter) value(v any) { _, _ = j.b.Write(j.encode(v)) }

// encode returns the value's JSON, good until the next call.
func (j *jsonWriter) encode(v any) []byte {
	j.scratch.Reset()
	if err := j.enc.Encode(v); err != nil {
		j.fail(err)
	}
	return escapeUnseen(bytes.TrimSuffix(j.scratch.Bytes(), []byte("\n")))
}

// escapeUnseen escapes what the encoder leaves and a terminal obeys: DEL, the controls
// of C1, what turns a line round. All of it stands in strings. Programs choose the names of
// their processes and what they print, and a report is read with cat(1) too; read back, the
// text is what it was.
func escapeUnseen(text []byte) []byte {
	isUnseen := func(r rune) bool { return r != utf8.RuneError && r > '~' && !unicode.IsPrint(r) }
	if bytes.IndexFunc(text, isUnseen) < 0 {
		return text
	}
	var b []byte
	for _, r := range string(text) {
		if !isUnseen(r) {
			b = utf8.AppendRune(b, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			b = fmt.Appendf(b, `\u%04x`, unit)
		}
	}
	return b
}

// environment writes a line for the times of each topology. An only kernel has no object of
// its own: most reports are about one, and had no other form for a long time.
func (j *jsonWriter) environment(e *result.Environment, of contents) {
	j.key("environment")
	j.open('{')
	j.field("labrun", e.Labrun)
	only := e.Kernel("")
	named := slices.ContainsFunc(e.Kernels, func(k result.KernelInfo) bool { return k.Name != "" })
	if named {
		j.lines("kernels", len(e.Kernels), func(i int) { j.value(&e.Kernels[i]) })
	} else {
		j.field("kernel", only.Release)
		j.text("kernel_version", only.Version)
		j.field("machine", only.Machine)
		j.field("user", only.User)
	}
	j.field("started", e.Started)
	j.field("elapsed_seconds", e.Elapsed)
	j.field("jobs", e.Jobs)
	if e.Shard != nil {
		j.field("shard", e.Shard)
	}
	if len(e.Machines) > 0 {
		j.lines("machines", len(e.Machines), func(i int) { j.value(&e.Machines[i]) })
	}
	if !named && len(only.Sysctls) > 0 {
		j.field("sysctls", only.Sysctls)
	}
	if of.timed > 0 {
		j.lines("cell_seconds", of.timed, func(i int) { j.seconds(of.seconds(i)) })
	}
	j.close('}')
}

// seconds writes an array of times on the line; none are [] and not null.
func (j *jsonWriter) seconds(all iter.Seq2[float32, error]) {
	separator := "["
	var s float32
	var one any = &s // a pointer is an interface without an allocation
	for seconds, err := range all {
		if err != nil {
			j.fail(err)
			return
		}
		s = seconds
		j.raw(separator)
		j.value(one)
		separator = ","
	}
	if separator == "[" {
		j.raw(separator)
	}
	j.raw("]")
}

// fail keeps the first error.
func (j *jsonWriter) fail(err error) {
	if j.err == nil {
		j.err = err
	}
}

// matrix writes a matrix. What cells refer to stands before them, so that a reader has it
// by then, and with it all that a run needs to be made again: "labrun rerun" takes a report.
func (j *jsonWriter) matrix(m *result.Matrix, cells iter.Seq2[*result.Cell, error]) {
	j.open('{')
	j.field("file", m.File)
	j.field("name", m.Name)
	j.text("doc", m.Doc)
	if !m.Lesson.IsZero() {
		j.field("lesson", &m.Lesson)
	}
	j.text("source", m.Source)
	if len(m.Included) > 0 {
		j.lines("included", len(m.Included), func(i int) { j.value(&m.Included[i]) })
	}
	j.layout(&m.Layout)
	columns := []any{} // and not null
	for _, c := range m.Columns {
		if c.Kernel == "" {
			columns = append(columns, c.Host)
		} else {
			columns = append(columns, c)
		}
	}
	j.field("hosts", columns)
	j.lines("rows", len(m.Rows), func(i int) { j.row(&m.Rows[i]) })
	j.key("cells")
	j.open('[')
	for c, err := range cells {
		if err != nil {
			j.fail(err)
			break
		}
		j.next()
		j.cell(m, c)
	}
	j.close(']')
	if len(m.Claims) > 0 {
		j.field("claims", m.Claims)
	}
	j.close('}')
}

// column is a column as JSON has it: its host, or an object where there is a kernel to name.
// Reports of version 1 and of one kernel have the names alone.
type column result.Column

func (c *column) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &c.Host); err == nil {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode((*result.Column)(c))
}

// layout writes a line for each network and host. A report of a part of the hosts has all of
// them too: whether two parts are of the same lab is then seen.
func (j *jsonWriter) layout(l *lab.Layout) {
	if len(l.Networks) == 0 && len(l.Hosts) == 0 {
		return
	}
	j.key("topology")
	j.open('{')
	j.lines("networks", len(l.Networks), func(i int) { j.value(&l.Networks[i]) })
	j.lines("hosts", len(l.Hosts), func(i int) { j.value(&l.Hosts[i]) })
	j.close('}')
}

// row writes a row. A claim that a pass speaks against is "not NAME", as in a topology.
func (j *jsonWriter) row(r *result.Row) {
	j.open('{')
	j.field("name", r.Name)
	j.text("doc", r.Doc)
	j.text("claim", r.Claim.String())
	j.text("when", r.Claim.When)
	j.text("file", r.File)
	j.field("line", r.Line)
	if len(r.Axes) > 0 {
		j.lines("axes", len(r.Axes), func(i int) { j.value(r.Axes[i]) })
	}
	j.lines("steps", len(r.Slots), func(i int) { j.slot(&r.Slots[i]) })
	j.close('}')
}

func (j *jsonWriter) slot(s *result.RowSlot) {
	j.open('{')
	if len(s.Axes) > 0 {
		j.key("axes")
		j.value(s.Axes)
	}
	if s.Shown {
		j.field("shown", true)
	}
	if s.VariantOf != nil {
		j.key("which")
		j.value(s.VariantOf)
	}
	j.variants(s.Variants)
	if len(s.Others) > 0 {
		j.lines("others", len(s.Others), func(i int) {
			j.open('{')
			j.field("kernel", s.Others[i].Kernel)
			j.key("which")
			j.value(s.Others[i].Indices)
			j.variants(s.Others[i].Variants)
			j.close('}')
		})
	}
	j.close('}')
}

// variants writes a line for each variant: of two reports of a file that was changed, diff(1)
// shows the variants that changed.
func (j *jsonWriter) variants(variants [][]result.RowStep) {
	j.lines("variants", len(variants), func(i int) {
		if len(variants[i]) == 0 {
			j.raw("[]")
			return
		}
		j.value(&variants[i]) // a pointer is an interface without an allocation
	})
}

// cell writes a cell on a line. There may be half a million, so this allocates
// nothing, but for notes and unusual characters.
func (j *jsonWriter) cell(m *result.Matrix, c *result.Cell) {
	r := &m.Rows[c.Row]
	j.name = lab.AppendCellName(j.name[:0], r.Name, r.Axes, c.Combo)
	b := append(j.line[:0], `{"cell":`...)
	b = appendString(b, j, j.name)
	b = append(b, `,"host":`...)
	b = appendString(b, j, m.Columns[c.Column].Host)
	if k := m.Columns[c.Column].Kernel; k != "" {
		b = append(b, `,"kernel":`...)
		b = appendString(b, j, k)
	}
	b = append(b, `,"verdict":`...)
	b = appendString(b, j, c.Verdict.String())
	b = append(b, `,"got":[`...)
	for i, got := range c.Answers() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, j, got)
	}
	b = append(b, ']')
	if c.Note != nil { // what it has stands beside what the cell has, without braces of its own
		if j.note != c.Note { // neighbours often have one
			j.note, j.noted = c.Note, append(j.noted[:0], j.encode(c.Note)...)
		}
		if len(j.noted) > len("{}") {
			b = append(append(b, ','), j.noted[1:len(j.noted)-1]...)
		}
	}
	j.line = append(b, '}')
	_, _ = j.b.Write(j.line)
}

// appendString appends a string as JSON writes it. The encoder is asked for what
// ASCII's printable characters do not do.
func appendString[S string | []byte](b []byte, j *jsonWriter, s S) []byte {
	start := len(b)
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~':
			return append(b[:start], j.encode(string(s))...)
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
