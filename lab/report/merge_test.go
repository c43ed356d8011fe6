package report

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab/result"
)

// memory is a spool in memory.
type memory struct{ bytes.Buffer }

func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(m.Bytes()).ReadAt(p, at)
}

// mergeAll merges reports, and writes what they are together.
func mergeAll(spool Spool, texts ...string) (string, error) {
	m := NewMerger(spool)
	for i, text := range texts {
		if err := m.Read(fmt.Sprintf("part-%d.json", i+1), strings.NewReader(text)); err != nil {
			return "", err
		}
	}
	w, err := m.Merge(false)
	if err == nil {
		err = w.Count()
	}
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = w.JSON(&b)
	return b.String(), err
}

// TestMergeOfNoTwoAlike merges cells of which no two say the same: there are more than are remembered.
func TestMergeOfNoTwoAlike(t *testing.T) {
	m := many(3 * mostShared)
	for i := range m.Cells {
		c := &m.Cells[i]
		c.Got = &[]string{"ok", fmt.Sprintf("<answer %d> \u2028", i)}
		c.Note = &result.Note{Reason: fmt.Sprintf("a reason & more %d", i)}
		if i%3 == 0 {
			c.Note.Evidence = []result.Snapshot{{Step: i % 2, Sockets: []result.SocketInfo{}}, {Step: 1, Why: []string{fmt.Sprint(i)}}}
		}
	}
	text := string(mustJSON(t, result.NewReport(result.Environment{}, []result.Matrix{m})))
	got, err := mergeAll(&memory{}, text, text)
	if err != nil {
		t.Fatal(err)
	}
	if got != text {
		t.Error("another report")
	}
}

// TestMergeAllocatesNothingForACell holds what is allocated to read, count and write to a few pieces for each report.
func TestMergeAllocatesNothingForACell(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: with the race detector every cell allocates")
	}
	allocated := func(cells int) uint64 {
		m := many(500_000)
		m.Cells = m.Cells[:cells]
		env := result.Environment{Seconds: [][]float32{make([]float32, cells)}}
		text := string(mustJSON(t, result.NewReport(env, []result.Matrix{m})))
		spool := &memory{}
		spool.Grow(1 << 24)
		merger := NewMerger(spool)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := merger.Read("part-1.json", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		w, err := merger.Merge(false)
		if err == nil {
			err = w.Count()
		}
		if err == nil {
			err = w.JSON(io.Discard)
		}
		if err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	few, most := allocated(10_000), allocated(110_000)
	if most > few+1000 {
		t.Errorf("%d pieces for 10 000 cells, %d for 110 000", few, most)
	}
}

// TestMergeReadsItsSpool merges from a spool that another program cuts: that is an error, and never a report.
func TestMergeReadsItsSpool(t *testing.T) {
	text := string(mustJSON(t, sample()))
	m := NewMerger(&memory{})
	if err := m.Read("part-1.json", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	w, err := m.Merge(false)
	if err != nil {
		t.Fatal(err)
	}
	spool := m.spool.file.(*memory)
	for whole := spool.Len(); spool.Len() > 0; spool.Truncate(spool.Len() - 1) {
		err := w.Count()
		if spool.Len() == whole && err == nil {
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), "read the cells that were put aside: ") {
			t.Errorf("%d of %d bytes: %v", spool.Len(), whole, err)
		}
	}
}

// FuzzMerge merges anything with a report that is well: what ReadJSON takes alone, a merge of it alone takes, and
// makes of it what Recount does.
func FuzzMerge(f *testing.F) {
	whole := string(mustJSON(f, sample()))
	f.Add(whole, whole)
	f.Add(whole, string(mustJSON(f, onKernels())))
	f.Add(change(f, `"hosts"`, `"claims": [], "hosts"`), whole)
	f.Add(strings.Replace(whole, `"jobs"`, `"shard": {"index": 1, "of": 2, "cells": 9}, "jobs"`, 1), whole)
	f.Fuzz(func(t *testing.T, a, b string) {
		r, err := ReadJSON("part-1.json", strings.NewReader(a))
		m := NewMerger(&memory{})
		if readErr := m.Read("part-1.json", strings.NewReader(a)); fmt.Sprint(readErr) != fmt.Sprint(err) {
			t.Fatalf("merge says %v, and report %v", readErr, err)
		}
		_, _ = mergeAll(&memory{}, a, b)
		if err != nil {
			return
		}
		w, err := m.Merge(true)
		if err != nil {
			return
		}
		if err := w.Count(); err != nil {
			t.Fatal(err)
		}
		got, err := w.Collect()
		if err != nil {
			t.Fatal(err)
		}
		want := r.Recount()
		want.Environment = got.Environment
		if diff := cmp.Diff(string(mustJSON(t, want)), string(mustJSON(t, got))); diff != "" {
			t.Error(diff)
		}
	})
}

// TestMachinesAreShown: the formats that describe the environment say of which parts a report is, and of many machines
// the first ones.
func TestMachinesAreShown(t *testing.T) {
	part, whole, many := sample(), sample(), sample()
	part.Environment.Shard = &result.Shard{Index: 3, Of: 8, Cells: 9, Lacks: 1}
	whole.Environment.Machines = []result.Machine{{Node: "node-2"}, {Node: "node-1"}, {Node: "node-2"}}
	for i := range 1000 {
		many.Environment.Machines = append(many.Environment.Machines, result.Machine{Node: fmt.Sprintf("n%03d", i)})
	}
	for _, c := range []struct {
		r    result.Report
		want string
	}{
		{part, "3 of 8, without 1 cell"},
		{whole, "3 parts, on node-1, node-2"},
		{many, "1000 parts, on n000, n001, n002, n003, n004, n005, n006, n007 and 992 more"},
	} {
		for _, f := range []string{"markdown", "junit", "html"} {
			if got := strings.ReplaceAll(written(t, f, c.r), `\`, ""); !strings.Contains(got, c.want) {
				t.Errorf("%s does not say %q", f, c.want)
			}
		}
	}
}
