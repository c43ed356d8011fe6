package result

import (
	"cmp"
	"slices"

	"labrun/lab"
)

// KernelResult is what the columns of one kernel of several come to.
type KernelResult struct {
	Name   string `json:"name"` // as a Column has it
	Counts Counts `json:"counts"`
	Digest string `json:"digest"` // see DigestOn
}

// Number returns the kernel's version, 0.0.0 when nothing says it or the kernel is not Linux.
func (k *KernelInfo) Number() lab.KernelVersion {
	if k.isGVisor() { // whose release is a Linux's
		return lab.KernelVersion{}
	}
	for _, text := range []string{k.Version, k.Release, k.Name} {
		if v, err := lab.ParseKernelVersion(text); err == nil {
			return v
		}
	}
	return lab.KernelVersion{}
}

// isGVisor looks at the name of a kernel of which no more is known.
func (k *KernelInfo) isGVisor() bool { return cmp.Or(k.Version, k.Name) == lab.GVisor }

// Compare puts older kernels first, and gVisor, which is no version of Linux, last.
func (k *KernelInfo) Compare(l *KernelInfo) int {
	rank := func(k *KernelInfo) int {
		if k.isGVisor() {
			return 1
		}
		return 0
	}
	return cmp.Or(rank(k)-rank(l), k.Number().Compare(l.Number()))
}

// ByVersion returns the kernels that the columns of the matrices name, older ones first, in whatever order they
// were asked: a reader follows an answer through the years. Of one version they stand as they were asked.
func (r *Report) ByVersion() []KernelInfo {
	var all []KernelInfo
	for i := range r.Matrices {
		for _, c := range r.Matrices[i].Columns {
			if slices.ContainsFunc(all, func(k KernelInfo) bool { return k.Name == c.Kernel }) {
				continue
			}
			info := r.Environment.Kernel(c.Kernel)
			info.Name = c.Kernel // also of one that the environment does not tell of
			all = append(all, info)
		}
	}
	slices.SortStableFunc(all, func(a, b KernelInfo) int { return a.Compare(&b) })
	return all
}

// ByKernel returns the report with what its kernels come to, one by one, and what changed between them. It follows
// from the cells, as counts and digest do, and is nothing in a report about one kernel. What a file says of it is not
// believed: a later labrun may know why an answer changed.
func (r Report) ByKernel() Report {
	r.Kernels, r.Changes = nil, nil
	kernels := r.ByVersion()
	if len(kernels) < 2 {
		return r
	}
	counts := map[string]*Counts{}
	for _, k := range kernels {
		counts[k.Name] = &Counts{}
	}
	for i := range r.Matrices {
		m := &r.Matrices[i]
		for j := range m.Cells {
			counts[m.Columns[m.Cells[j].Column].Kernel].Count(m.Cells[j].Verdict)
		}
	}
	for _, k := range kernels {
		r.Kernels = append(r.Kernels, KernelResult{k.Name, *counts[k.Name], DigestOn(r.Matrices, k.Name)})
	}
	r.Changes = ChangesOf(r.Matrices, kernels)
	return r
}

// On returns the report that a run on one of the kernels alone would have given: a column is its host, and the
// environment describes that kernel only. Nobody knows how long that run would have taken.
func (r *Report) On(kernel string) Report {
	env := r.Environment
	info := env.Kernel(kernel)
	info.Name = ""
	env.Kernels, env.Seconds = []KernelInfo{info}, nil
	var matrices []Matrix
	for i := range r.Matrices {
		matrices = append(matrices, r.Matrices[i].On(kernel))
	}
	return NewReport(env, matrices)
}

// Only returns the report without the columns of other kernels than these.
func (r *Report) Only(kernels []string) Report {
	env := r.Environment
	env.Seconds = nil
	env.Kernels = slices.DeleteFunc(slices.Clone(env.Kernels),
		func(k KernelInfo) bool { return !slices.Contains(kernels, k.Name) })
	var matrices []Matrix
	for i := range r.Matrices {
		m := r.Matrices[i].only(func(k string) bool { return slices.Contains(kernels, k) })
		m.Settle()
		matrices = append(matrices, m)
	}
	return NewReport(env, matrices)
}

