package report

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// compression is a way in which a kept report is compressed: written so where the name of its file says it, read so
// where the first bytes of the text do, whatever the name.
type compression struct {
	name, suffix string
	magic        []byte
	write        func(io.Writer) (io.WriteCloser, error)
	read         func(io.Reader) (io.ReadCloser, error)
}

// zstd is ten times as fast as gzip, and gzip is what every machine and every server of artefacts knows.
var compressions = []compression{
	{"gzip", ".gz", []byte("\x1f\x8b"),
		func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"zstd", ".zst", []byte("\x28\xb5\x2f\xfd"),
		func(w io.Writer) (io.WriteCloser, error) {
			return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow))
		},
		func(r io.Reader) (io.ReadCloser, error) {
			d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(mostWindow))
			if err != nil {
				return nil, err
			}
			return d.IOReadCloser(), nil
		}},
}

const (
	// zstdWindow is how far back a compressed report refers, in bytes: 4 MB, as zstd(1) has it by default. Neither end
	// holds more than that.
	zstdWindow = 4 << 20
	// mostWindow bounds what a stranger's file makes its reader hold, in bytes: 128 MB, the most that zstd(1) takes
	// without --long.
	mostWindow = 128 << 20
)

// CompressionSuffixes are what the names of compressed files end in.
func CompressionSuffixes() []string {
	var all []string
	for _, c := range compressions {
		all = append(all, c.suffix)
	}
	return all
}

// uncompressed returns the name of a file without the suffix of a compression, and which one it is; nil when none.
func uncompressed(file string) (string, *compression) {
	for i := range compressions {
		c := &compressions[i]
		if n := len(file) - len(c.suffix); n >= 0 && strings.EqualFold(file[n:], c.suffix) {
			return file[:n], c
		}
	}
	return file, nil
}

// Compress has write write to w, compressed as the suffix of the file's name says, if it does.
func Compress(file string, w io.Writer, write func(io.Writer) error) error {
	_, c := uncompressed(file)
	if c == nil {
		return write(w)
	}
	in, err := c.write(w)
	if err != nil {
		return err
	}
	// Of two errors the first is the reason; Close writes what is left.
	if err := write(in); err != nil {
		_ = in.Close()
		return err
	}
	return in.Close()
}

// IsReport reports whether a text begins as those do that JSON writes, compressed or not.
func IsReport(text []byte) bool {
	in, done := decompress(bytes.NewReader(text))
	defer done()
	start := make([]byte, 1<<10)
	n, _ := io.ReadFull(in, start) // what cannot be decompressed is not one
	object, ok := bytes.CutPrefix(bytes.TrimSpace(start[:n]), []byte("{"))
	object = bytes.TrimSpace(object)
	first := func(key string) bool { return bytes.HasPrefix(object, []byte(`"`+key+`":`)) }
	return ok && (first("version") || first("environment")) // version 1 was without the former
}

// HasReportName reports whether a file has the name of a kept report, compressed or not.
func HasReportName(file string) bool {
	f, ok := FormatOf(file)
	return ok && f.Name == "json"
}

// magicOf returns the compression that a text begins as, nil when none.
func magicOf(text []byte) *compression {
	for i := range compressions {
		if bytes.HasPrefix(text, compressions[i].magic) {
			return &compressions[i]
		}
	}
	return nil
}

// decompress returns a reader of what r has, decompressed if its first bytes say that it is compressed, and a function
// to call when it is read.
func decompress(r io.Reader) (io.Reader, func()) {
	const longest = 4 // of the magics
	start := make([]byte, longest)
	n, err := io.ReadFull(r, start)
	all := io.Reader(bytes.NewReader(start[:n]))
	switch {
	case err == nil:
		all = io.MultiReader(all, r)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		all = io.MultiReader(all, failing{err})
	}
	c := magicOf(start[:n])
	if c == nil {
		return all, func() {}
	}
	in, err := c.read(all)
	if err != nil {
		return failing{c.broken(err)}, func() {}
	}
	return &decompressor{in, c}, func() { _ = in.Close() }
}

// failing is a reader of nothing but an error.
type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// decompressor names the compression in errors.
type decompressor struct {
	io.Reader
	*compression
}

func (d *decompressor) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = d.broken(err)
	}
	return n, err
}

// compressionError is a mistake in compressed data. It has a place in the text, up to which that could be decompressed.
type compressionError struct{ error }

func (e *compressionError) Unwrap() error { return e.error }

// broken says what is wrong with compressed data, unless it could not be read.
func (c *compression) broken(err error) error {
	if _, unread := errors.AsType[*fs.PathError](err); unread {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &compressionError{fmt.Errorf("the %s data is cut short; %s", c.name, ofCutFile)}
	}
	return &compressionError{fmt.Errorf("the %s data is broken: %w", c.name, err)}
}
