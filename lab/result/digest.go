package result

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"labrun/lab"
)

// DigestOf names the outcome of a run: equal digests mean that the same calls of
// the same cells got the same answers, but for those that the file leaves open. Where
// they stand in which file does not count, nor do its comments and docs, nor the lab
// that it builds, nor the evidence about red cells, nor after how long a call was
// "blocked".
func DigestOf(matrices []Matrix) string {
	return digestOf(matrices, everyColumn)
}

// DigestOn names the outcome of one kernel of several: it is the digest of a run on that kernel alone,
// whose columns have no name but their hosts'. So kernels with equal digests gave the same answers.
func DigestOn(matrices []Matrix, kernel string) string {
	return digestOf(matrices, columnsOn(kernel))
}

func everyColumn(c Column) (string, bool) { return c.String(), true }

func columnsOn(kernel string) func(Column) (string, bool) {
	return func(c Column) (string, bool) { return c.Host, c.Kernel == kernel }
}

// digestOf digests the cells of columns that have a name.
func digestOf(matrices []Matrix, nameOf func(Column) (name string, counts bool)) string {
	d := newDigester(nameOf)
	for i := range matrices {
		m := &matrices[i]
		d.begin(m)
		for j := range m.Cells {
			d.add(&m.Cells[j])
		}
	}
	return d.digest()
}

// digester digests the cells of matrices one by one.
type digester struct {
	nameOf func(Column) (name string, counts bool)
	hash   hash.Hash
	out    digest

	m      *Matrix // at hand
	names  []string
	counts []bool
	row    int32
}

func newDigester(nameOf func(Column) (name string, counts bool)) *digester {
	return &digester{nameOf: nameOf, hash: sha256.New()}
}

// begin has the next cells be those of a matrix.
func (d *digester) begin(m *Matrix) {
	d.m, d.row = m, -1
	d.names, d.counts = make([]string, len(m.Columns)), make([]bool, len(m.Columns))
	for i, c := range m.Columns {
		d.names[i], d.counts[i] = d.nameOf(c)
	}
}

func (d *digester) add(c *Cell) {
	if !d.counts[c.Column] {
		return
	}
	if c.Row != d.row {
		d.row = c.Row
		d.out.shape = lab.ShapeOf(d.m.Rows[c.Row].Axes)
		d.out.values = make([]int, len(d.out.shape))
	}
	d.out.b = d.out.b[:0]
	d.out.cell(d.m, c, d.names[c.Column])
	d.hash.Write(d.out.b) // a hash takes every write
}

func (d *digester) digest() string { return "sha256:" + hex.EncodeToString(d.hash.Sum(nil)) }

// digest writes down the outcome of one cell after the other in such a way that
// no two outcomes read the same.
type digest struct {
	b      []byte // the outcome
	name   []byte
	shape  lab.Shape // of the row
	values []int     // of the cell
}

func (d *digest) number(n int) { d.b = binary.AppendUvarint(d.b, uint64(n)) }

func (d *digest) word(s string) {
	d.number(len(s))
	d.b = append(d.b, s...)
}

// cell writes down a cell: its name, its column's, its verdict, and the steps that it made with
// what each wanted and was answered. An answer that the file leaves open is written as "?",
// unless it made the cell red.
func (d *digest) cell(m *Matrix, c *Cell, column string) {
	r := &m.Rows[c.Row]
	d.name = lab.AppendCellName(d.name[:0], r.Name, r.Axes, c.Combo)
	d.word(m.Name)
	d.number(len(d.name))
	d.b = append(d.b, d.name...)
	d.word(column)
	d.b = append(d.b, byte(c.Verdict))
	got := c.Answers()
	n := len(got)
	d.number(n)
	d.shape.ValuesInto(d.values, c.Combo)
	for i := range r.Slots {
		slot := &r.Slots[i]
		for _, s := range slot.At(m.Columns[c.Column].Kernel, d.shape, d.values) {
			if len(got) == 0 {
				return
			}
			d.word(s.Process)
			d.word(s.Call)
			d.word(s.Want)
			answer := got[0]
			if s.Open && !c.Reds(n-len(got)) {
				answer = string(lab.Unasked)
			}
			d.word(answer)
			got = got[1:]
		}
	}
}
