package result_test

import (
	"fmt"
	"testing"

	"labrun/lab"
	"labrun/lab/result"
)

// gridOn is a matrix of a grid of n by n cells on two hosts and so many kernels, of which every second one answers a
// tenth of the cells otherwise.
func gridOn(n, kernels int) (result.Environment, []result.Matrix) {
	var values []string
	for i := range n {
		values = append(values, fmt.Sprint("v", i))
	}
	row := result.Row{Name: "grid", Axes: []lab.Axis{{Name: "first", Values: values}, {Name: "second", Values: values}},
		Slots: []result.RowSlot{{Variants: [][]result.RowStep{{{Line: 1, Process: "main", Call: "a = socket(tcp)", Want: "ok"},
			{Line: 2, Process: "main", Call: "bind(a, x:80)", Want: "EADDRINUSE"}}}}}}
	m := result.Matrix{Name: "grid", Rows: []result.Row{row}}
	var env result.Environment
	used, free := &[]string{"ok", "EADDRINUSE"}, &[]string{"ok", "ok"}
	for _, host := range []string{"alpha", "beta"} {
		for k := range kernels {
			name := fmt.Sprint("6.", k)
			if host == "alpha" {
				env.Kernels = append(env.Kernels, result.KernelInfo{Name: name, Version: name, Machine: "x86_64"})
			}
			for combo := range n * n {
				c := result.Cell{Column: int32(len(m.Columns)), Combo: lab.Combo(combo), Got: used}
				if k%2 == 1 && combo%10 == 0 {
					c.Got, c.Verdict = free, result.Fail
				}
				m.Cells = append(m.Cells, c)
			}
			m.Columns = append(m.Columns, result.Column{Host: host, Kernel: name})
		}
	}
	return env, []result.Matrix{m}
}

// BenchmarkSeveralKernels counts, digests and compares half a million cells: of one kernel, which is the floor, and
// of eight.
func BenchmarkSeveralKernels(b *testing.B) {
	for _, of := range []struct{ n, kernels int }{{500, 1}, {177, 8}} {
		b.Run(fmt.Sprint(of.kernels), func(b *testing.B) {
			env, matrices := gridOn(of.n, of.kernels)
			b.ReportAllocs()
			for b.Loop() {
				r := result.NewReport(env, matrices)
				if of.kernels > 1 {
					groups := matrices[0].HostGroups(matrices[0].Kernels())
					if len(groups) != 1 || len(r.Changes) == 0 {
						b.Fatalf("%d groups, %d changes", len(groups), len(r.Changes))
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(matrices[0].Cells)), "ns/cell")
		})
	}
}
