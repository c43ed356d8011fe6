package local

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab/capture"
	"labrun/lab/result"
	"labrun/lab/run"
)

// captured has cells that one process does by itself, cells that share labs, a red
// one, a program, a skip and an error.
const captured = `
experiments:
  batch:
    axes: {first: [x, any], port: ["81", "82"]}
    steps: [a = socket(tcp), "bind(a, ${first}:${port})", "listen(a, 5)", b = socket(tcp), "connect(b, x:${port})"]
  shared:
    axes: {port: ["83", "84"]}
    steps:
      - peer/web: [w = socket(tcp), "bind(w, x:${port})", "listen(w, 5)"]
      - a = socket(tcp)
      - connect(a, peer.x:${port})
  red: {steps: [a = socket(tcp), "connect(a, peer.x:85)"]}
  program: {steps: [{run: "true"}]}
  lacking: {steps: [{run: no-such-program}]}
`

func mustFolder(t *testing.T, dir string) *capture.Folder {
	t.Helper()
	f, err := capture.OpenFolder(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestCapture gets the same answers as without, and the packets of every cell by
// themselves.
func TestCapture(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, captured)
	without := mustRun(t, running, top, run.Options{Jobs: 2})
	dir := t.TempDir()
	folder := mustFolder(t, dir)
	with := mustCapture(t, running, top, run.Options{Jobs: 2}, folder)
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	one, two := result.DigestOf([]result.Matrix{without}), result.DigestOf([]result.Matrix{with})
	if diff := cmp.Diff(outcomes(without), outcomes(with)); diff != "" || one != two {
		t.Errorf("without (-), with (+): %s, %s\n%s", one, two, diff)
	}
	seen := map[string]bool{}
	for i := range with.Cells {
		c := &with.Cells[i]
		name := with.NameOf(c) + " on " + with.HostOf(c)
		if c.Note == nil || len(c.Note.Captures) < 3 {
			t.Errorf("%s: %+v, want red, blue and lo", name, c.Note)
			continue
		}
		for _, file := range c.Note.Captures {
			if seen[file] {
				t.Errorf("%s: %s is another cell's, too", name, file)
			}
			seen[file] = true
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for port := uint16(81); port <= 85; port++ {
				if got := hasSYN(text, port); got != wantSYN(name, filepath.Base(file), port) {
					t.Errorf("%s: %s: a SYN to port %d: %t", name, file, port, got)
				}
			}
		}
	}
	files, err := filepath.Glob(dir + "/*/*.pcapng")
	if err != nil || len(files) != len(seen) {
		t.Errorf("%d files, of which the report names %d, %v", len(files), len(seen), err)
	}
}

// hasSYN looks for a TCP header with that destination, no acknowledgment and SYN.
func hasSYN(text []byte, port uint16) bool {
	for i := 0; i+14 <= len(text); i++ {
		if binary.BigEndian.Uint16(text[i+2:]) == port && binary.BigEndian.Uint32(text[i+8:]) == 0 && text[i+12] == 0xa0 && text[i+13] == 0x02 {
			return true
		}
	}
	return false
}

func wantSYN(name, file string, port uint16) bool {
	own := map[string]uint16{}
	for _, host := range []string{"alpha", "beta"} {
		for _, first := range []string{"x", "any"} {
			for p := uint16(81); p <= 82; p++ {
				own[fmt.Sprintf("batch[first=%s,port=%d] on %s lo.pcapng", first, p, host)] = p
			}
		}
		for p := uint16(83); p <= 84; p++ {
			own[fmt.Sprintf("shared[port=%d] on %s red.pcapng", p, host)] = p
		}
		own["red on "+host+" red.pcapng"] = 85
	}
	return own[name+" "+file] == port
}

// TestCaptureOfEveryRun keeps the packets of each repetition.
func TestCaptureOfEveryRun(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, "experiments: {one: {hosts: [alpha], steps: [a = socket(tcp), \"connect(a, x:80) = ECONNREFUSED\"]}}\n")
	dir := t.TempDir()
	folder := mustFolder(t, dir)
	m := mustCapture(t, running, top, run.Options{Jobs: 1, Runs: 2}, folder)
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	names := []string{"red.pcapng", "blue.pcapng", "lo.pcapng"}
	var want []string
	for nth := 1; nth <= 2; nth++ {
		for _, n := range names {
			file := filepath.Join(dir, "one@alpha", fmt.Sprintf("run-%d", nth), n)
			if _, err := os.Stat(file); err != nil {
				t.Error(err)
			}
			if nth == 1 {
				want = append(want, file)
			}
		}
	}
	if diff := cmp.Diff(want, m.Cells[0].Note.Captures); diff != "" {
		t.Error(diff)
	}
}
