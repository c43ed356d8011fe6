package result

// Adder adds cells up to a report that does not have them: its counts, digest, claims, and what its kernels come to
// and differ in. They are added matrix by matrix, in the order of their matrices. It holds none of them, but for those
// of a row where there are kernels to compare.
type Adder struct {
	report  Report
	all     *digester
	kernels []KernelInfo         // in order of their versions; nil when there is one
	on      map[string]*digester // of each of those
	counts  map[string]*Counts

	matrix int // at hand
	m      *Matrix
	seen   []rowSeen
	finder *changeFinder
	row    []Cell // so far
}

// NewAdder returns an Adder of no cells. The matrices need none of theirs.
func NewAdder(env Environment, matrices []Matrix) *Adder {
	a := &Adder{report: Report{Environment: env, Matrices: matrices}, all: newDigester(everyColumn), matrix: -1,
		on: map[string]*digester{}, counts: map[string]*Counts{}}
	if kernels := a.report.ByVersion(); len(kernels) > 1 {
		a.kernels = kernels
	}
	for _, k := range a.kernels {
		a.on[k.Name], a.counts[k.Name] = newDigester(columnsOn(k.Name)), &Counts{}
	}
	return a
}

// Begin has the next cells be those of the next matrix.
func (a *Adder) Begin() {
	a.end()
	a.matrix++
	a.m = &a.report.Matrices[a.matrix]
	a.seen = make([]rowSeen, len(a.m.Rows))
	a.all.begin(a.m)
	if a.kernels != nil {
		a.finder = newChangeFinder(a.m, a.matrix, a.kernels)
	}
	for _, k := range a.kernels {
		a.on[k.Name].begin(a.m)
	}
}

// Add adds a cell.
func (a *Adder) Add(c *Cell) {
	a.report.Counts.Count(c.Verdict)
	a.seen[c.Row].note(c)
	a.all.add(c)
	if a.kernels == nil {
		return
	}
	name := a.m.Columns[c.Column].Kernel
	a.on[name].add(c)
	a.counts[name].Count(c.Verdict)
	if len(a.row) > 0 && a.row[0].Row != c.Row {
		a.endRow()
	}
	a.row = append(a.row, *c)
}

// endRow finds what changed between kernels in a row that is whole.
func (a *Adder) endRow() {
	if len(a.row) > 0 {
		a.report.Changes = append(a.report.Changes, a.finder.row(a.row)...)
	}
	a.row = a.row[:0]
}

// end finds what the matrix at hand comes to.
func (a *Adder) end() {
	if a.m != nil {
		a.endRow()
		a.m.settle(a.seen)
	}
}

// Report returns what the cells come to.
func (a *Adder) Report() Report {
	a.end()
	a.report.Digest = a.all.digest()
	for _, k := range a.kernels {
		a.report.Kernels = append(a.report.Kernels, KernelResult{k.Name, *a.counts[k.Name], a.on[k.Name].digest()})
	}
	return a.report
}
