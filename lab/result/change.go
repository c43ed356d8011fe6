package result

import (
	"slices"
	"strings"

	"labrun/lab"
)

// Change is a step that one kernel answered otherwise than the kernel before it, in cells that it concerns alike: the
// same line of the file, the same two kernels, the same two answers, the same explanation. An answer that changes and
// changes back is two of them, as either is somebody's bug report.
type Change struct {
	Topology   string      `json:"topology"`
	Experiment string      `json:"experiment"`
	Cells      []string    `json:"cells"` // as --only takes them
	Hosts      []string    `json:"hosts"` // of each of the cells
	File       string      `json:"file"`
	Line       int         `json:"line"`
	Process    string      `json:"process"`
	Call       string      `json:"call"` // of the first cell
	Before     KernelSaid  `json:"before"`
	After      KernelSaid  `json:"after"`
	Machines   []string    `json:"machines,omitempty"` // of both kernels, when it may be the architecture that matters
	Known      KnownChange `json:"known,omitzero"`     // what explains it; zero is "not known"
	// Lacking says that the older kernel has that change, as an update, and the newer one has not.
	Lacking bool `json:"lacking,omitempty"`

	At ChangePlace `json:"-"` // where the cells are
}

// ChangePlace is where the cells of a change are: each of the combinations in each of the columns. The JSON has their
// names instead, which mean something without the report.
type ChangePlace struct {
	Matrix, Row int
	Columns     []int32
	Combos      []lab.Combo
}

// KernelSaid is what a kernel answered.
type KernelSaid struct {
	Kernel string `json:"kernel"`
	Answer string `json:"answer"`
}

// Explanation says in a line what explains the change.
func (c *Change) Explanation() string {
	switch {
	case c.Lacking:
		return "linux " + c.After.Kernel + " is without what " + c.Before.Kernel + " has: " + c.Known.String()
	case c.Known != KnownChange{}:
		return c.Known.String()
	case (c.Before.Kernel == lab.GVisor) != (c.After.Kernel == lab.GVisor):
		return "not a change of Linux: gVisor is another kernel"
	case len(c.Machines) > 0:
		return "not known; the architectures differ too: " + strings.Join(c.Machines, ", then ")
	}
	return "not known"
}

// ChangesOf returns what changed between kernels, which stand in order of their versions. Each answered cell is
// compared with the same cell on the kernel before, of its own architecture where there is one: a kernel that has no
// answer, as it skipped the cell or could not be asked, or answered now this and now that, is passed over. Only
// answers count that the file does not leave open, as for a digest. They are in the order of the experiments, and in
// one by kernels.
func ChangesOf(matrices []Matrix, kernels []KernelInfo) []Change {
	var all []Change
	for i := range matrices {
		m := &matrices[i]
		f := newChangeFinder(m, i, kernels)
		for start, j := 0, 1; j <= len(m.Cells) && len(m.Cells) > 0; j++ {
			if j == len(m.Cells) || m.Cells[j].Row != m.Cells[start].Row {
				all = append(all, f.row(m.Cells[start:j])...)
				start = j
			}
		}
	}
	return all
}

func newChangeFinder(m *Matrix, matrix int, kernels []KernelInfo) *changeFinder {
	place := map[string]int{} // of kernels, in order
	for j := range kernels {
		place[kernels[j].Name] = j
	}
	f := &changeFinder{m: m, matrix: matrix, kernels: kernels, of: make([]int, len(m.Columns)), hosts: map[string]int{}}
	for j, c := range m.Columns {
		f.of[j] = place[c.Kernel]
		if _, ok := f.hosts[c.Host]; !ok {
			f.hosts[c.Host] = len(f.hosts)
		}
	}
	return f
}

// changeFinder finds the changes of a matrix.
type changeFinder struct {
	m       *Matrix
	matrix  int
	kernels []KernelInfo   // older ones first
	of      []int          // the kernel of each column
	hosts   map[string]int // in the order of the columns
}

// changeKey is what cells have in common that one change concerns alike.
type changeKey struct {
	after, before int // kernels
	line          int
	process       string
	was, is       string
	known         KnownChange
	lacking       bool
}

