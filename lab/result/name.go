package result

import (
	"cmp"
	"slices"
)

// NameKernels gives the only kernel of each part of a run, where it has no name, the one that its columns are to have
// in the whole: its version, and what tells it from an earlier part's of that version. Each part is another kernel, by
// the name of the part: who builds one and changes it has two that say the same of themselves.
func NameKernels(parts []Part) {
	heads := make([]Head, len(parts))
	for i := range parts {
		heads[i] = Head{Name: parts[i].Name, Environment: parts[i].Report.Environment}
	}
	for i, name := range nameKernels(heads, func(h *Head, k *KernelInfo) build { return buildOf(h.Name, k) }) {
		if name == "" {
			continue
		}
		for _, m := range parts[i].Report.Matrices {
			for c := range m.Columns {
				m.Columns[c].Kernel = name
			}
		}
	}
}

// NameHeads is NameKernels for parts of several runs, whose cells are elsewhere: those that say the same of their
// kernels are of one. Parts of one kernel alone keep theirs without a name, so that their whole is like a run of all
// of it. What parts share, they share afterwards.
func NameHeads(heads []Head) {
	type as struct {
		t    *Topology
		name string
	}
	known := map[as]*Topology{}
	for i, name := range nameKernels(heads, func(_ *Head, k *KernelInfo) build { return buildOf("", k) }) {
		if name == "" {
			continue
		}
		for j, t := range heads[i].Topologies {
			named := known[as{t, name}]
			if named == nil {
				copied := *t
				copied.Columns = slices.Clone(t.Columns)
				for c := range copied.Columns {
					copied.Columns[c].Kernel = name
				}
				named = &copied
				known[as{t, name}] = named
			}
			heads[i].Topologies[j] = named
		}
	}
}

// build is what tells kernels apart that are no more than a name otherwise.
type build struct{ part, release, version, machine string }

func buildOf(part string, k *KernelInfo) build { return build{part, k.Release, k.Version, k.Machine} }

// nameKernels names the kernels in the environments of parts, and returns the names that their columns are to have, ""
// where they keep theirs. A kernel that several parts asked has one name: the first of them gives it.
func nameKernels(heads []Head, buildIn func(*Head, *KernelInfo) build) []string {
	names := make([]string, len(heads))
	nameless := func(e *Environment) bool { return len(e.Kernels) == 1 && e.Kernels[0].Name == "" }
	if !slices.ContainsFunc(heads, func(h Head) bool {
		return !nameless(&h.Environment) ||
			buildIn(&h, &h.Environment.Kernels[0]) != buildIn(&heads[0], &heads[0].Environment.Kernels[0])
	}) {
		return names
	}
	of := map[build]string{}
	taken := map[string]build{} // by the first part that has the name
	for i := range heads {
		e := &heads[i].Environment
		for j := range e.Kernels {
			k := &e.Kernels[j]
			b := buildIn(&heads[i], k)
			if nameless(e) {
				if of[b] == "" {
					of[b] = newName(b, heads[i].Name, taken)
				}
				k.Name = of[b]
				names[i] = k.Name
			}
			if _, ok := taken[k.Name]; !ok {
				taken[k.Name] = b
			}
		}
	}
	return names
}

// newName returns a name for a kernel that no other kernel has.
func newName(k build, part string, taken map[string]build) string {
	isTaken := func(name string) bool {
		by, ok := taken[name]
		return ok && by != k
	}
	name := cmp.Or(k.version, k.release)
	other := taken[name]
	if !isTaken(name) {
		return name
	}
	switch {
	case other.machine != k.machine:
		name += " " + k.machine
	case other.release != k.release && k.release != k.version:
		name += " " + k.release
	}
	if isTaken(name) { // a User-mode Linux beside Debian's: "6.1.176 um:6.1"
		name += " " + part
	}
	return name
}
