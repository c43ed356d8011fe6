package result

import (
	"cmp"
	"slices"
)

// NameKernels gives the only kernel of each part, where it has no name, the one that its columns are to
// have in the whole: its version, and what tells it from an earlier part's of that version. Parts of one
// kernel alone keep theirs without a name, so that their whole is like a run of all of it.
func NameKernels(parts []Part) {
	heads := make([]Head, len(parts))
	for i := range parts {
		heads[i] = Head{Name: parts[i].Name, Environment: parts[i].Report.Environment}
	}
	for i, name := range nameKernels(heads) {
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

// NameHeads is NameKernels for parts whose cells are elsewhere. What they share, they share afterwards.
func NameHeads(heads []Head) {
	type as struct {
		t    *Topology
		name string
	}
	known := map[as]*Topology{}
	for i, name := range nameKernels(heads) {
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
type build struct{ release, version, machine string }

func buildOf(k *KernelInfo) build { return build{k.Release, k.Version, k.Machine} }

// nameKernels names the kernels in the environments of parts, and returns the names that their columns are to have, ""
// where they keep theirs. A kernel that several parts asked has one name: the first of them gives it.
func nameKernels(heads []Head) []string {
	names := make([]string, len(heads))
	nameless := func(e *Environment) bool { return len(e.Kernels) == 1 && e.Kernels[0].Name == "" }
	if !slices.ContainsFunc(heads, func(h Head) bool {
		return !nameless(&h.Environment) || buildOf(&h.Environment.Kernels[0]) != buildOf(&heads[0].Environment.Kernels[0])
	}) {
		return names
	}
	of := map[build]string{}
	taken := map[string]build{} // by the first part that has the name
	for i := range heads {
		e := &heads[i].Environment
		for j := range e.Kernels {
			k := &e.Kernels[j]
			if nameless(e) {
				if of[buildOf(k)] == "" {
					of[buildOf(k)] = newName(k, heads[i].Name, taken)
				}
				k.Name = of[buildOf(k)]
				names[i] = k.Name
			}
			if _, ok := taken[k.Name]; !ok {
				taken[k.Name] = buildOf(k)
			}
		}
	}
	return names
}

// newName returns a name for a kernel that no other kernel has.
func newName(k *KernelInfo, part string, taken map[string]build) string {
	isTaken := func(name string) bool {
		by, ok := taken[name]
		return ok && by != buildOf(k)
	}
	name := cmp.Or(k.Version, k.Release)
	other := taken[name]
	if !isTaken(name) {
		return name
	}
	switch {
	case other.machine != k.Machine:
		name += " " + k.Machine
	case other.release != k.Release && k.Release != k.Version:
		name += " " + k.Release
	}
	if isTaken(name) { // a User-mode Linux beside Debian's: "6.1.176 um:6.1"
		name += " " + part
	}
	return name
}
