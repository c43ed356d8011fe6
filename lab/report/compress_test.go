package report

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"labrun/lab/result"
)

// compressed returns a text as a file of that name has it.
func compressed(tb testing.TB, file string, text []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := Compress(file, &b, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// TestCompressed writes a report compressed, and reads it back, whatever name it has by then and in pieces of any
// size. The programs that everybody has decompress it to the same.
func TestCompressed(t *testing.T) {
	text := mustJSON(t, sample())
	for suffix, tool := range map[string][]string{".gz": {"gzip", "gzip"}, ".GZ": {"gzip", "gzip"}, ".zst": {"zstd", "zstd"}} {
		small := compressed(t, "r.json"+suffix, text)
		if len(small) > len(text)/4 || !IsReport(small) {
			t.Errorf("%s: %d bytes of %d", suffix, len(small), len(text))
		}
		again := compressed(t, "r.json"+suffix, text)
		if !bytes.Equal(small, again) {
			t.Errorf("%s: two reports that are the same are not so compressed", suffix)
		}
		for _, in := range []io.Reader{bytes.NewReader(small), iotest.OneByteReader(bytes.NewReader(small))} {
			r, err := ReadJSON("r.json", in)
			if err != nil {
				t.Fatal(suffix, err)
			}
			if diff := cmp.Diff(string(text), string(mustJSON(t, r))); diff != "" {
				t.Error(suffix, diff)
			}
		}
		cmd := exec.Command(program(t, tool[0], tool[1]), "-dc")
		cmd.Stdin = bytes.NewReader(small)
		if out, err := cmd.Output(); err != nil || !bytes.Equal(out, text) {
			t.Errorf("%s -dc: %v, %d bytes of %d", tool[0], err, len(out), len(text))
		}
	}
	if got := compressed(t, "r.json", text); !bytes.Equal(got, text) {
		t.Error("a file without such a suffix is compressed")
	}
}

// TestCompressedIsBroken cuts a compressed report at every byte, and breaks every byte: the mistake has a place in the
// text, or the report is read as it was, or the broken text is the mistake.
func TestCompressedIsBroken(t *testing.T) {
	text := mustJSON(t, result.NewReport(result.Environment{}, []result.Matrix{many(50)}))
	place := regexp.MustCompile(`^r\.json:[0-9]+:[0-9]+: \S`)
	for _, suffix := range CompressionSuffixes() {
		small := compressed(t, suffix, text)
		for i := range small {
			if i > 64 && i%5 > 0 && i < len(small)-16 {
				continue // behind the header and before the checksum, one byte is like another
			}
			_, err := ReadJSON("r.json", bytes.NewReader(small[:i]))
			if err == nil || !place.MatchString(err.Error()) {
				t.Errorf("%s, cut at %d: %v", suffix, i, err)
			}
			if name := strings.Trim(suffix, ".")[:1]; i > 10 && !strings.Contains(err.Error(), "the "+map[string]string{
				"g": "gzip", "z": "zstd"}[name]+" data is cut short; copy the file again, or remove it and run again what wrote it") {
				t.Errorf("%s, cut at %d: %v", suffix, i, err)
			}
			broken := bytes.Clone(small)
			broken[i] ^= 0x55
			if r, err := ReadJSON("r.json", bytes.NewReader(broken)); err != nil && !place.MatchString(err.Error()) ||
				err == nil && !bytes.Equal(mustJSON(t, r), text) { // a byte of the header says who made it, for instance
				t.Errorf("%s, broken at %d: %v", suffix, i, err)
			}
		}
		if _, err := ReadJSON("r.json", bytes.NewReader(append(small, small...))); err == nil ||
			!strings.Contains(err.Error(), "unexpected data after the report") {
			t.Errorf("%s, two of them: %v", suffix, err)
		}
		// A file that cannot be read is not one with a mistake.
		eio := &fs.PathError{Op: "read", Path: "r.json", Err: syscall.EIO}
		_, err := ReadJSON("r.json", io.MultiReader(bytes.NewReader(small[:len(small)/2]), iotest.ErrReader(eio)))
		if !errors.Is(err, syscall.EIO) || strings.Contains(err.Error(), "broken") {
			t.Errorf("%s, unreadable: %v", suffix, err)
		}
	}
}

// TestCompressedIsBounded reads a small file that has much in it: a value is bounded as it is in a text, and what zstd
// may refer back to is bounded too.
func TestCompressedIsBounded(t *testing.T) {
	bomb := func(suffix string) []byte {
		var b bytes.Buffer
		err := Compress(suffix, &b, func(w io.Writer) error {
			_, err := io.Copy(w, io.LimitReader(&repeated{text: " "}, 256<<20))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for _, suffix := range CompressionSuffixes() {
		if _, err := ReadJSON("r.json", bytes.NewReader(bomb(suffix))); err == nil ||
			!strings.Contains(err.Error(), errTooLarge.Error()) {
			t.Errorf("%s: %v", suffix, err)
		}
	}
	wide := "\x28\xb5\x2f\xfd\x00\xb0" // RFC 8878: a window of 2^(10+22) bytes
	if _, err := ReadJSON("r.json", strings.NewReader(wide+strings.Repeat("\x00", 64))); err == nil ||
		!strings.Contains(err.Error(), "the zstd data is broken: ") {
		t.Errorf("a window of 4 GB: %v", err)
	}
}

func BenchmarkCompress(b *testing.B) {
	text := mustJSON(b, result.NewReport(result.Environment{}, []result.Matrix{many(100_000)}))
	for _, suffix := range CompressionSuffixes() {
		small := compressed(b, suffix, text)
		b.Run("write"+suffix, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				compressed(b, suffix, text)
			}
			b.ReportMetric(float64(len(text))/float64(len(small)), "x-smaller")
		})
		b.Run("read"+suffix, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				in, done := decompress(bytes.NewReader(small))
				if _, err := io.Copy(io.Discard, in); err != nil {
					b.Fatal(err)
				}
				done()
			}
		})
	}
}
