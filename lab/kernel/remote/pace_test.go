package remote

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestTeller reads byte by byte: it is told seldom, and what is not told yet leaves room for a piece.
func TestTeller(t *testing.T) {
	const all = 10_000
	told, times := 0, 0
	r := &teller{r: iotest.OneByteReader(strings.NewReader(strings.Repeat("x", all))), tell: func(n int) {
		told += n
		times++
	}}
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	if untold := all - told; untold < 0 || untold+piece > window {
		t.Errorf("%d of %d bytes were told, and a piece has %d in a window of %d", told, all, piece, window)
	}
	if want := all / notice; times > want {
		t.Errorf("told %d times, want %d at most", times, want)
	}
}
