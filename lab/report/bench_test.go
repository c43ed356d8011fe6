package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"labrun/lab"
	"labrun/lab/result"
)

// many is a matrix of about so many cells: six axes and ten answers in five
// hosts, nearly all as wanted. Its last answer depends on every axis.
func many(cells int) result.Matrix {
	combos := cells / 5
	row := result.Row{Name: "many-cells"}
	for i := range 5 {
		row.Axes = append(row.Axes, lab.Axis{Name: fmt.Sprintf("axis-%d", i)})
		a := &row.Axes[i]
		s := result.RowSlot{Axes: []int{i}}
		for v := range 5 {
			a.Values = append(a.Values, fmt.Sprintf("value-%d", v))
			s.Variants = append(s.Variants, []result.RowStep{
				step(i, "main", fmt.Sprintf("a%d = socket(tcp)", i), "ok"),
				step(i, "main", fmt.Sprintf("bind(a%d, x:%d)", i, v), "ok")})
		}
		row.Slots = append(row.Slots, s)
	}
	last := lab.Axis{Name: "last"}
	for v := range (combos + 3124) / 3125 {
		last.Values = append(last.Values, fmt.Sprint("last-", v))
	}
	row.Axes = append(row.Axes, last)
	answers := [][]string{nil, nil} // cells share them
	wanted := [][]result.RowStep{nil, nil}
	for i, answer := range []string{"ok", "EADDRINUSE"} {
		for range 10 {
			answers[i] = append(answers[i], "ok")
		}
		answers[i] = append(answers[i], answer)
		wanted[i] = []result.RowStep{shown(9, "listen(a0, 5)", answer)}
	}
	every := result.RowSlot{Axes: []int{0, 1, 2, 3, 4, 5}, Shown: true}
	for c := range 3125 * len(last.Values) {
		every.Variants = append(every.Variants, wanted[c%2])
	}
	row.Slots = append(row.Slots, every)
	m := result.Matrix{File: "many.yaml", Name: "many", Rows: []result.Row{row}, Cells: make([]result.Cell, 0, cells)}
	for h := range int32(5) {
		m.Columns = append(m.Columns, result.Column{Host: fmt.Sprint("host-", h)})
		for c := range combos {
			cell := result.Cell{Column: h, Combo: lab.Combo(c), Got: &answers[c%2]}
			if c%5000 == 77 {
				cell.Verdict, cell.Got = result.Fail, &answers[0]
			}
			m.Cells = append(m.Cells, cell)
		}
	}
	return m
}

// peak calls f, and returns the most that the heap held meanwhile and the most
// that it had from the system, in megabytes.
func peak(f func()) (inUse, system float64) {
	done, stopped := make(chan bool), make(chan bool)
	var mem runtime.MemStats
	look := func() {
		runtime.ReadMemStats(&mem)
		inUse = max(inUse, float64(mem.HeapInuse)/1e6)
		system = max(system, float64(mem.Sys)/1e6)
	}
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				look()
			}
		}
	}()
	f()
	close(done)
	<-stopped
	look()
	return inUse, system
}

// BenchmarkHalfAMillionCells makes a matrix of 500 000 cells, a report of it, and
// writes it in both formats.
func BenchmarkHalfAMillionCells(b *testing.B) {
	for b.Loop() {
		runtime.GC() // the matrix before this one
		var r result.Report
		inUse, system := peak(func() {
			r = result.NewReport(result.Environment{}, []result.Matrix{many(500_000)})
			if err := JSON(io.Discard, r); err != nil {
				b.Fatal(err)
			}
			if err := (Text{}).Write(io.Discard, r); err != nil {
				b.Fatal(err)
			}
		})
		b.ReportMetric(inUse, "MB-heap")
		b.ReportMetric(system, "MB-system")
		b.ReportMetric(float64(len(r.Matrices[0].Cells)), "cells")
	}
}

func BenchmarkJSON(b *testing.B) {
	r := result.NewReport(result.Environment{}, []result.Matrix{many(500_000)})
	text := mustJSON(b, r)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			if err := JSON(io.Discard, r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		var valid, read time.Duration
		for b.Loop() {
			start := time.Now()
			if !json.Valid(text) {
				b.Fatal("not JSON")
			}
			valid += time.Since(start)
			start = time.Now()
			if _, err := ReadJSON("r.json", bytes.NewReader(text)); err != nil {
				b.Fatal(err)
			}
			read += time.Since(start)
		}
		b.ReportMetric(float64(len(text)*b.N)/1e6/read.Seconds(), "MB/s-read")
		b.ReportMetric(read.Seconds()/valid.Seconds(), "x-json.Valid")
	})
}

func BenchmarkText(b *testing.B) {
	r := result.Report{Matrices: []result.Matrix{many(500_000)}}
	b.ReportAllocs()
	for b.Loop() {
		if err := (Text{}).Write(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
