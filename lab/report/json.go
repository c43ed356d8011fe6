package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"labrun/lab"
)

// JSON writes the report as one object: indented, but for a line to each host,
// to each variant of a row's steps and to each cell. It holds no more than such a line.
func JSON(w io.Writer, r lab.Report) error {
	j := &jsonWriter{b: bufio.NewWriterSize(w, 1<<16)}
	j.enc = json.NewEncoder(&j.scratch)
	j.enc.SetEscapeHTML(false) // "->" and "<" stay readable
	j.open('{')
	j.field("environment", r.Environment)
	j.field("digest", r.Digest)
	j.field("counts", r.Counts)
	j.key("topologies")
	j.open('[')
	for i := range r.Matrices {
		j.next()
		j.matrix(&r.Matrices[i])
	}
	j.close(']')
	j.close('}')
	j.raw("\n")
	if j.err != nil {
		return j.err
	}
	return j.b.Flush()
}

// jsonWriter writes JSON piece by piece. The objects and arrays that it opens
// have a line for each of their items; what is in those is written at once.
type jsonWriter struct {
	b       *bufio.Writer
	err     error // the first one of the encoder
	indent  []byte
	filled  bool // the object or array has an item already
	enc     *json.Encoder
	scratch bytes.Buffer // of enc
	line    []byte
	name    []byte
}

func (j *jsonWriter) raw(s string) { _, _ = j.b.WriteString(s) } // Flush tells

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

func (j *jsonWriter) field(name string, v any) {
	j.key(name)
	j.enc.SetIndent(string(j.indent), "  ")
	j.value(v)
	j.enc.SetIndent("", "")
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
	if err := j.enc.Encode(v); err != nil && j.err == nil {
		j.err = err
	}
	return bytes.TrimSuffix(j.scratch.Bytes(), []byte("\n"))
}

func (j *jsonWriter) matrix(m *lab.Matrix) {
	j.open('{')
	j.field("file", m.File)
	j.field("name", m.Name)
	j.text("doc", m.Doc)
	j.text("source", m.Source)
	if len(m.Included) > 0 {
		j.key("included")
		j.open('[')
		for i := range m.Included {
			j.next()
			j.value(&m.Included[i])
		}
		j.close(']')
	}
	j.layout(&m.Layout)
	j.field("hosts", append([]string{}, m.Hosts...)) // [] and not null
	j.key("rows")
	j.open('[')
	for i := range m.Rows {
		j.next()
		j.row(&m.Rows[i])
	}
	j.close(']')
	j.key("cells")
	j.open('[')
	for i := range m.Cells {
		j.next()
		j.cell(m, &m.Cells[i])
	}
	j.close(']')
	if len(m.Claims) > 0 {
		j.field("claims", m.Claims)
	}
	j.close('}')
}

// layout writes a line for each network and host.
func (j *jsonWriter) layout(l *lab.Layout) {
	if len(l.Networks) == 0 && len(l.Hosts) == 0 {
		return
	}
	j.key("topology")
	j.open('{')
	j.key("networks")
	j.open('[')
	for i := range l.Networks {
		j.next()
		j.value(&l.Networks[i])
	}
	j.close(']')
	j.key("hosts")
	j.open('[')
	for i := range l.Hosts {
		j.next()
		j.value(&l.Hosts[i])
	}
	j.close(']')
	j.close('}')
}

func (j *jsonWriter) row(r *lab.Row) {
	j.open('{')
	j.field("name", r.Name)
	j.text("doc", r.Doc)
	j.text("claim", r.Claim)
	j.text("file", r.File)
	j.field("line", r.Line)
	if len(r.Axes) > 0 {
		j.key("axes")
		j.open('[')
		for _, a := range r.Axes {
			j.next()
			j.value(a)
		}
		j.close(']')
	}
	j.key("steps")
	j.open('[')
	for i := range r.Slots {
		j.next()
		j.slot(&r.Slots[i])
	}
	j.close(']')
	j.close('}')
}

func (j *jsonWriter) slot(s *lab.RowSlot) {
	j.open('{')
	if len(s.Axes) > 0 {
		j.key("axes")
		j.value(s.Axes)
	}
	if s.Shown {
		j.field("shown", true)
	}
	if s.Which != nil {
		j.key("which")
		j.value(s.Which)
	}
	j.key("variants")
	j.open('[')
	for i := range s.Variants {
		j.next()
		if len(s.Variants[i]) == 0 {
			j.raw("[]")
			continue
		}
		j.value(&s.Variants[i]) // a pointer is an interface without an allocation
	}
	j.close(']')
	j.close('}')
}

// cell writes a cell on a line. There may be half a million, so this allocates
// nothing, but for notes and unusual characters.
func (j *jsonWriter) cell(m *lab.Matrix, c *lab.Cell) {
	r := &m.Rows[c.Row]
	j.name = lab.AppendCellName(j.name[:0], r.Name, r.Axes, c.Combo)
	b := append(j.line[:0], `{"cell":`...)
	b = appendString(b, j, j.name)
	b = append(b, `,"host":`...)
	b = appendString(b, j, m.Hosts[c.Host])
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
	if n := c.Note; n != nil {
		if n.Reason != "" {
			b = append(b, `,"reason":`...)
			b = appendString(b, j, n.Reason)
		}
		if len(n.Evidence) > 0 {
			b = append(b, `,"evidence":`...)
			b = append(b, j.encode(n.Evidence)...)
		}
		if len(n.Outputs) > 0 {
			b = append(b, `,"outputs":`...)
			b = append(b, j.encode(n.Outputs)...)
		}
		if len(n.Captures) > 0 {
			b = append(b, `,"captures":`...)
			b = append(b, j.encode(n.Captures)...)
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
