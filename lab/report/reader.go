package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader reads JSON piece by piece. Every object is read by a function for each of its
// keys, which fills in a variable: that allocates nothing for a cell, and knows at any time
// where in the text it is and which keys were allowed there.
type jsonReader struct {
	dec   *jsontext.Decoder
	lines lineReader
	start int64          // of the value read last
	last  jsontext.Value // its text
	key   []byte         // read last

	scan *scan     // if not nil, takes the cells, which are then not kept
	head hash.Hash // if not nil, of all that is read
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
	if full, ok := errors.AsType[*spoolError](err); ok {
		return full
	}
	place := d.start
	syntax, isSyntax := errors.AsType[*syntaxError](err)
	compressed, isCompressed := errors.AsType[*compressionError](d.lines.err)
	switch {
	case isCompressed:
		err, place = compressed, d.lines.read
	case d.lines.err != nil:
		return fmt.Errorf("%s: %w", file, d.lines.err)
	case isSyntax:
		place = syntax.place
	case errors.Is(err, errTooLarge):
		err, place = errTooLarge, d.dec.InputOffset()
	case (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) && d.lines.read == 0:
		err, place = errors.New("the file is empty, and a report was expected; "+ofCutFile), 0
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err, place = errors.New("the report is cut short here; "+ofCutFile), d.lines.read
	}
	line, column := d.lines.position(place)
	return fmt.Errorf("%s:%d:%d: %w", file, line, column, err)
}

// ofCutFile says what to do about a file that ends too early. labrun gives a report its name when all of it is written,
// so the file was copied, or was printed and not written by -o.
const ofCutFile = "copy the file again, or remove it and run again what wrote it"

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
	case errors.Is(syntax.Err, io.ErrUnexpectedEOF):
		return syntax.Err
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
	d.start, d.last = d.dec.InputOffset()-int64(len(v)), v
	if d.head != nil {
		_, _ = d.head.Write(v)
		_, _ = d.head.Write([]byte{','})
	}
	return v, nil
}

// kinds names the kinds of values.
var kinds = map[jsontext.Kind]string{
	'{': "an object", '[': "an array", '"': "a string", '0': "a number", 't': "true", 'f': "false", 'n': "null",
}

// expect reports a next value that is of another kind than it has to be. The value is read
// before it is refused: if it is broken itself, that is the mistake to report.
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

// delim reads the bracket that begins or ends an object or an array. Reading a value instead
// would take the whole object at once, with all its half a million cells.
func (d *jsonReader) delim() error {
	token, err := d.dec.ReadToken()
	if err != nil {
		return newSyntaxError(err)
	}
	d.start = d.dec.InputOffset() - 1
	if d.head != nil {
		_, _ = d.head.Write([]byte{byte(token.Kind())})
	}
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

// text reads a string and appends it to b, which a caller uses again for the next cell.
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

// fields reads an object of some fields. The keys that it must have are needed. A key that
// is unknown is an error, with those that are allowed: a report that a later labrun wrote, or
// a hand changed, must not lose what it says without a word.
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
// does it, from the text that jsontext has found to be JSON. Its newer counterpart reads into
// variables too, but that half of it would make labrun 0.8 MB larger.
func (d *jsonReader) into(v any) func() error {
	return func() error {
		text, err := d.value()
		if err != nil {
			return err
		}
		return decode(text, v)
	}
}

// decode is json.Unmarshal that takes no unknown key, and whose errors name what JSON has to
// stand there, where encoding/json names a type of this program.
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

// known is what texts were read as before, by the text.
type known[T any] struct {
	values map[string]T
	size   int // of the texts, in bytes
}

const (
	// mostShared bounds how many texts are known, lest a report that never says the same twice is in memory twice.
	mostShared = 1 << 15
	// mostSharedSize bounds their size in bytes: 16 MB.
	mostSharedSize = 16 << 20
)

// add keeps a value, unless there are too many.
func (k *known[T]) add(text []byte, v T) {
	if len(k.values) >= mostShared || k.size+len(text) > mostSharedSize {
		return
	}
	if k.values == nil {
		k.values = map[string]T{}
	}
	k.values[string(text)] = v
	k.size += len(text)
}

// readOnce reads a value, or returns what the same text was read as before. A report with
// axes says the same thing thousands of times, and what it holds is not changed.
func readOnce[T any](d *jsonReader, before *known[T], read func(text []byte) (T, error)) (T, error) {
	text, err := d.value()
	if err != nil {
		return *new(T), err
	}
	if v, ok := before.values[string(text)]; ok {
		return v, nil
	}
	v, err := read(text)
	if err == nil {
		before.add(text, v)
	}
	return v, err
}
