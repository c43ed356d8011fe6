package compare

import (
	"cmp"
	"maps"
	"slices"

	"labrun/lab/result"
)

// Difference is what two reports do not agree about.
type Difference struct {
	Before, After result.Report // of the kernels that are compared
	Same          int           // cells of both that came out the same
	Changed       []Pair        // cells of both that did not, in the order of Before
	Open          []Pair        // cells of both in which an answer differs that the file leaves open, changed or the same
	Appeared      []Place       // cells of After alone
	Vanished      []Place       // cells of Before alone
	Claims        []Claim       // whose verdict changed; a claim of one report alone comes or goes with its cells
	Environment   []Setting
	Kernels       Kernels // that Before and After are of, when either report is about several
}

// Place is where a cell stands in a report.
type Place struct {
	Matrix, Cell int32
}

// In returns the cell of that place, and its matrix.
func (p Place) In(r *result.Report) (*result.Matrix, *result.Cell) {
	m := &r.Matrices[p.Matrix]
	return m, &m.Cells[p.Cell]
}

// Pair is one cell in both reports.
type Pair struct {
	Before, After Place
}

// Claim is a claim with another verdict.
type Claim struct {
	Topology string `json:"topology"`
	Name     string `json:"claim"`
	Text     string `json:"text,omitempty"` // what it says in the later report, or in the earlier one alone
	Before   string `json:"before"`
	After    string `json:"after"`
}

// Setting is something in the environment that is not the same; "" is missing.
type Setting struct {
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Outcome reports whether the outcomes differ. The environment is not one, nor are
// answers that the file leaves open, nor a kernel that one report alone is about. Reports
// without a common kernel differ: nobody knows that they do not.
func (d *Difference) Outcome() bool {
	return len(d.Changed)+len(d.Appeared)+len(d.Vanished)+len(d.Claims) > 0 || d.Kernels.nothing()
}

// Reports compares a report with a later one. Each one's cells stand in the order that
// result.Matrix demands, and its digest is that of its cells: equal digests need no
// look at a single cell, unless a file leaves answers open. Reports about several kernels are
// compared kernel by kernel of the same name.
func Reports(a, b result.Report) Difference {
	a, b, kernels := onSameKernels(a, b)
	d := Difference{Before: a, After: b, Environment: settings(a.Environment, b.Environment), Kernels: kernels}
	equal := a.Digest != "" && a.Digest == b.Digest && !leavesOpen(a.Matrices) && !leavesOpen(b.Matrices)
	partners := partnersOf(a.Matrices, b.Matrices)
	met := make([]bool, len(b.Matrices))
	for i, j := range partners {
		if j >= 0 {
			met[j] = true
			d.claims(&a.Matrices[i], &b.Matrices[j])
		}
		switch {
		case equal:
			d.Same += len(a.Matrices[i].Cells)
		case j < 0:
			d.Vanished = appendAll(d.Vanished, i, &a.Matrices[i])
		default:
			d.cells(i, j)
		}
	}
	for j := range b.Matrices {
		if !met[j] && !equal {
			d.Appeared = appendAll(d.Appeared, j, &b.Matrices[j])
		}
	}
	return d
}

// leavesOpen reports whether there is a step whose answer a file leaves open.
func leavesOpen(matrices []result.Matrix) bool {
	for _, m := range matrices {
		for _, r := range m.Rows {
			for i := range r.Slots {
				for s := range r.Slots[i].All() {
					if s.Open {
						return true
					}
				}
			}
		}
	}
	return false
}

// partnersOf returns for each matrix of a the one of b with the same name, -1
// when there is none. Of several with one name the first is the first's partner.
func partnersOf(a, b []result.Matrix) []int {
	free := map[string][]int{}
	for j := range b {
		free[b[j].Name] = append(free[b[j].Name], j)
	}
	partners := make([]int, len(a))
	for i := range a {
		partners[i] = -1
		if of := free[a[i].Name]; len(of) > 0 {
			partners[i], free[a[i].Name] = of[0], of[1:]
		}
	}
	return partners
}

func appendAll(places []Place, matrix int, m *result.Matrix) []Place {
	for i := range m.Cells {
		places = append(places, Place{int32(matrix), int32(i)})
	}
	return places
}

// claims compares the claims that both matrices have.
func (d *Difference) claims(a, b *result.Matrix) {
	for _, was := range a.Claims {
		j := slices.IndexFunc(b.Claims, func(c result.ClaimResult) bool { return c.Name == was.Name })
		if j < 0 || was.Verdict == result.NotRun || b.Claims[j].Verdict == result.NotRun {
			continue // in one of the reports
		}
		if before, after := was.Says(), b.Claims[j].Says(); before != after {
			d.Claims = append(d.Claims, Claim{a.Name, was.Name, cmp.Or(b.Claims[j].Text, was.Text), before, after})
		}
	}
}

// settings compares what a run finds. When it ran, how long it took and how many
// jobs it had never matters to a comparison.
func settings(a, b result.Environment) []Setting {
	all := []Setting{{"labrun", a.Labrun, b.Labrun}}
	known := map[string]bool{}
	for _, k := range slices.Concat(a.Kernels, b.Kernels) {
		if known[k.Name] {
			continue
		}
		known[k.Name] = true
		x, y := a.Kernel(k.Name), b.Kernel(k.Name)
		all = append(all, Setting{k.Setting("kernel"), x.Release, y.Release},
			Setting{k.Setting("machine"), x.Machine, y.Machine}, Setting{k.Setting("user"), x.User, y.User})
		names := slices.AppendSeq(slices.Collect(maps.Keys(x.Sysctls)), maps.Keys(y.Sysctls))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			all = append(all, Setting{k.Setting(name), x.Sysctls[name], y.Sysctls[name]})
		}
	}
	return slices.DeleteFunc(all, func(s Setting) bool { return s.Before == s.After })
}
