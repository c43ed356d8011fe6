package report

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"

	"labrun/lab"
	"labrun/lab/result"
)

// ReadJSON reads a report that JSON wrote. It takes nothing that it does not
// know, and nothing that does not fit together: the report that it returns can
// be printed. Cells with the same answers share them. A mistake is reported with its
// place in the file, as "r.json:7:12: ...".
//
// It streams: beyond the report it holds no more than one value, such as a variant
// of a row's steps or the answers of a cell. jsontext finds where values end, and
// refuses duplicate keys and text that is not UTF-8. Go 1.27 has it in its standard
// library, and this module then stands for that one. A compressed text is decompressed.
func ReadJSON(file string, r io.Reader) (result.Report, error) {
	return read(file, r, nil)
}

// read is ReadJSON, and with a scan that gets the cells.
func read(file string, r io.Reader, s *scan) (result.Report, error) {
	in, done := decompress(r)
	defer done()
	d := newJSONReader(in)
	d.scan = s
	var report result.Report
	err := d.report(&report)
	if err == nil {
		if _, err = d.value(); errors.Is(err, io.EOF) {
			return report, nil
		}
		if err == nil {
			err = errors.New("unexpected data after the report")
		}
	}
	return result.Report{}, d.at(file, err)
}

// report reads the whole. Counts stand before the cells, and tell how much room to make for
// them; so they are read on, matrix by matrix, as what is left of them.
func (d *jsonReader) report(r *result.Report) error {
	cells := 0 // of the matrices so far
	err := d.fields(fields{
		"version":     d.version,
		"environment": func() error { return d.environment(&r.Environment) },
		"digest":      d.into(&r.Digest),
		"counts":      d.into(&r.Counts),
		// What the kernels come to follows from their cells; a later labrun may know more of why.
		"by_kernel": d.into(&[]result.KernelResult{}),
		"changes":   d.into(&[]result.Change{}),
		"topologies": func() error {
			return d.array(func() error {
				var m result.Matrix
				err := d.matrix(&m, r.Counts.Sum()-cells)
				cells += len(m.Cells)
				if d.scan == nil {
					r.Matrices = append(r.Matrices, m)
				}
				return err
			})
		},
	}, "environment", "digest", "counts", "topologies")
	if err == nil && d.scan == nil {
		*r = r.ByKernel()
	}
	return err
}

// version refuses what a later labrun has written: it may mean what this one cannot tell.
func (d *jsonReader) version() error {
	var v int
	err := d.into(&v)()
	if err == nil && (v < 1 || v > Version) {
		err = fmt.Errorf("the report's form is %d, and this labrun knows those up to %d: read it with a newer one", v,
			Version)
	}
	return err
}

// environment reads what a run found. None of its members is needed to print the cells, so
// all are optional here, while the schema demands most.
func (d *jsonReader) environment(e *result.Environment) error {
	var only result.KernelInfo
	err := d.fields(fields{
		"labrun":          d.into(&e.Labrun),
		"kernel":          d.into(&only.Release),
		"kernel_version":  d.into(&only.Version),
		"machine":         d.into(&only.Machine),
		"user":            d.into(&only.User),
		"sysctls":         d.into(&only.Sysctls),
		"kernels":         d.into(&e.Kernels),
		"started":         d.into(&e.Started),
		"elapsed_seconds": d.into(&e.Elapsed),
		"jobs":            d.into(&e.Jobs),
		"shard":           func() error { return d.shard(&e.Shard) },
		"machines":        d.into(&e.Machines),
		"cell_seconds": func() error {
			return d.array(func() error {
				seconds := []float32{}
				err := d.array(func() error {
					s, err := d.seconds()
					if err == nil && d.scan != nil {
						return d.scan.second(len(e.Seconds), s)
					}
					seconds = append(seconds, s)
					return err
				})
				e.Seconds = append(e.Seconds, seconds)
				return err
			})
		},
	})
	if !reflect.ValueOf(only).IsZero() {
		e.Kernels = append(e.Kernels, only)
	}
	return err
}

