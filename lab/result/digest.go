package result

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"labrun/lab"
)

// DigestOf names the outcome of a run: equal digests mean that the same calls of
// the same cells got the same answers, but for those that the file leaves open. Where
// they stand in which file does not count, nor do its comments and docs, nor the lab
// that it builds, nor the evidence about red cells, nor after how long a call was
// "blocked".
func DigestOf(matrices []Matrix) string {
	return digestOf(matrices, func(c Column) (string, bool) { return c.String(), true })
}

// DigestOn names the outcome of one kernel of several: it is the digest of a run on that kernel alone,
// whose columns have no name but their hosts'. So kernels with equal digests gave the same answers.
func DigestOn(matrices []Matrix, kernel string) string {
	return digestOf(matrices, func(c Column) (string, bool) { return c.Host, c.Kernel == kernel })
}

// digestOf digests the cells of columns that have a name.
func digestOf(matrices []Matrix, nameOf func(Column) (name string, counts bool)) string {
	h := sha256.New()
	var d digest
	for i := range matrices {
		m := &matrices[i]
		names, counts := make([]string, len(m.Columns)), make([]bool, len(m.Columns))
		for j, c := range m.Columns {
			names[j], counts[j] = nameOf(c)
		}
		row := int32(-1)
		for j := range m.Cells {
			c := &m.Cells[j]
			if !counts[c.Column] {
				continue
			}
			if c.Row != row {
				row = c.Row
				d.shape = lab.ShapeOf(m.Rows[row].Axes)
				d.values = make([]int, len(d.shape))
			}
			d.b = d.b[:0]
			d.cell(m, c, names[c.Column])
			h.Write(d.b) // a hash takes every write
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

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
