package report

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"labrun/lab"
	"labrun/lab/result"
)

// Spool is a file of the reader's own, for cells on their way from one report to another: it is written from its
// beginning, and read anywhere.
type Spool interface {
	io.Writer
	io.ReaderAt
}

// run is cells, or seconds, that lie in a spool one after the other.
type run struct {
	at, size int64 // in bytes
	n        int
}

// spool has cells in a form that takes about 5 bytes for each, where the report takes 100 or more: they go by numbers,
// and what many of them say is in memory once, under a number too.
type spool struct {
	file    Spool
	b       *bufio.Writer
	at      int64
	line    []byte // at hand
	last    result.Cell
	answers numbering[[]string]
	notes   numbering[result.Note]
}

func newSpool(file Spool) *spool { return &spool{file: file, b: bufio.NewWriterSize(file, 1<<18)} }

// numbering are values that are in memory, by numbers from firstNumber on.
type numbering[T any] struct {
	of  map[*T]uint64
	all []*T
}

// What stands in place of a number: nothing, or a value of which there are too many.
const (
	noNumber = iota
	inline
	firstNumber
)

// number returns the number of a value, and false where it has none. Only those get one that are shared anyhow.
func (n *numbering[T]) number(v *T, shared int) (uint64, bool) {
	if v == nil {
		return noNumber, true
	}
	if i, ok := n.of[v]; ok {
		return i, true
	}
	if len(n.all) >= shared {
		return inline, false
	}
	if n.of == nil {
		n.of = map[*T]uint64{}
	}
	i := uint64(firstNumber + len(n.all))
	n.of[v], n.all = i, append(n.all, v)
	return i, true
}

// begin begins a run.
func (s *spool) begin() run {
	s.last = result.Cell{Row: -1}
	return run{at: s.at}
}

// write appends the line at hand to a run.
func (s *spool) write(r *run) error {
	n, err := s.b.Write(s.line)
	s.at += int64(n)
	r.size += int64(n)
	r.n++
	if err != nil {
		return &spoolError{err}
	}
	return nil
}

// spoolError is a failure to write a spool: no fault of the report that is read.
type spoolError struct{ error }

func (e *spoolError) Unwrap() error { return e.error }
func (e *spoolError) Error() string { return fmt.Sprintf("put cells aside: %v", e.error) }

// second appends a time to a run.
func (s *spool) second(r *run, seconds float32) error {
	s.line = binary.LittleEndian.AppendUint32(s.line[:0], math.Float32bits(seconds))
	return s.write(r)
}

// cell appends a cell to a run. Its first number says its verdict, and whether it is in the row and the column of the
// one before: then the next one is by how many combinations it is behind that, and else all of its place stands there.
func (s *spool) cell(r *run, c *result.Cell, of *sharedValues) error {
	b := s.line[:0]
	if c.Row == s.last.Row && c.Column == s.last.Column {
		b = binary.AppendUvarint(b, uint64(c.Verdict)<<1)
		b = binary.AppendUvarint(b, uint64(c.Combo-s.last.Combo))
	} else {
		b = binary.AppendUvarint(b, uint64(c.Verdict)<<1|1)
		b = binary.AppendUvarint(b, uint64(c.Row))
		b = binary.AppendUvarint(b, uint64(c.Column))
		b = binary.AppendUvarint(b, uint64(c.Combo))
	}
	s.last = *c
	n, ok := s.answers.number(c.Got, len(of.answers.values))
	b = binary.AppendUvarint(b, n)
	if !ok {
		b = appendValue(b, *c.Got)
	}
	n, ok = s.notes.number(c.Note, len(of.notes.values))
	b = binary.AppendUvarint(b, n)
	if !ok {
		b = appendValue(b, c.Note)
	}
	s.line = b
	return s.write(r)
}

// appendValue appends a value with its length.
func appendValue(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers
	}
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// flush has all of the spool readable.
func (s *spool) flush() error {
	if err := s.b.Flush(); err != nil {
		return &spoolError{err}
	}
	return nil
}

// read returns the cells of a run, with the seconds of another one, which may have none. buffer is how many bytes it
// holds of each.
func (s *spool) read(cells, seconds run, buffer int) result.Cells {
	open := func(r run) *bufio.Reader {
		if r.n == 0 {
			return nil
		}
		return bufio.NewReaderSize(io.NewSectionReader(s.file, r.at, r.size), min(buffer, int(r.size)))
	}
	c := &spooled{spool: s, cells: open(cells), left: cells.n}
	if seconds.n == cells.n {
		c.seconds = open(seconds)
	}
	return c
}

// spooled are the cells of a run.
type spooled struct {
	*spool
	cells, seconds *bufio.Reader // the latter is nil when they are not known
	left           int
	last           result.Cell
	four           [4]byte // of seconds, kept for its room
}

func (c *spooled) Left() int { return c.left }

func (c *spooled) Next() (result.Timed, bool, error) {
	if c.left == 0 {
		return result.Timed{}, false, nil
	}
	c.left--
	t, err := c.next()
	if err != nil {
		err = fmt.Errorf("read the cells that were put aside: %w", err)
	}
	return t, err == nil, err
}

func (c *spooled) next() (t result.Timed, err error) {
	number := func() (n uint64) {
		if err == nil {
			n, err = binary.ReadUvarint(c.cells)
		}
		return n
	}
	head := number()
	t.Verdict = result.Verdict(head >> 1)
	if head&1 == 0 {
		t.Row, t.Column = c.last.Row, c.last.Column
		t.Combo = c.last.Combo + lab.Combo(number())
	} else {
		t.Row, t.Column, t.Combo = int32(number()), int32(number()), lab.Combo(number())
	}
	c.last = t.Cell
	if t.Got, err = numberedValue(c, number(), &c.answers, err); err != nil {
		return t, err
	}
	if t.Note, err = numberedValue(c, number(), &c.notes, err); err != nil || c.seconds == nil {
		return t, err
	}
	_, err = io.ReadFull(c.seconds, c.four[:])
	t.Seconds = math.Float32frombits(binary.LittleEndian.Uint32(c.four[:]))
	return t, err
}

// numberedValue returns the value of a number, which may stand behind it.
func numberedValue[T any](c *spooled, n uint64, of *numbering[T], err error) (*T, error) {
	switch {
	case err != nil || n == noNumber:
		return nil, err
	case n != inline && n-firstNumber < uint64(len(of.all)):
		return of.all[n-firstNumber], nil
	case n != inline:
		return nil, errors.New("it was changed meanwhile")
	}
	size, err := binary.ReadUvarint(c.cells)
	if err == nil && size > mostValue+mostValue/2 { // what is escaped here may not have been there
		err = errors.New("it was changed meanwhile")
	}
	if err != nil {
		return nil, err
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(c.cells, text); err != nil {
		return nil, err
	}
	v := new(T)
	return v, json.Unmarshal(text, v)
}