// shard reads which share of a run the report has. A merge relies on its numbers.
func (d *jsonReader) shard(to **result.Shard) error {
	s := &result.Shard{}
	if err := d.into(s)(); err != nil {
		return err
	}
	switch {
	case s.Index < 1 || s.Index > s.Of:
		return fmt.Errorf("shard %d of %d: want one from 1 to as many as there are", s.Index, s.Of)
	case s.By != "" && s.By != result.ByKernel:
		return fmt.Errorf("by: found %q, want %q or none", s.By, result.ByKernel)
	case s.Lacks < 0 || s.Lacks > s.Cells:
		return fmt.Errorf("lacks: found %d, want as many as its %d cells at most", s.Lacks, s.Cells)
	case s.Repeat < 0:
		return fmt.Errorf("repeat: found %d, want 0 or more", s.Repeat)
	}
	*to = s
	return nil
}

// seconds reads how long a cell took. There are as many of these as cells, so it does without
// a decoder of encoding/json, which would allocate for each.
func (d *jsonReader) seconds() (float32, error) {
	if err := d.expect('0'); err != nil {
		return 0, err
	}
	v, err := d.value()
	if err != nil {
		return 0, err
	}
	s, err := strconv.ParseFloat(string(v), 32)
	return float32(s), err
}

// matrix reads a matrix; the report's counts leave it so many cells at most. Hosts and rows
// have to stand before the cells, as JSON writes them: cells are put into the matrix as they
// are read, and by name each would take several times the memory.
func (d *jsonReader) matrix(m *result.Matrix, cells int) error {
	in := &index{m: m, sharedValues: &sharedValues{}}
	if d.scan != nil {
		in.sharedValues, d.head = &d.scan.sharedValues, sha256.New()
		d.scan.begin()
		defer func() { d.head = nil }()
	}
	apart := func(read func() error) func() error { // what is not of the head
		return func() error {
			head := d.head
			d.head = nil
			err := read()
			d.head = head
			return err
		}
	}
	err := d.fields(fields{
		"file":     d.into(&m.File),
		"name":     d.into(&m.Name),
		"doc":      d.into(&m.Doc),
		"lesson":   d.into(&m.Lesson),
		"source":   d.into(&m.Source),
		"included": d.into(&m.Included),
		"topology": d.into(&m.Layout),
		"hosts": func() error {
			var columns []column
			if err := d.into(&columns)(); err != nil {
				return err
			}
			return in.addColumns(columns)
		},
		"rows": func() error {
			in.rows = map[string]*rowIndex{}
			before := &known[[]result.RowStep]{}
			return d.array(func() error {
				var r result.Row
				if err := d.row(&r, before); err != nil {
					return err
				}
				m.Rows = append(m.Rows, r)
				return in.addRow()
			})
		},
		"cells": apart(func() error {
			if in.columns == nil || in.rows == nil {
				return errors.New(`they stand before the "hosts" and "rows" that they are of`)
			}
			if d.scan == nil {
				in.room(cells)
			}
			return d.array(func() error { return d.cell(in) })
		}),
		"claims": apart(d.into(&m.Claims)),
	}, "file", "name", "hosts", "rows", "cells")
	olderWhens(m)
	if err == nil && d.scan != nil {
		err = d.scan.end(m, d.head)
	}
	return err
}

// row reads a row. JSON has a claim and its circumstances as two members of the row, in
// either order, and a Row has one ClaimRef.
func (d *jsonReader) row(r *result.Row, before *known[[]result.RowStep]) error {
	return d.fields(fields{
		"name": d.into(&r.Name),
		"doc":  d.into(&r.Doc),
		"claim": func() error {
			var text string
			err := d.into(&text)()
			when := r.Claim.When
			r.Claim = lab.ParseClaimRef(text)
			r.Claim.When = when
			return err
		},
		"when": d.into(&r.Claim.When),
		"file": d.into(&r.File),
		"line": d.into(&r.Line),
		"axes": d.into(&r.Axes),
		"steps": func() error {
			return d.array(func() error {
				var s result.RowSlot
				err := d.slot(&s, before)
				r.Slots = append(r.Slots, s)
				return err
			})
		},
	}, "name", "line", "steps")
}

// slot reads what an item of a row's steps may be. Variants that are written alike
// share their steps: the last step of an experiment often depends on every axis, and then
// has a variant for each of its combinations, with two or three different answers in all.
func (d *jsonReader) slot(s *result.RowSlot, before *known[[]result.RowStep]) error {
	return d.fields(fields{
		"axes":     d.into(&s.Axes),
		"shown":    d.into(&s.Shown),
		"which":    d.into(&s.VariantOf),
		"variants": d.variants(&s.Variants, before),
		"others": func() error {
			return d.array(func() error {
				var o result.Other
				err := d.fields(fields{
					"kernel": d.into(&o.Kernel), "which": d.into(&o.Indices), "variants": d.variants(&o.Variants, before),
				}, "kernel", "which", "variants")
				s.Others = append(s.Others, o)
				return err
			})
		},
	}, "variants")
}

