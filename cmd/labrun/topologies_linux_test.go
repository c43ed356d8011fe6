package main

import (
	"bytes"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"labrun/lab/result"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// environmentLine is the line of a text report that differs between machines.
var environmentLine = regexp.MustCompile(`(?m)^linux .*\n`)

// TestTopologies runs every lesson: nothing fails, and every cell is answered as
// its golden file says. What this kernel lacks is a skip, here or there. Every errno has its reason, which the sockets
// of that moment bear out.
func TestTopologies(t *testing.T) {
	needNetNS(t)
	files, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no topologies: %v", err)
	}
	explained, ran := &reasons{map[string][]string{}, map[string]string{}}, []string{}
	var mu sync.Mutex // of both
	forLessons(t, files, func(t *testing.T, file, name string) {
		if testing.Short() && !slices.Contains(short, name) {
			t.Skip("-short: the other lessons do it in the same way")
		}
		saved := filepath.Join(t.TempDir(), "report.json")
		if out, err := labrun(t, "-o", saved, file).Output(); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		r := readReport(t, saved)
		func() {
			mu.Lock()
			defer mu.Unlock()
			explained.check(t, name, &r)
			ran = append(ran, name)
		}()
		got := outcomes(r)
		golden := filepath.Join("testdata/topologies", name+".golden")
		if *update {
			write(t, golden, strings.Join(got, "\n")+"\n")
		}
		want := strings.Split(strings.TrimSuffix(read(t, golden), "\n"), "\n")
		if len(want) == len(got) {
			for i := range got {
				if skipped(got[i]) || skipped(want[i]) {
					got[i], want[i] = "", ""
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("golden (-), labrun (+):\n%s", diff)
		}
	})
	explained.lessons(t, ran)
}

// forLessons runs a test of each lesson, several at a time: most of them wait more than they compute. It returns when
// all have ended.
func forLessons(t *testing.T, files []string, f func(t *testing.T, file, name string)) {
	t.Run("lessons", func(t *testing.T) {
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".yaml")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t, file, name)
			})
		}
	})
}

// short are the lessons that the race detector is to see too: calls by several
// processes, batches, programs.
var short = []string{"dual-nic", "overlap", "seed-transcripts"}

// outcomes lists every cell with its answers, and every claim with its verdict
// where nothing was skipped.
func outcomes(r result.Report) []string {
	var lines []string
	for i := range r.Matrices {
		m := &r.Matrices[i]
		for j := range m.Cells {
			c := &m.Cells[j]
			lines = append(lines, fmt.Sprintf("%s on %s: %s %s", m.NameOf(c), m.ColumnOf(c), c.Verdict,
				strings.Join(c.Answers(), ", ")))
		}
		for _, c := range m.Claims {
			verdict := c.Says()
			if c.Verdict == result.NotSettled {
				verdict = "skip " + verdict
			}
			lines = append(lines, fmt.Sprintf("claim %s: %s", c.Name, verdict))
		}
	}
	return lines
}

func skipped(line string) bool { return strings.Contains(line, ": skip ") }

// TestLessonText holds the text report of one lesson to its golden file.
func TestLessonText(t *testing.T) {
	needNetNS(t)
	out, err := labrun(t, dualNIC).Output()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	got := environmentLine.ReplaceAllString(string(out), "")
	golden := "testdata/dual-nic.txt"
	if *update {
		write(t, golden, got)
	}
	if diff := cmp.Diff(read(t, golden), got); diff != "" {
		t.Errorf("golden (-), labrun (+):\n%s", diff)
	}
}

// TestTurnedRound turns one expectation of the lesson round: exit 1, and the
// report points at that very line, with the holder of the port.
func TestTurnedRound(t *testing.T) {
	needNetNS(t)
	lesson := read(t, dualNIC)
	head, rest, found := strings.Cut(lesson, "claim-1-established:")
	before, after, foundToo := strings.Cut(rest, `"bind(b, any:44567) = EADDRINUSE"`)
	if !found || !foundToo {
		t.Fatal("the lesson has changed")
	}
	before = head + "claim-1-established:" + before
	dir := t.TempDir()
	write(t, filepath.Join(dir, "wrong.yaml"), before+`"bind(b, any:44567)"`+after)
	cmd := labrun(t, "wrong.yaml")
	cmd.Dir = dir
	out, err := cmd.Output()
	if status := exitCode(err); status != exitFailed {
		t.Errorf("exit status %d, want %d", status, exitFailed)
	}
	for _, want := range []string{
		"\nclaim-1-established            FAIL   FAIL\n",
		fmt.Sprintf(`
FAIL claim-1-established on alpha, beta
  wrong.yaml:%d: second: bind(b, any:44567)
    wanted  ok
    got     EADDRINUSE
    held by tcp ESTABLISHED x:44567 -> peer.x:80 on host alpha, process main (a), user 0
    why     b asks for every IPv4 address of port 44567, and a of main (x:44567 -> peer.x:80, `+
			`ESTABLISHED) has one of them; neither has set SO_REUSEADDR or SO_REUSEPORT (inet_csk_get_port, inet_bind_conflict; lesson reuseaddr)
            as seen on alpha; -v shows the others
    look    labrun shell --after claim-1-established wrong.yaml alpha
`, 1+strings.Count(before, "\n")),
		"\n  SEED 1: not settled\n",
		"\n54 passed, 2 failed, 0 skipped\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// TestLessonsFormatted: lessons are in the form that labrun fmt writes.
func TestLessonsFormatted(t *testing.T) {
	parts, err := filepath.Glob("../../topologies/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	args := append([]string{"fmt", "--diff", "../../topologies"}, parts...)
	if status := execute(rootCommand(), args, &out, &out); status != 0 {
		t.Errorf("exit %d:\n%s", status, out.String())
	}
}
