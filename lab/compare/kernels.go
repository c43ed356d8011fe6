package compare

import (
	"slices"

	"labrun/lab/result"
)

// Kernels says which kernels two reports were compared on, older ones first. It is zero when each report is about
// one: those are compared whatever their kernels are.
type Kernels struct {
	Both   []string `json:"both"`             // nil when there is none
	Before []string `json:"before,omitempty"` // of the first report alone: left out
	After  []string `json:"after,omitempty"`  // of the second report alone: left out
}

// IsZero reports whether each report is about one kernel.
func (k Kernels) IsZero() bool { return len(k.Both)+len(k.Before)+len(k.After) == 0 }

// nothing reports whether there was no kernel to compare on.
func (k Kernels) nothing() bool { return len(k.Both) == 0 && !k.IsZero() }

// onSameKernels returns what two reports say of the kernels that both are about. The only kernel of a report has no
// name there: it is the one of its version and architecture in the other report.
func onSameKernels(a, b result.Report) (result.Report, result.Report, Kernels) {
	of, other := a.ByVersion(), b.ByVersion()
	if len(of) < 2 && len(other) < 2 {
		return a, b, Kernels{}
	}
	var k Kernels
	var left, right []string // names of the same kernels in either report
	met := make([]bool, len(other))
	for i := range of {
		j := slices.IndexFunc(other, func(o result.KernelInfo) bool { return sameKernel(&of[i], &o) })
		if j < 0 {
			k.Before = append(k.Before, nameOf(&of[i]))
			continue
		}
		met[j] = true
		k.Both = append(k.Both, nameOf(&of[i]))
		left, right = append(left, of[i].Name), append(right, other[j].Name)
	}
	for j := range other {
		if !met[j] {
			k.After = append(k.After, nameOf(&other[j]))
		}
	}
	switch {
	case len(left) == 1: // as reports about one kernel are, whatever either calls it
		return a.On(left[0]), b.On(right[0]), k
	case len(left) == len(of) && len(right) == len(other):
		return a, b, k
	}
	return a.Only(left), b.Only(right), k
}

// sameKernel reports whether two kernels of two reports are the same one. One has no name when its report is about
// no other.
func sameKernel(a, b *result.KernelInfo) bool {
	if a.Name != "" && b.Name != "" {
		return a.Name == b.Name
	}
	return a.Number() == b.Number() && a.Machine == b.Machine
}

// nameOf names a kernel as a report about several does.
func nameOf(k *result.KernelInfo) string {
	if k.Name == "" {
		return k.Number().String()
	}
	return k.Name
}