// variants reads lists of steps; before has those that were read before, by their text.
func (d *jsonReader) variants(all *[][]result.RowStep, before *known[[]result.RowStep]) func() error {
	return func() error {
		return d.array(func() error {
			steps, err := readOnce(d, before, readSteps)
			*all = append(*all, steps)
			return err
		})
	}
}

func readSteps(text []byte) ([]result.RowStep, error) {
	var steps []result.RowStep
	if err := decode(text, &steps); err != nil || len(steps) == 0 {
		return nil, err // no steps are nil, as result.NewRow has it
	}
	for i := range steps { // a report that is older than these fields
		if steps[i].Want == string(lab.Unasked) {
			steps[i].Open, steps[i].Asked = true, true
		}
	}
	return steps, nil
}

// cell reads a cell. It allocates nothing for what other cells have said already: there may
// be half a million.
func (d *jsonReader) cell(in *index) error {
	c, n := result.Cell{}, &in.note
	*n = result.Note{}
	in.name, in.host, in.kernel, in.verdict = in.name[:0], in.host[:0], in.kernel[:0], in.verdict[:0]
	in.noteText = in.noteText[:0]
	err := d.object(func(key []byte) (err error) {
		switch string(key) {
		case "cell":
			in.name, err = d.text(in.name)
		case "host":
			in.host, err = d.text(in.host)
		case "kernel":
			in.kernel, err = d.text(in.kernel)
		case "verdict":
			if in.verdict, err = d.text(in.verdict); err == nil {
				err = c.Verdict.UnmarshalText(in.verdict)
			}
		case "got":
			c.Got, err = readOnce(d, &in.answers, readAnswers)
		case "reason":
			n.Reason, err = readOnce(d, &in.reasons, readReason)
		case "flaky":
			err = d.into(&n.Flaky)()
		case "evidence":
			n.Evidence, err = readOnce(d, &in.evidence, readEvidence)
		case "outputs":
			err = d.into(&n.Outputs)()
		case "captures":
			err = d.into(&n.Captures)()
		default:
			return unknownKey(string(key), "captures", "cell", "evidence", "flaky", "got", "host", "kernel", "outputs",
				"reason", "verdict")
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", key, err)
		}
		if !isCellKey(key) {
			in.noteText = append(append(append(in.noteText, key...), ':'), d.last...)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(in.name) == 0 || len(in.host) == 0 || len(in.verdict) == 0 {
		return errors.New(`it needs a "cell", a "host" and a "verdict"`)
	}
	c.Note = in.noteOf(c.Verdict)
	add := in.add
	if d.scan != nil {
		add = func(c result.Cell) error { return d.scan.cell(in, c) }
	}
	if err := add(c); err != nil {
		return fmt.Errorf("%q on %q: %w", in.name, result.Column{Host: string(in.host), Kernel: string(in.kernel)}, err)
	}
	return nil
}

// isCellKey reports whether a key of a cell is not one of its note.
func isCellKey(key []byte) bool {
	switch string(key) {
	case "cell", "host", "kernel", "verdict", "got":
		return true
	}
	return false
}

// noteOf returns the note of the cell at hand, nil where there is nothing to say. Cells share those that are equal.
func (in *index) noteOf(v result.Verdict) *result.Note {
	n := &in.note
	if len(in.noteText) == 0 {
		return nil
	}
	in.noteText = append(in.noteText, byte(v)) // what it means may depend on that, in an older report
	if note, ok := in.notes.values[string(in.noteText)]; ok {
		return note
	}
	if v == result.Fail {
		olderFlaky(n)
	}
	var note *result.Note
	if n.Reason != "" || len(n.Flaky)+len(n.Evidence)+len(n.Outputs)+len(n.Captures) > 0 {
		one := *n
		note = &one
	}
	in.notes.add(in.noteText, note)
	return note
}

func readReason(text []byte) (reason string, err error) {
	err = decode(text, &reason)
	return reason, err
}

// readAnswers returns nil for no answers, as cells have it.
func readAnswers(text []byte) (*[]string, error) {
	var got []string
	if err := decode(text, &got); err != nil || len(got) == 0 {
		return nil, err
	}
	return &got, nil
}

func readEvidence(text []byte) (evidence []result.Snapshot, err error) {
	err = decode(text, &evidence)
	return evidence, err
}
