package compare

import (
	"slices"

	"labrun/lab/result"
)

// KernelCounts is how many cells of a kernel differ.
type KernelCounts struct {
	Name     string `json:"name"`
	Changed  int    `json:"changed"`
	Appeared int    `json:"appeared"`
	Vanished int    `json:"vanished"`
	Same     int    `json:"same"`
}

// ByKernel counts the cells of each of several kernels; nil when one was compared. A reader who compares a dozen
// kernels asks first which of them changed: the list of cells answers that only to the end of the last page.
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
