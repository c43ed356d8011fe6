package result

import (
	"cmp"
	"slices"
)

// NameKernels gives the only kernel of each part, where it has no name, the one that its columns are to
// have in the whole: its version, and what tells it from an earlier part's of that version. Parts of one
// kernel alone keep theirs without a name, so that their whole is like a run of all of it.
func NameKernels(parts []Part) {
	var nameless []*KernelInfo
	for i := range parts {
		if k := parts[i].Report.Environment.Kernels; len(k) == 1 && k[0].Name == "" {
			nameless = append(nameless, &k[0])
		}
	}
	if len(nameless) == len(parts) && !slices.ContainsFunc(nameless, func(k *KernelInfo) bool { return !sameBuild(k, nameless[0]) }) {
		return
	}
	for i := range parts {
		e := &parts[i].Report.Environment
		if len(e.Kernels) != 1 || e.Kernels[0].Name != "" {
			continue
		}
		k := &e.Kernels[0]
		k.Name = cmp.Or(k.Version, k.Release)
		if other, taken := taker(parts[:i], k); taken {
			switch {
			case other.Machine != k.Machine:
				k.Name += " " + k.Machine
			case other.Release != k.Release && k.Release != k.Version:
				k.Name += " " + k.Release
			}
			if _, taken := taker(parts[:i], k); taken { // a User-mode Linux beside Debian's: "6.1.176 um:6.1"
				k.Name += " " + parts[i].Name
			}
		}
		for _, m := range parts[i].Report.Matrices {
			for c := range m.Columns {
				m.Columns[c].Kernel = k.Name
			}
		}
	}
}

// taker returns another kernel of earlier parts that has the name already.
func taker(parts []Part, k *KernelInfo) (KernelInfo, bool) {
	for _, p := range parts {
		if other := p.Report.Environment.Kernel(k.Name); other.Name != "" && !sameBuild(&other, k) {
			return other, true
		}
	}
	return KernelInfo{}, false
}

func sameBuild(a, b *KernelInfo) bool {
	return a.Release == b.Release && a.Version == b.Version && a.Machine == b.Machine
}