// only returns the matrix with the columns of some kernels. Its rows are shared: their steps on the others do no harm.
func (m *Matrix) only(has func(kernel string) bool) Matrix {
	some := *m
	some.Columns, some.Cells = nil, nil
	some.Claims = slices.Clone(m.Claims)
	places := make([]int32, len(m.Columns)) // of columns in the new matrix
	for i, c := range m.Columns {
		if places[i] = -1; has(c.Kernel) {
			places[i] = int32(len(some.Columns))
			some.Columns = append(some.Columns, c)
		}
	}
	for i := range m.Cells {
		if c := m.Cells[i]; places[c.Column] >= 0 {
			c.Column = places[c.Column]
			some.Cells = append(some.Cells, c)
		}
	}
	return some
}

// On returns the matrix of one of the kernels alone.
func (m *Matrix) On(kernel string) Matrix {
	one := m.only(func(k string) bool { return k == kernel })
	one.Rows = nil
	for i := range one.Columns {
		one.Columns[i].Kernel = ""
	}
	for i := range m.Rows {
		row := m.Rows[i]
		row.Slots = slices.Clone(row.Slots)
		for j := range row.Slots {
			row.Slots[j].Variants, row.Slots[j].Others = row.Slots[j].On(kernel), nil
		}
		one.Rows = append(one.Rows, row)
	}
	one.Settle()
	return one
}

// Named returns a report about one kernel as one about several has it: its columns and its environment name it. The
// report itself stays without the name.
func (r *Report) Named(kernel string) Report {
	env := r.Environment
	env.Kernels = slices.Clone(env.Kernels)
	for i := range env.Kernels {
		env.Kernels[i].Name = kernel
	}
	var matrices []Matrix
	for i := range r.Matrices {
		m := r.Matrices[i]
		m.Columns = slices.Clone(m.Columns)
		for c := range m.Columns {
			m.Columns[c].Kernel = kernel
		}
		matrices = append(matrices, m)
	}
	return NewReport(env, matrices)
}

// HostGroup is hosts whose cells are equal on every kernel of a matrix: one column for each kernel stands for all.
// Twelve kernels on four hosts are forty-eight columns, of which mostly twelve differ.
type HostGroup struct {
	Hosts   []string
	Columns []int32 // of the first of them, one for each kernel asked for; -1 where it was not asked
}

// HostGroups returns the hosts of a matrix in groups of equals, for kernels in a given order. Equal are cells with
// the same verdicts, which were answered the same but for what the file leaves open.
func (m *Matrix) HostGroups(kernels []string) []HostGroup {
	// Cells of a row and a column lie together, so a column is compared with another block by block, uncopied.
	blocks := make([][]Cell, len(m.Rows)*len(m.Columns))
	for start, i := 0, 1; i <= len(m.Cells) && len(m.Cells) > 0; i++ {
		if c := &m.Cells[start]; i == len(m.Cells) || m.Cells[i].Row != c.Row || m.Cells[i].Column != c.Column {
			blocks[int(c.Row)*len(m.Columns)+int(c.Column)] = m.Cells[start:i]
			start = i
		}
	}
	equal := func(a, b int32) bool {
		if a < 0 || b < 0 {
			return a == b
		}
		for row := range m.Rows {
			on := m.Rows[row].On(m.Columns[a].Kernel)
			of := blocks[row*len(m.Columns):][:len(m.Columns)]
			if !slices.EqualFunc(of[a], of[b], func(c, d Cell) bool { return on.equal(&c, &d) }) {
				return false
			}
		}
		return true
	}
	var groups []HostGroup
	for _, c := range m.Columns {
		if slices.ContainsFunc(groups, func(g HostGroup) bool { return slices.Contains(g.Hosts, c.Host) }) {
			continue
		}
		var columns []int32
		for _, k := range kernels {
			columns = append(columns, int32(slices.Index(m.Columns, Column{c.Host, k})))
		}
		at := slices.IndexFunc(groups, func(g HostGroup) bool { return slices.EqualFunc(g.Columns, columns, equal) })
		if at < 0 {
			at = len(groups)
			groups = append(groups, HostGroup{Columns: columns})
		}
		groups[at].Hosts = append(groups[at].Hosts, c.Host)
	}
	return groups
}

// equal reports whether two cells of a kernel came out the same.
func (r RowOn) equal(a, b *Cell) bool {
	n := len(a.Answers())
	return a.Combo == b.Combo && a.Verdict == b.Verdict && n == len(b.Answers()) && r.Parting(a, b) == n
}
