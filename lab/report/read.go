package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/result"
)

// ReadJSON reads a report that JSON wrote. It takes nothing that it does not
// know, and nothing that does not fit together: the report that it returns can
// be printed. Cells with the same answers share them.
func ReadJSON(r io.Reader) (result.Report, error) {
	d := &jsonReader{dec: json.NewDecoder(r)}
	d.dec.DisallowUnknownFields()
	var report result.Report
	err := d.report(&report)
	if err == nil {
		_, err = d.dec.Token()
		switch {
		case errors.Is(err, io.EOF):
			return report, nil
		case err == nil:
			err = errors.New("unexpected data after the report")
		}
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return result.Report{}, fmt.Errorf("before byte %d: %w", d.dec.InputOffset(), err)
}

// jsonReader reads JSON piece by piece.
type jsonReader struct {
	dec *json.Decoder
}

// fields are the keys that an object may have, and what reads their values.
type fields map[string]func() error

// object reads an object. The keys it must have are needed.
func (d *jsonReader) object(allowed fields, needed ...string) error {
	if err := d.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.dec.More() {
		token, err := d.dec.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		read := allowed[key]
		switch {
		case read == nil:
			return fmt.Errorf("unknown key %q; allowed: %s", key, strings.Join(slices.Sorted(maps.Keys(allowed)), ", "))
		case seen[key]:
			return fmt.Errorf("key %q is there twice", key)
		}
		seen[key] = true
		if err := read(); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if err := d.delim('}'); err != nil {
		return err
	}
	for _, key := range needed {
		if !seen[key] {
			return fmt.Errorf("key %q is missing", key)
		}
	}
	return nil
}

// array reads an array, and calls read for each item.
func (d *jsonReader) array(read func() error) error {
	if err := d.delim('['); err != nil {
		return err
	}
	for i := 0; d.dec.More(); i++ {
		if err := read(); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return d.delim(']')
}

func (d *jsonReader) delim(want json.Delim) error {
	token, err := d.dec.Token()
	if err == nil && token != want {
		err = fmt.Errorf("%v in the place of %q", token, want)
	}
	return err
}

// into reads a value that goes into one variable.
func (d *jsonReader) into(v any) func() error { return func() error { return d.dec.Decode(v) } }

func (d *jsonReader) report(r *result.Report) error {
	cells := 0 // of the matrices so far
	return d.object(fields{
		"version":     d.version,
		"environment": d.into(&r.Environment),
		"digest":      d.into(&r.Digest),
		"counts":      d.into(&r.Counts),
		"topologies": func() error {
			return d.array(func() error {
				var m result.Matrix
				err := d.matrix(&m, r.Counts.Sum()-cells)
				cells += len(m.Cells)
				r.Matrices = append(r.Matrices, m)
				return err
			})
		},
	}, "environment", "digest", "counts", "topologies")
}

// version refuses what a later labrun has written: it may mean what this one cannot tell.
func (d *jsonReader) version() error {
	var v int
	err := d.dec.Decode(&v)
	if err == nil && (v < 1 || v > Version) {
		err = fmt.Errorf("the report's form is %d, and this labrun knows those up to %d: read it with a newer one", v, Version)
	}
	return err
}

// matrix reads a matrix; the report's counts leave it so many cells at most.
func (d *jsonReader) matrix(m *result.Matrix, cells int) error {
	in := &index{m: m, shared: map[string]*[]string{}}
	defer olderWhens(m)
	return d.object(fields{
		"file":     d.into(&m.File),
		"name":     d.into(&m.Name),
		"doc":      d.into(&m.Doc),
		"source":   d.into(&m.Source),
		"included": d.into(&m.Included),
		"topology": d.into(&m.Layout),
		"hosts": func() error {
			var columns []column
			if err := d.dec.Decode(&columns); err != nil {
				return err
			}
			return in.addColumns(columns)
		},
		"rows": func() error {
			in.rows = map[string]*rowIndex{}
			shared := map[string][]result.RowStep{}
			return d.array(func() error {
				var r result.Row
				if err := d.row(&r, shared); err != nil {
					return err
				}
				m.Rows = append(m.Rows, r)
				return in.addRow()
			})
		},
		"cells": func() error {
			if in.columns == nil || in.rows == nil {
				return errors.New(`they stand before the "hosts" and "rows" that they are of`)
			}
			in.room(cells)
			return d.array(func() error { return d.cell(in) })
		},
		"claims": d.into(&m.Claims),
	}, "file", "name", "hosts", "rows", "cells")
}

func (d *jsonReader) row(r *result.Row, shared map[string][]result.RowStep) error {
	return d.object(fields{
		"name": d.into(&r.Name),
		"doc":  d.into(&r.Doc),
		"claim": func() error {
			var text string
			err := d.dec.Decode(&text)
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
				err := d.slot(&s, shared)
				r.Slots = append(r.Slots, s)
				return err
			})
		},
	}, "name", "line", "steps")
}

func (d *jsonReader) slot(s *result.RowSlot, shared map[string][]result.RowStep) error {
	var text json.RawMessage
	return d.object(fields{
		"axes":  d.into(&s.Axes),
		"shown": d.into(&s.Shown),
		"which": d.into(&s.Which),
		"variants": func() error {
			return d.array(func() error {
				text = text[:0]
				if err := d.dec.Decode(&text); err != nil {
					return err
				}
				steps, ok := shared[string(text)]
				if !ok {
					one := json.NewDecoder(bytes.NewReader(text))
					one.DisallowUnknownFields()
					if err := one.Decode(&steps); err != nil {
						return err
					}
					if len(steps) == 0 {
						steps = nil // as result.NewRow has it
					}
					for i := range steps { // a report that is older than these fields
						if steps[i].Want == string(lab.Unasked) {
							steps[i].Open, steps[i].Asked = true, true
						}
					}
					shared[string(text)] = steps
				}
				s.Variants = append(s.Variants, steps)
				return nil
			})
		},
	}, "variants")
}

// cell reads a cell. Its answers go into a slice that is used again.
func (d *jsonReader) cell(in *index) error {
	c := struct {
		Cell, Host *string
		Kernel     string
		Verdict    *result.Verdict
		Got        []string
		result.Note
	}{Got: in.got[:0]}
	if err := d.dec.Decode(&c); err != nil {
		return err
	}
	in.got = c.Got
	if c.Cell == nil || c.Host == nil || c.Verdict == nil {
		return errors.New(`it needs a "cell", a "host" and a "verdict"`)
	}
	cell := result.Cell{Verdict: *c.Verdict}
	if c.Verdict != nil && *c.Verdict == result.Fail {
		olderFlaky(&c.Note)
	}
	if c.Reason != "" || len(c.Flaky) > 0 || len(c.Evidence) > 0 || len(c.Outputs) > 0 || len(c.Captures) > 0 {
		note := c.Note
		cell.Note = &note
	}
	on := result.Column{Host: *c.Host, Kernel: c.Kernel}
	if err := in.add(*c.Cell, on, cell, c.Got); err != nil {
		return fmt.Errorf("%q on %q: %w", *c.Cell, on, err)
	}
	return nil
}
