package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

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
// library, and this module then stands for that one.
func ReadJSON(file string, r io.Reader) (result.Report, error) {
	d := newJSONReader(r)
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

// jsonReader reads JSON piece by piece.
type jsonReader struct {
	dec   *jsontext.Decoder
	lines lineReader
	start int64  // of the value read last
	key   []byte // read last
}

func newJSONReader(r io.Reader) *jsonReader {
	d := &jsonReader{}
	d.lines = lineReader{in: r, used: func() int64 { return d.dec.InputOffset() }, starts: []int64{0}}
	d.dec = jsontext.NewDecoder(&d.lines)
	return d
}

// at adds the place of a mistake to it: where the text stops being JSON, or else where the
// value begins that was read last. A failure to read the text has no place.
func (d *jsonReader) at(file string, err error) error {
	place := d.start
	syntax, isSyntax := errors.AsType[*syntaxError](err)
	switch {
	case d.lines.err != nil:
		return fmt.Errorf("%s: %w", file, d.lines.err)
	case isSyntax:
		place = syntax.place
	case errors.Is(err, errTooLarge):
		err, place = errTooLarge, d.dec.InputOffset()
	case errors.Is(err, io.EOF):
		err, place = io.ErrUnexpectedEOF, d.lines.read
	}
	line, column := d.lines.position(place)
	return fmt.Errorf("%s:%d:%d: %w", file, line, column, err)
}

// syntaxError is a mistake in the JSON itself, without the path and the offset that
// jsontext adds: at and object say them as they do for all mistakes.
type syntaxError struct {
	error
	place int64
}

func newSyntaxError(err error) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &syntaxError{fmt.Errorf("duplicate key %q", syntax.JSONPointer.LastToken()), syntax.ByteOffset}
	}
	return &syntaxError{syntax.Err, syntax.ByteOffset}
}

// value returns the text of the next value, good until the next call.
func (d *jsonReader) value() (jsontext.Value, error) {
	v, err := d.dec.ReadValue()
	if err != nil {
		return nil, newSyntaxError(err)
	}
	d.start = d.dec.InputOffset() - int64(len(v))
	return v, nil
}

// kinds names the kinds of values.
var kinds = map[jsontext.Kind]string{
	'{': "an object", '[': "an array", '"': "a string", '0': "a number", 't': "true", 'f': "false", 'n': "null",
}

// expect reports a next value that is of another kind than it has to be.
func (d *jsonReader) expect(kind jsontext.Kind) error {
	found := d.dec.PeekKind()
	if found == kind || kinds[found] == "" { // what is no value at all, reading it reports
		return nil
	}
	if _, err := d.value(); err != nil {
		return err
	}
	return fmt.Errorf("found %s, want %s", kinds[found], kinds[kind])
}

// delim reads the bracket that begins or ends an object or an array.
func (d *jsonReader) delim() error {
	if _, err := d.dec.ReadToken(); err != nil {
		return newSyntaxError(err)
	}
	d.start = d.dec.InputOffset() - 1
	return nil
}

// more reports whether the object or array at hand goes on.
func (d *jsonReader) more() bool {
	switch d.dec.PeekKind() {
	case '}', ']':
		return false
	}
	return true
}

// object reads an object. It calls read with each key, to read its value. A mistake in the
// object as a whole is where it begins.
func (d *jsonReader) object(read func(key []byte) error) error {
	return d.between('{', func() error {
		key, err := d.text(d.key[:0])
		if err != nil {
			return err
		}
		d.key = key
		return read(key)
	})
}

// array reads an array, and calls read for each item.
func (d *jsonReader) array(read func() error) error {
	i := 0
	return d.between('[', func() error {
		if err := read(); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
		i++
		return nil
	})
}

// between reads what is between two brackets, and calls read for each item of it.
func (d *jsonReader) between(bracket jsontext.Kind, read func() error) error {
	if err := d.expect(bracket); err != nil {
		return err
	}
	if err := d.delim(); err != nil {
		return err
	}
	begin := d.start
	for d.more() {
		if err := read(); err != nil {
			return err
		}
	}
	err := d.delim()
	if err == nil {
		d.start = begin
	}
	return err
}

// text reads a string and appends it to b.
func (d *jsonReader) text(b []byte) ([]byte, error) {
	if err := d.expect('"'); err != nil {
		return nil, err
	}
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(v, '\\') < 0 { // nearly all, and this is twice as fast
		return append(b, v[1:len(v)-1]...), nil
	}
	return jsontext.AppendUnquote(b, v)
}

// fields are the keys that an object may have, and what reads their values.
type fields map[string]func() error

// fields reads an object of some fields. The keys that it must have are needed.
func (d *jsonReader) fields(allowed fields, needed ...string) error {
	seen := map[string]bool{}
	err := d.object(func(text []byte) error {
		key := string(text)
		read := allowed[key]
		if read == nil {
			return unknownKey(key, slices.Sorted(maps.Keys(allowed))...)
		}
		seen[key] = true
		if err := read(); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range needed {
		if !seen[key] {
			return fmt.Errorf("key %q is missing", key)
		}
	}
	return nil
}

func unknownKey(key string, allowed ...string) error {
	return fmt.Errorf("unknown key %q; allowed: %s", key, strings.Join(allowed, ", "))
}

// into reads a value that goes into one variable. There are few of those, so encoding/json
// does it, from the text that jsontext has found to be JSON.
func (d *jsonReader) into(v any) func() error {
	return func() error {
		text, err := d.value()
		if err != nil {
			return err
		}
		return decode(text, v)
	}
}

func decode(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		err = fmt.Errorf("found a %s, want %s", wrong.Value, kindOf(wrong.Type))
		if wrong.Field != "" {
			err = fmt.Errorf("%s: %w", wrong.Field, err)
		}
	} else if err != nil {
		if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			err = fmt.Errorf("unknown key %s", key)
		}
	}
	return err
}

