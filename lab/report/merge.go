package report

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"

	"labrun/lab/result"
)

// Merger puts kept reports together that need not fit into memory, be there ten thousand of them or one of a
// gigabyte. It reads each once, from its beginning to its end and after the one before, so a part may be a pipe,
// and one file is open at a time. Cells go to a spool, in the order that they have there; from that they are
// merged as they are needed. What stands before the cells of a part is in memory once for all that have it alike,
// as all parts of a run do.
//
// What parts come to together says package result.
type Merger struct {
	spool *spool
	parts []mergePart
	scan  scan
}

// mergePart is a part, and where its cells are.
type mergePart struct {
	head           result.Head
	cells, seconds []run // by topology
}

// NewMerger returns a Merger of no parts, which keeps cells in a file that nobody else writes.
func NewMerger(file Spool) *Merger {
	m := &Merger{spool: newSpool(file)}
	m.scan = scan{spool: m.spool, known: map[[sha256.Size]byte]*result.Topology{}}
	return m
}

// Read reads a part. Like ReadJSON it takes nothing that does not fit together, and reports a mistake with its place.
func (m *Merger) Read(file string, r io.Reader) error {
	m.scan.part = mergePart{head: result.Head{Name: file}}
	kept, err := read(file, r, &m.scan)
	if err != nil {
		return err
	}
	part := &m.scan.part
	part.head.Environment = kept.Environment
	m.parts = append(m.parts, *part)
	return nil
}

// scan gets what a report has beside its head: the cells and their seconds.
type scan struct {
	sharedValues // by all parts
	spool        *spool
	known        map[[sha256.Size]byte]*result.Topology // by their texts
	part         mergePart                              // at hand
	asked        *result.Topology                       // that at hand, for its cells
}

// second takes how long a cell of a topology took.
func (s *scan) second(topology int, seconds float32) error {
	p := &s.part
	for len(p.seconds) <= topology {
		p.seconds = append(p.seconds, s.spool.begin())
	}
	return s.spool.second(&p.seconds[topology], seconds)
}

// begin begins a topology.
func (s *scan) begin() {
	s.part.cells = append(s.part.cells, s.spool.begin())
	s.asked = nil
}

// cell takes a cell.
func (s *scan) cell(in *index, c result.Cell) error {
	if err := in.place(&c); err != nil {
		return err
	}
	if s.asked == nil {
		s.asked = result.NewTopology(*in.m, s.part.head.Name)
	}
	s.asked.Ask(&c)
	return s.spool.cell(&s.part.cells[len(s.part.cells)-1], &c, &s.sharedValues)
}

// end ends a topology. One that other parts have alike takes no room: what tells is the text, but for cells, and of
// claims what does not follow from those.
func (s *scan) end(m *result.Matrix, text hash.Hash) error {
	for i := range m.Claims {
		c := &m.Claims[i]
		tested := c.Verdict != result.NotTested
		*c = result.ClaimResult{Name: c.Name, Text: c.Text}
		if tested {
			c.Verdict = result.NotRun
		}
		fmt.Fprintf(text, "%q %q %v\n", c.Name, c.Text, tested)
	}
	for i := range m.Rows { // an older report has this with its claims
		fmt.Fprintf(text, "%q\n", m.Rows[i].Claim.When)
	}
	key := [sha256.Size]byte(text.Sum(nil))
	t := s.known[key]
	if t == nil {
		t = result.NewTopology(*m, s.part.head.Name)
		s.known[key] = t
	}
	if s.asked != nil {
		t.AskAs(s.asked)
	}
	head := &s.part.head
	head.Topologies = append(head.Topologies, t)
	head.Cells += s.part.cells[len(s.part.cells)-1].n
	return nil
}

// Merged is what the parts of a Merger are together. It may be written as often as one likes, until its spool is
// closed.
type Merged struct {
	*result.Whole
	// Lacks says which parts of a sharded run there are not, "" when all are there. What they would have is for Missing
	// to say, if anybody knows.
	Lacks string
	// Progress, if not nil, is called with how many of how many cells were read or written, now and then.
	Progress func(done, total int)

	report result.Report // without cells
	spool  *spool
	parts  []mergePart
}

