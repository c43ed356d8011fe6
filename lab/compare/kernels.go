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

// KernelCounts is how many cells of a kernel differ.
type KernelCounts struct {
	Name     string `json:"name"`
	Changed  int    `json:"changed"`
	Appeared int    `json:"appeared"`
	Vanished int    `json:"vanished"`
	Same     int    `json:"same"`
}

// ByKernel counts the cells of each of several kernels; nil when one was compared.
func (d *Difference) ByKernel() []KernelCounts {
	if len(d.Kernels.Both) < 2 {
		return nil
	}
	all := make([]KernelCounts, len(d.Kernels.Both))
	of := func(r *result.Report, p Place) *KernelCounts {
		m, c := p.In(r)
		return &all[slices.Index(d.Kernels.Both, m.Columns[c.Column].Kernel)]
	}
	for i, name := range d.Kernels.Both {
		all[i].Name = name
	}
	for i := range d.After.Matrices {
		for j := range d.After.Matrices[i].Cells {
			of(&d.After, Place{int32(i), int32(j)}).Same++
		}
	}
	for _, p := range d.Changed {
		of(&d.After, p.After).Changed++
	}
	for _, p := range d.Appeared {
		of(&d.After, p).Appeared++
	}
	for _, p := range d.Vanished {
		of(&d.Before, p).Vanished++
	}
	for i := range all {
		all[i].Same -= all[i].Changed + all[i].Appeared
	}
	return all
}