// kindOf says what JSON a type is made of.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a number that fits " + t.String()
}

func (d *jsonReader) report(r *result.Report) error {
	cells := 0 // of the matrices so far
	return d.fields(fields{
		"version":     d.version,
		"environment": func() error { return d.environment(&r.Environment) },
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
	err := d.into(&v)()
	if err == nil && (v < 1 || v > Version) {
		err = fmt.Errorf("the report's form is %d, and this labrun knows those up to %d: read it with a newer one", v, Version)
	}
	return err
}

func (d *jsonReader) environment(e *result.Environment) error {
	return d.fields(fields{
		"labrun":          d.into(&e.Labrun),
		"kernel":          d.into(&e.Kernel),
		"machine":         d.into(&e.Machine),
		"user":            d.into(&e.User),
		"started":         d.into(&e.Started),
		"elapsed_seconds": d.into(&e.Elapsed),
		"jobs":            d.into(&e.Jobs),
		"sysctls":         d.into(&e.Sysctls),
		"cell_seconds": func() error {
			return d.array(func() error {
				seconds := []float32{}
				err := d.array(func() error {
					s, err := d.seconds()
					seconds = append(seconds, s)
					return err
				})
				e.Seconds = append(e.Seconds, seconds)
				return err
			})
		},
	})
}

// seconds reads how long a cell took, of which there are as many as cells.
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

// matrix reads a matrix; the report's counts leave it so many cells at most.
func (d *jsonReader) matrix(m *result.Matrix, cells int) error {
	in := &index{m: m, answers: map[string]*[]string{}}
	defer olderWhens(m)
	return d.fields(fields{
		"file":     d.into(&m.File),
		"name":     d.into(&m.Name),
		"doc":      d.into(&m.Doc),
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
				err := d.slot(&s, shared)
				r.Slots = append(r.Slots, s)
				return err
			})
		},
	}, "name", "line", "steps")
}

// slot reads what an item of a row's steps may be. Variants that are written alike
// share their steps.
func (d *jsonReader) slot(s *result.RowSlot, shared map[string][]result.RowStep) error {
	return d.fields(fields{
		"axes":  d.into(&s.Axes),
		"shown": d.into(&s.Shown),
		"which": d.into(&s.Which),
		"variants": func() error {
			return d.array(func() error {
				text, err := d.value()
				if err != nil {
					return err
				}
				steps, ok := shared[string(text)]
				if !ok {
					if steps, err = decodeSteps(text); err != nil {
						return err
					}
					shared[string(text)] = steps
				}
				s.Variants = append(s.Variants, steps)
				return nil
			})
		},
	}, "variants")
}

func decodeSteps(text []byte) ([]result.RowStep, error) {
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
	c := result.Cell{}
	var note *result.Note
	in.name, in.host, in.kernel, in.verdict = in.name[:0], in.host[:0], in.kernel[:0], in.verdict[:0]
	err := d.object(func(key []byte) (err error) {
		more := func() *result.Note {
			if note == nil {
				note = &result.Note{}
			}
			return note
		}
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
			c.Got, err = d.answers(in)
		case "reason":
			err = d.into(&more().Reason)()
		case "flaky":
			err = d.into(&more().Flaky)()
		case "evidence":
			err = d.into(&more().Evidence)()
		case "outputs":
			err = d.into(&more().Outputs)()
		case "captures":
			err = d.into(&more().Captures)()
		default:
			return unknownKey(string(key), "captures", "cell", "evidence", "flaky", "got", "host", "kernel", "outputs", "reason", "verdict")
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", key, err)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(in.name) == 0 || len(in.host) == 0 || len(in.verdict) == 0 {
		return errors.New(`it needs a "cell", a "host" and a "verdict"`)
	}
	if note != nil && c.Verdict == result.Fail {
		olderFlaky(note)
	}
	if note != nil && (note.Reason != "" || len(note.Flaky) > 0 || len(note.Evidence) > 0 || len(note.Outputs) > 0 || len(note.Captures) > 0) {
		c.Note = note
	}
	if err := in.add(c); err != nil {
		return fmt.Errorf("%q on %q: %w", in.name, result.Column{Host: string(in.host), Kernel: string(in.kernel)}, err)
	}
	return nil
}

// answers reads the answers of a cell. Cells with the same text share them.
func (d *jsonReader) answers(in *index) (*[]string, error) {
	text, err := d.value()
	if err != nil {
		return nil, err
	}
	got, ok := in.answers[string(text)]
	if !ok {
		var words []string
		if err := decode(text, &words); err != nil {
			return nil, err
		}
		if len(words) > 0 {
			got = &words
		}
		in.answers[string(text)] = got
	}
	return got, nil
}