// Merge finds out what the parts are together from what stands before their cells. With partial, parts of a
// sharded run may be missing.
func (m *Merger) Merge(partial bool) (*Merged, error) {
	if err := m.spool.flush(); err != nil {
		return nil, err
	}
	parts := slices.Clone(m.parts)
	// Parts of a run are in the order of their numbers, whatever order a shell has them in: "part-10" is before "part-2".
	shard := func(p mergePart) *result.Shard { return p.head.Environment.Shard }
	if !slices.ContainsFunc(parts, func(p mergePart) bool { return shard(p) == nil }) {
		slices.SortStableFunc(parts, func(p, q mergePart) int { return shard(p).Index - shard(q).Index })
	}
	var heads []result.Head
	for _, p := range parts {
		heads = append(heads, p.head)
	}
	lacks, err := result.CheckShards(heads, partial)
	if err != nil {
		return nil, err
	}
	result.NameHeads(heads)
	w := &Merged{Lacks: lacks, spool: m.spool, parts: parts}
	w.Whole, err = result.Join(heads, func(part, matrix int) bool {
		p := &parts[part]
		return p.secondsOf(matrix).n == p.cells[matrix].n
	})
	return w, err
}

func (p *mergePart) secondsOf(matrix int) run {
	if matrix < len(p.seconds) {
		return p.seconds[matrix]
	}
	return run{}
}

// open returns the cells of a part. All parts that have cells of a matrix are open at once, and share some room.
func (w *Merged) open(part, matrix int) result.Cells {
	const room, least, most = 32 << 20, 1 << 8, 1 << 16 // bytes
	p := &w.parts[part]
	return w.spool.read(p.cells[matrix], p.secondsOf(matrix), min(max(room/2/len(w.parts), least), most))
}

// merged goes through the cells of a matrix.
func (w *Merged) merged(matrix int) iter.Seq2[result.Timed, error] { return w.Cells(matrix, w.open) }

// Count reads all cells, and finds out what they come to and whether the parts agree on them.
func (w *Merged) Count() error {
	a := result.NewAdder(w.Environment, w.Matrices)
	total, done := 0, 0
	var cell result.Cell // one for all: each by itself would be allocated
	for i := range w.parts {
		total += w.parts[i].head.Cells
	}
	for i := range w.Matrices {
		a.Begin()
		for c, err := range w.merged(i) {
			if err != nil {
				return err
			}
			cell = c.Cell
			a.Add(&cell)
			done++
			w.progress(done, total)
		}
	}
	w.report = a.Report()
	return nil
}

// progress tells how far it is, once in a while.
func (w *Merged) progress(done, total int) {
	if w.Progress != nil && done%1024 == 0 {
		w.Progress(done, max(done, total))
	}
}

// Filled returns how many cells no part has, after Count.
func (w *Merged) Filled() int {
	n := w.report.Counts.Sum()
	for i := range w.parts {
		n -= w.parts[i].head.Cells
	}
	return max(n, 0)
}

// Shard returns what the parts of a sharded run have in common, nil when there are none.
func (w *Merged) Shard() *result.Shard {
	for i := range w.parts {
		if s := w.parts[i].head.Environment.Shard; s != nil {
			return s
		}
	}
	return nil
}

// Report returns the report without its cells.
func (w *Merged) Report() result.Report { return w.report }

// JSON writes the report as JSON does, a cell at a time.
func (w *Merged) JSON(to io.Writer) error {
	done, passes, timed := 0, 1, 0
	if w.HasSeconds() { // which stand before all cells, so those are gone through twice
		passes, timed = 2, len(w.Matrices)
	}
	step := func() {
		done++
		w.progress(done/passes, w.report.Counts.Sum())
	}
	return writeJSON(to, &w.report, contents{
		cells: func(matrix int) iter.Seq2[*result.Cell, error] {
			return func(yield func(*result.Cell, error) bool) {
				var cell result.Cell
				for c, err := range w.merged(matrix) {
					cell = c.Cell
					if !yield(&cell, err) || err != nil {
						return
					}
					step()
				}
			}
		},
		timed: timed,
		seconds: func(matrix int) iter.Seq2[float32, error] {
			return func(yield func(float32, error) bool) {
				if !w.Timed(matrix) {
					return
				}
				for c, err := range w.merged(matrix) {
					if !yield(c.Seconds, err) || err != nil {
						return
					}
					step()
				}
			}
		},
	})
}

// Collect returns the report with all of its cells in memory, for the other formats.
func (w *Merged) Collect() (result.Report, error) { return w.Whole.Collect(w.open) }
