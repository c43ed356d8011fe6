package result_test

import (
	"slices"
	"testing"

	"labrun/lab/result"
)

// TestNameKernels: a column says what tells its kernel from another one of that version, and nothing where
// all parts are of one kernel.
func TestNameKernels(t *testing.T) {
	debian := result.KernelInfo{Version: "6.1.176", Release: "6.1.0-50-cloud-amd64", Machine: "x86_64"}
	uml := result.KernelInfo{Version: "6.1.176", Release: "6.1.176", Machine: "x86_64"}
	arm := result.KernelInfo{Version: "6.1.176", Release: "6.1.0-50-cloud-arm64", Machine: "aarch64"}
	old := result.KernelInfo{Release: "6.2.0", Machine: "x86_64"} // of a labrun that did not say the version
	for _, c := range []struct {
		kernels []result.KernelInfo
		names   []string // of a run
		merged  []string // of several runs
	}{
		{[]result.KernelInfo{debian, debian}, []string{"6.1.176", "6.1.176 b"}, []string{"", ""}},
		{[]result.KernelInfo{debian, old, debian}, []string{"6.1.176", "6.2.0", "6.1.176 c"},
			[]string{"6.1.176", "6.2.0", "6.1.176"}},
		{[]result.KernelInfo{debian, arm}, []string{"6.1.176", "6.1.176 aarch64"}, nil},
		{[]result.KernelInfo{debian, uml}, []string{"6.1.176", "6.1.176 b"}, nil},
		{[]result.KernelInfo{uml, debian, arm},
			[]string{"6.1.176", "6.1.176 6.1.0-50-cloud-amd64", "6.1.176 aarch64"}, nil},
	} {
		if c.merged == nil {
			c.merged = c.names
		}
		var parts []result.Part
		var heads []result.Head
		for i, k := range c.kernels {
			m := result.Matrix{Columns: result.OnHosts("alpha")}
			r := result.NewReport(result.Environment{Kernels: []result.KernelInfo{k}}, []result.Matrix{m})
			parts = append(parts, result.Part{Name: string(rune('a' + i)), Report: r})
			heads = append(heads, result.Head{Name: string(rune('a' + i)), Environment: result.Environment{
				Kernels: []result.KernelInfo{k}}})
		}
		result.NameKernels(parts)
		var names []string
		for _, p := range parts {
			names = append(names, p.Report.Matrices[0].Columns[0].Kernel)
		}
		if !slices.Equal(names, c.names) {
			t.Errorf("%q, want %q", names, c.names)
		}
		result.NameHeads(heads)
		for i, want := range c.merged {
			if got := heads[i].Environment.Kernels[0].Name; got != want {
				t.Errorf("merged, kernel %d is named %q, want %q", i, got, want)
			}
		}
	}
}
