package report

import (
	"reflect"
	"slices"

	"labrun/lab"
	"labrun/lab/compare"
	"labrun/lab/result"
)

// What a report says comes from strangers: the names of a file, what programs print,
// and a report that was kept may come from a stranger. Every format is given a
// report in which what a terminal or a log would obey is written out already (control
// characters, what turns the line round, and what ends one). So none can forget it.

// ofLines are the fields that may have several lines. Formats say where each of
// those begins; in every other field the end of a line is written out.
var ofLines = map[string]bool{"Doc": true, "Question": true, "Found": true, "Source": true, "Text": true, "Reason": true, "Answer": true,
	"Stdout": true, "Stderr": true}

// visible returns the report as formats may print it. It shares with the report all
// that needs no change.
func visible(r result.Report) result.Report { return visibleOf(r) }

// visibleDifference is visible for a difference.
func visibleDifference(d *compare.Difference) *compare.Difference {
	v := visibleOf(*d)
	return &v
}

// visibleCell is visible for a report of one cell, which progress prints while a run goes on:
// looking at the whole matrix for each would take the square of its size. It returns a
// matrix of that cell alone, and the cell.
func visibleCell(m *result.Matrix, c *result.Cell) (*result.Matrix, *result.Cell) {
	one, cell := *m, *c
	cell.Row = 0
	one.Rows, one.Cells = m.Rows[c.Row:c.Row+1], []result.Cell{cell}
	one.Source, one.Included, one.Claims = "", nil, nil
	one = visibleOf(one)
	return &one, &one.Cells[0]
}

func visibleOf[T any](v T) T {
	w := writer{answers: map[*[]string]*[]string{}}
	if changed, ok := w.value(reflect.ValueOf(v), false); ok {
		return changed.Interface().(T)
	}
	return v
}

// writer writes strings out. Its methods return what a value becomes, and false when
// it stays as it is. Nearly nothing needs it, so nothing is copied that does not: answers
// that half a million cells share are looked at once and stay shared.
type writer struct {
	answers map[*[]string]*[]string // that cells share
}

func (w *writer) value(v reflect.Value, lines bool) (reflect.Value, bool) {
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		if isPlain(s) {
			return v, false
		}
		write := lab.Visible
		if lines {
			write = lab.VisibleLines
		}
		changed := reflect.New(v.Type()).Elem()
		changed.SetString(write(s))
		return changed, changed.String() != s
	case reflect.Pointer:
		if v.IsNil() {
			return v, false
		}
		elem, ok := w.value(v.Elem(), lines)
		if !ok {
			return v, false
		}
		changed := reflect.New(v.Type().Elem())
		changed.Elem().Set(elem)
		return changed, true
	case reflect.Slice:
		switch v.Type() { // there may be half a million of these
		case reflect.TypeFor[[]result.Cell]():
			changed, ok := w.cells(v.Interface().([]result.Cell))
			return reflect.ValueOf(changed), ok
		case reflect.TypeFor[[][]result.RowStep]():
			if !slices.ContainsFunc(v.Interface().([][]result.RowStep), areStrange) {
				return v, false
			}
		}
		if v.Type().Elem().Kind() < reflect.Array { // numbers, and these too
			return v, false
		}
		return w.parts(v, v.Len(), reflect.Value.Index, func(int) bool { return lines })
	case reflect.Map:
		changed, some := reflect.MakeMapWithSize(v.Type(), v.Len()), false
		for _, key := range v.MapKeys() {
			k, one := w.value(key, false)
			item, other := w.value(v.MapIndex(key), false)
			changed.SetMapIndex(k, item)
			some = some || one || other
		}
		return changed, some
	case reflect.Struct:
		return w.parts(v, v.NumField(), reflect.Value.Field,
			func(i int) bool { return ofLines[v.Type().Field(i).Name] })
	}
	return v, false
}

// parts is value for the items of a slice or the fields of a struct. It copies the whole
// when the first of them changes.
func (w *writer) parts(v reflect.Value, n int, part func(reflect.Value, int) reflect.Value,
	lines func(int) bool) (reflect.Value, bool) {
	changed, some := v, false
	for i := range n {
		p := part(v, i)
		if !p.CanInterface() { // a field that is not exported
			continue
		}
		became, ok := w.value(p, lines(i))
		if !ok {
			continue
		}
		if !some {
			changed, some = reflect.New(v.Type()).Elem(), true
			changed.Set(v)
			if v.Kind() == reflect.Slice {
				changed.Set(reflect.AppendSlice(reflect.Zero(v.Type()), v))
			}
		}
		part(changed, i).Set(became)
	}
	return changed, some
}

// areStrange reports whether steps may have a text to write out. It looks without reflection:
// a grid has as many variants as combinations, and nearly none needs more than this look.
func areStrange(steps []result.RowStep) bool {
	for i := range steps {
		if s := &steps[i]; !isPlain(s.Process) || !isPlain(s.Call) || !isPlain(s.Want) {
			return true
		}
	}
	return false
}

// cells is value for cells, of which there may be half a million that share their answers.
func (w *writer) cells(cells []result.Cell) ([]result.Cell, bool) {
	changed, some := cells, false
	var last, becomes *[]string
	for i := range cells {
		got, note := cells[i].Got, cells[i].Note
		if got != nil {
			if got != last {
				last, becomes = got, w.shared(got)
			}
			got = becomes
		}
		if note != nil {
			if written, ok := w.value(reflect.ValueOf(note), false); ok {
				note = written.Interface().(*result.Note)
			}
		}
		if got == cells[i].Got && note == cells[i].Note {
			continue
		}
		if !some {
			changed, some = append([]result.Cell(nil), cells...), true
		}
		changed[i].Got, changed[i].Note = got, note
	}
	return changed, some
}

// shared is value for answers, once for all the cells that have them.
func (w *writer) shared(got *[]string) *[]string {
	becomes, ok := w.answers[got]
	if !ok {
		changed, _ := w.value(reflect.ValueOf(got), false)
		becomes = changed.Interface().(*[]string)
		w.answers[got] = becomes
	}
	return becomes
}

// isPlain reports whether a text has nothing but ASCII's printable characters.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