// row finds the changes of an experiment from its cells.
func (f *changeFinder) row(cells []Cell) []Change {
	row := int(cells[0].Row)
	// One pass in the order of the kernels finds for each cell the one before it, in last: half a million cells are
	// sorted as pointers, and the map has one for each host and combination.
	order := make([]*Cell, len(cells))
	for i := range cells {
		order[i] = &cells[i]
	}
	slices.SortStableFunc(order, func(a, b *Cell) int { return f.of[a.Column] - f.of[b.Column] })
	type cellOn struct {
		host, machine string // "" is any machine
		combo         lab.Combo
	}
	last := map[cellOn]*Cell{}
	several := slices.ContainsFunc(f.kernels, func(k KernelInfo) bool { return k.Machine != f.kernels[0].Machine })
	found := map[changeKey]*changed{}
	var keys []changeKey
	for _, c := range order {
		if !c.Answered() {
			continue
		}
		machine := f.kernels[f.of[c.Column]].Machine
		on := cellOn{f.m.Columns[c.Column].Host, machine, c.Combo}
		anywhere := on
		anywhere.machine = ""
		before := last[on]
		last[on] = c
		if several { // of an architecture that is seen for the first time
			if before == nil {
				before = last[anywhere]
			}
			last[anywhere] = c
		}
		if before == nil {
			continue
		}
		if key, call, ok := f.differ(before, c); ok {
			if found[key] == nil {
				found[key] = &changed{call: call, hosts: map[lab.Combo][]int32{}}
				keys = append(keys, key)
			}
			found[key].add(c)
		}
	}
	var all []Change
	for _, key := range keys {
		for _, group := range found[key].groups() {
			all = append(all, f.change(row, key, found[key].call, group))
		}
	}
	return all
}

// differ finds the first step that two cells were not answered alike. What comes after it may follow from it. Each
// cell has the wants of its own kernel, so an answer which the file expects to change is a change all the same.
func (f *changeFinder) differ(before, after *Cell) (key changeKey, call string, ok bool) {
	if slices.Equal(before.Answers(), after.Answers()) {
		return key, "", false
	}
	x, y := f.m.StepsOf(before), f.m.StepsOf(after)
	for i := range min(len(x), len(y)) {
		open := (x[i].Open || y[i].Open) && !x[i].Red && !y[i].Red
		if x[i].Got == y[i].Got || open {
			continue
		}
		key = changeKey{after: f.of[after.Column], before: f.of[before.Column], line: y[i].Line, process: y[i].Process,
			was: x[i].Got, is: y[i].Got}
		was, is := &f.kernels[key.before], &f.kernels[key.after]
		if was.Machine == is.Machine {
			key.known, key.lacking = explain(was.Number(), is.Number(), y[:i+1], x[i].Got)
		}
		return key, y[i].Call, true
	}
	// One of them ended sooner, red, with the answer of the other: the file wants another one.
	return key, "", false
}

// changed is the cells that one change concerns. A rule of the kernel that changed is seen in hundreds of combinations
// on every host at once, and a reader wants it told once.
type changed struct {
	call   string // of the first
	combos []lab.Combo
	hosts  map[lab.Combo][]int32 // columns, of each combination
}

func (c *changed) add(cell *Cell) {
	if c.hosts[cell.Combo] == nil {
		c.combos = append(c.combos, cell.Combo)
	}
	c.hosts[cell.Combo] = append(c.hosts[cell.Combo], cell.Column)
}

// cellGroup is combinations that have the same columns.
type cellGroup struct {
	combos  []lab.Combo
	columns []int32
}

// groups parts the cells so that every combination of a group is in each of its hosts.
func (c *changed) groups() []cellGroup {
	slices.Sort(c.combos)
	var all []cellGroup
	for _, combo := range c.combos {
		columns := c.hosts[combo]
		at := slices.IndexFunc(all, func(g cellGroup) bool { return slices.Equal(g.columns, columns) })
		if at < 0 {
			at = len(all)
			all = append(all, cellGroup{columns: columns})
		}
		all[at].combos = append(all[at].combos, combo)
	}
	return all
}

func (f *changeFinder) change(row int, key changeKey, call string, group cellGroup) Change {
	r := &f.m.Rows[row]
	was, is := f.kernels[key.before], f.kernels[key.after]
	c := Change{Topology: f.m.Name, Experiment: r.Name, File: f.m.File, Line: key.line, Process: key.process, Call: call,
		Before: KernelSaid{was.Name, key.was}, After: KernelSaid{is.Name, key.is}, Known: key.known, Lacking: key.lacking,
		At: ChangePlace{f.matrix, row, group.columns, group.combos}}
	if r.File != "" {
		c.File = r.File
	}
	if was.Machine != is.Machine {
		c.Machines = []string{was.Machine, is.Machine}
	}
	for _, combo := range group.combos {
		c.Cells = append(c.Cells, r.CellName(combo))
	}
	for _, column := range group.columns {
		c.Hosts = append(c.Hosts, f.m.Columns[column].Host)
	}
	return c
}

// Changed returns which change a cell is of, whose answer is not that of the kernel before it: nil of others.
func (r *Report) Changed() func(matrix int, c *Cell) *Change {
	type place struct {
		matrix, row int
		column      int32
		combo       lab.Combo
	}
	of := map[place]*Change{}
	for i := range r.Changes {
		c := &r.Changes[i].At
		for _, column := range c.Columns {
			for _, combo := range c.Combos {
				of[place{c.Matrix, c.Row, column, combo}] = &r.Changes[i]
			}
		}
	}
	return func(matrix int, c *Cell) *Change { return of[place{matrix, int(c.Row), c.Column, c.Combo}] }
}
