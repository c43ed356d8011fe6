package result

import (
	"cmp"
	"slices"
)

// NameKernels gives the only kernel of each part, where it has no name, the one that its columns are to
// have in the whole: its version, and what tells it from an earlier part's of that version. Parts of one
// kernel alone keep theirs without a name, so that their whole is like a run of all of it.
func NameKernels(parts []Part) {
	same := func(a, b *KernelInfo) bool {
		return a.Release == b.Release && a.Version == b.Version && a.Machine == b.Machine
	}
	var nameless []*KernelInfo
	for i := range parts {
		if k := parts[i].Report.Environment.Kernels; len(k) == 1 && k[0].Name == "" {
			nameless = append(nameless, &k[0])
		}
	}
	if len(nameless) == len(parts) && !slices.ContainsFunc(nameless, func(k *KernelInfo) bool { return !same(k, nameless[0]) }) {
		return
	}
	for i := range parts {
		e := &parts[i].Report.Environment
		if len(e.Kernels) != 1 || e.Kernels[0].Name != "" {
			continue
		}
		k := &e.Kernels[0]
		taken := func() bool {
			return slices.ContainsFunc(parts[:i], func(p Part) bool {
				other := p.Report.Environment.Kernel(k.Name)
				return other.Name != "" && !same(&other, k)
			})
		}
		k.Name = cmp.Or(k.Version, k.Release)
		for _, more := range []string{k.Machine, k.Release, parts[i].Name} {
			if taken() {
				k.Name += " " + more
			}
		}
		for _, m := range parts[i].Report.Matrices {
			for c := range m.Columns {
				m.Columns[c].Kernel = k.Name
			}
		}
	}
}
