package result

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"labrun/lab"
)

// Part is a report of some of the cells of a run.
type Part struct {
	Name   string // for messages: its file
	Report Report
}

// Head is what a merge has to know of a part before its cells.
type Head struct {
	Name        string // for messages: the part's file
	Environment Environment
	Topologies  []*Topology
	Cells       int // how many it has
}

// Topology is a matrix of a part. A merge reads the cells apart from it, see Whole.Cells, so its own may be missing.
// Parts share those that are equal: ten thousand parts of a run have one between them.
type Topology struct {
	Matrix
	Of    string // the part that has it, or the first one
	asked []bool // by row and column: whether that has cells
}

// NewTopology returns a matrix of which no cell is known yet.
func NewTopology(m Matrix, of string) *Topology {
	return &Topology{Matrix: m, Of: of, asked: make([]bool, len(m.Rows)*len(m.Columns))}
}

// Ask notes that a part has a cell there: what a row wants of a kernel is for the parts to say that asked it.
func (t *Topology) Ask(c *Cell) { t.asked[int(c.Row)*len(t.Columns)+int(c.Column)] = true }

// AskAs notes that a part has cells where another one has them of an equal topology.
func (t *Topology) AskAs(other *Topology) {
	for i, is := range other.asked {
		t.asked[i] = t.asked[i] || is
	}
}

// kernels returns which kernels have cells of a row.
func (t *Topology) kernels(row int) map[string]bool {
	on := map[string]bool{}
	for i, c := range t.Columns {
		if t.asked[row*len(t.Columns)+i] {
			on[c.Kernel] = true
		}
	}
	return on
}

// Whole is what parts are together. Its cells are still theirs.
type Whole struct {
	Environment Environment // without Seconds
	Matrices    []Matrix    // without cells

	// Missing, if not nil, returns cells that a matrix is to have where no part has them, in its order.
	Missing func(matrix int) iter.Seq[Cell]

	pieces [][]piece // of each matrix
	timed  []bool    // whether all pieces of a matrix know how long their cells took
	names  []string  // of the parts
}

// piece is what a part has of a topology, by the numbers of both.
type piece struct {
	part, matrix int
	rows         []int32 // of the whole, by those of the part
	columns      []int32
}

// Timed is a cell, and how long it took.
type Timed struct {
	Cell
	Seconds float32
}

// Cells reads the cells of a part's matrix one by one, in their order.
type Cells interface {
	// Next returns the next cell, and behind the last one false.
	Next() (Timed, bool, error)
	// Left returns how many there are.
	Left() int
}

// Merge returns the report of a run from reports of its parts, each of some cells of the
// same files, asked by the same labrun of one kernel or of several. A cell may be in several of
// them, when they agree on it. Counts, digest and claims follow from the cells.
//
// Topologies, experiments and columns stand in the order in which the parts have them.
// Where no part has two of them, experiments go by their lines, columns by the order of
// hosts, and topologies by the order of the parts.
//
// It is a Whole of parts that are in memory.
func Merge(parts ...Part) (Report, error) {
	heads := make([]Head, len(parts))
	for i := range parts {
		r := &parts[i].Report
		heads[i] = Head{Name: parts[i].Name, Environment: r.Environment}
		for j := range r.Matrices {
			t := NewTopology(r.Matrices[j], parts[i].Name)
			for k := range t.Cells {
				t.Ask(&t.Cells[k])
			}
			heads[i].Topologies = append(heads[i].Topologies, t)
		}
	}
	timed := func(part, matrix int) bool {
		r := &parts[part].Report
		return len(r.SecondsOf(matrix)) == len(r.Matrices[matrix].Cells)
	}
	w, err := Join(heads, timed)
	if err != nil {
		return Report{}, err
	}
	return w.Collect(func(part, matrix int) Cells {
		r := &parts[part].Report
		return &sliceCells{cells: r.Matrices[matrix].Cells, seconds: r.SecondsOf(matrix)}
	})
}

// sliceCells are cells in memory.
type sliceCells struct {
	cells   []Cell
	seconds []float32 // nil when they are not known
	at      int
}

func (s *sliceCells) Left() int { return len(s.cells) - s.at }

func (s *sliceCells) Next() (Timed, bool, error) {
	if s.at == len(s.cells) {
		return Timed{}, false, nil
	}
	t := Timed{Cell: s.cells[s.at]}
	if s.seconds != nil {
		t.Seconds = s.seconds[s.at]
	}
	s.at++
	return t, true, nil
}

// Collect returns the report of the whole with all its cells in memory.
func (w *Whole) Collect(open func(part, matrix int) Cells) (Report, error) {
	env, matrices := w.Environment, slices.Clone(w.Matrices)
	for i := range matrices {
		m := &matrices[i]
		var seconds []float32
		room := 0
		counting := func(part, matrix int) Cells {
			cells := open(part, matrix)
			room += cells.Left()
			return cells
		}
		for c, err := range w.Cells(i, counting) {
			if err != nil {
				return Report{}, err
			}
			if m.Cells == nil {
				m.Cells = make([]Cell, 0, room) // a slice that grows is in memory twice, whenever it does
			}
			m.Cells = append(m.Cells, c.Cell)
			if w.timed[i] {
				seconds = append(seconds, c.Seconds)
			}
		}
		m.Claims = slices.Clone(m.Claims)
		m.Settle()
		if w.HasSeconds() {
			env.Seconds = append(env.Seconds, seconds)
		}
	}
	return NewReport(env, matrices), nil
}

// Join finds out what parts are together, from what stands before their cells. timed says whether it is known of all
// cells of a part's matrix how long they took.
func Join(heads []Head, timed func(part, matrix int) bool) (*Whole, error) {
	w := &Whole{}
	if len(heads) == 0 {
		return w, nil
	}
	var err error
	if w.Environment, err = joinEnvironments(heads); err != nil {
		return nil, err
	}
	type key struct {
		file string
		nth  int // a run may have a file twice
	}
	var lists [][]key
	pieces := map[key][]piece{}
	seen := map[string]bool{} // lists, by what is in them: of equal ones the first says all
	for i := range heads {
		w.names = append(w.names, heads[i].Name)
		times := map[string]int{}
		var list []key
		var text strings.Builder
		for j, t := range heads[i].Topologies {
			k := key{t.File, times[t.File]}
			times[t.File]++
			list, pieces[k] = append(list, k), append(pieces[k], piece{part: i, matrix: j})
			fmt.Fprintf(&text, "%q ", k.file)
		}
		if !seen[text.String()] {
			seen[text.String()], lists = true, append(lists, list)
		}
	}
	order, ok := weave(lists, func(k key) key { return k }, func(_, _ key) int { return 0 })
	if !ok {
		return nil, fmt.Errorf("%s: the topologies stand in another order in each", someOf(w.names))
	}
	for _, k := range order {
		m, err := joinMatrices(heads, pieces[k])
		if err != nil {
			return nil, err
		}
		all := true
		for _, p := range pieces[k] {
			all = all && timed(p.part, p.matrix)
		}
		w.Matrices, w.pieces, w.timed = append(w.Matrices, m), append(w.pieces, pieces[k]), append(w.timed, all)
	}
	return w, nil
}

// HasSeconds reports whether a part says how long its cells took.
func (w *Whole) HasSeconds() bool { return w.Environment.Seconds != nil }

// Timed reports whether it is known of all cells of a matrix how long they took.
func (w *Whole) Timed(matrix int) bool { return w.timed[matrix] }

// someOf lists names, of many the first few.
func someOf(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// joinEnvironments returns the environment of the whole. Its Seconds are not nil when the
// parts have some, and empty. All parts that are foreign to the others are named.
func joinEnvironments(heads []Head) (Environment, error) {
	var wrong problems
	first := mostCommon(heads, func(h *Head) string { return h.Environment.Labrun })
	env := heads[0].Environment
	env.Labrun, env.Seconds, env.Kernels, env.Shard, env.Machines = first.Environment.Labrun, nil, nil, nil, nil
	said := map[string]string{} // by kernel: the part that says first what it is
	for i := range heads {
		e := &heads[i].Environment
		if e.Labrun != first.Environment.Labrun {
			wrong.add("%s has labrun %q, and %s %q", first.Name, first.Environment.Labrun, heads[i].Name, e.Labrun)
		}
		for _, k := range e.Kernels {
			of, ok := said[k.Name]
			if !ok {
				said[k.Name] = heads[i].Name
				env.Kernels = append(env.Kernels, k)
				continue
			}
			if err := sameKernel(env.Kernel(k.Name), k, of, heads[i].Name); err != nil {
				wrong.add("%w", err)
			}
		}
		if e.Started.Before(env.Started) {
			env.Started = e.Started
		}
		env.Elapsed, env.Jobs = max(env.Elapsed, e.Elapsed), max(env.Jobs, e.Jobs)
		if len(e.Seconds) > 0 {
			env.Seconds = [][]float32{}
		}
		env.Machines = append(env.Machines, machinesOf(e)...)
	}
	return env, wrong.err()
}

// mostCommon returns the first of the parts that say what most parts say: where one of a thousand is foreign, it is
// that one, wherever it stands.
func mostCommon(heads []Head, what func(*Head) string) *Head {
	times, best := map[string]int{}, 0
	for i := range heads {
		times[what(&heads[i])]++
	}
	for i := range heads {
		if times[what(&heads[i])] > times[what(&heads[best])] {
			best = i
		}
	}
	return &heads[best]
}

// problems are what is wrong with the parts of a merge. All of it is said at once, so that a user mends it at
// once, but for what no screen holds.
type problems struct {
	errs []error
	more int
}

func (p *problems) add(format string, args ...any) {
	const most = 20
	if len(p.errs) == most {
		p.more++
		return
	}
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

func (p *problems) err() error {
	if p.more > 0 {
		return errors.Join(append(p.errs, fmt.Errorf("and %d more", p.more))...)
	}
	if len(p.errs) == 1 {
		return p.errs[0]
	}
	return errors.Join(p.errs...)
}

// sameKernel says in what two parts differ about a kernel.
func sameKernel(a, b KernelInfo, of, other string) error {
	for _, c := range []struct{ name, a, b string }{
		{"kernel", a.Release, b.Release}, {"machine", a.Machine, b.Machine}, {"user", a.User, b.User},
	} {
		if c.a != c.b {
			return fmt.Errorf("%s has %s %q, and %s %q", of, a.Setting(c.name), c.a, other, c.b)
		}
	}
	if !maps.Equal(a.Sysctls, b.Sysctls) {
		return fmt.Errorf("%s and %s have other %s", of, other, a.Setting("kernel parameters"))
	}
	return nil
}

// joinMatrices returns the matrix of which there are pieces, and gives those the numbers of its rows and columns.
func joinMatrices(heads []Head, pieces []piece) (Matrix, error) {
	var all []*Topology // each once
	known := map[*Topology]bool{}
	for _, p := range pieces {
		if t := heads[p.part].Topologies[p.matrix]; !known[t] {
			known[t], all = true, append(all, t)
		}
	}
	whole := all[0].Matrix
	whole.Cells = nil
	var wrong problems
	for _, t := range all[1:] {
		if t.Name != whole.Name || t.Doc != whole.Doc || t.Source != whole.Source ||
			!reflect.DeepEqual(t.Lesson, whole.Lesson) ||
			!slices.Equal(t.Included, whole.Included) || !reflect.DeepEqual(t.Layout, whole.Layout) {
			wrong.add("%s and %s have other texts of %s", all[0].Of, t.Of, whole.File)
		}
	}
	if err := wrong.err(); err != nil {
		return whole, err
	}
	if err := whole.weave(all); err != nil {
		return whole, err
	}
	rows, columns := map[string]int32{}, map[Column]int32{}
	for i := range whole.Rows {
		rows[whole.Rows[i].Name] = int32(i)
	}
	for i, c := range whole.Columns {
		columns[c] = int32(i)
	}
	numbers := map[*Topology]piece{}
	for _, t := range all {
		var n piece
		for j := range t.Rows {
			n.rows = append(n.rows, rows[t.Rows[j].Name])
		}
		for _, c := range t.Columns {
			n.columns = append(n.columns, columns[c])
		}
		numbers[t] = n
	}
	for i := range pieces {
		p := &pieces[i]
		n := numbers[heads[p.part].Topologies[p.matrix]]
		p.rows, p.columns = n.rows, n.columns
	}
	return whole, nil
}

// weave gives the matrix the rows, columns and claims of all topologies. Rows of one name must ask the
// same. What a step wants may differ from kernel to kernel, and else must be equal as well: cells say
// nothing that their row says already, so a cell under another row would have answered another question.
func (m *Matrix) weave(all []*Topology) error {
	rows, columns := make([][]Row, len(all)), make([][]Column, len(all))
	claims := make([][]ClaimResult, len(all))
	known := map[string][]asked{} // by name
	var parts []string
	for i, t := range all {
		rows[i], columns[i], claims[i], parts = t.Rows, t.Columns, t.Claims, append(parts, t.Of)
		for j := range t.Rows {
			r := &t.Rows[j]
			known[r.Name] = append(known[r.Name], asked{r, t.Of, func() map[string]bool { return t.kernels(j) }})
		}
	}
	var ok [3]bool
	m.Rows, ok[0] = weave(rows, func(r Row) string { return r.Name }, m.above)
	m.Columns, ok[1] = weave(columns, func(c Column) Column { return c }, m.before)
	inOrder := func(_, _ ClaimResult) int { return 0 }
	m.Claims, ok[2] = weave(claims, func(c ClaimResult) string { return c.Name }, inOrder)
	if ok != [3]bool{true, true, true} {
		return fmt.Errorf("%s: the experiments, hosts or claims of %s stand in another order in each", someOf(parts), m.File)
	}
	kernels := m.Kernels()
	var wrong problems
	for i := range m.Rows {
		r, err := join(known[m.Rows[i].Name], kernels)
		if err != nil {
			wrong.add("%w in %s of %s", err, m.Rows[i].Name, m.File)
			continue
		}
		m.Rows[i] = r
	}
	return wrong.err()
}

// asked is a row of a part, and the kernels that answered it there.
type asked struct {
	row     *Row
	of      string // the part's name
	kernels func() map[string]bool
}

// join returns the row of which parts have one each, with what each of the kernels, in their order, has
// to answer: the first of them that was asked has the row's own steps.
func join(parts []asked, kernels []string) (Row, error) {
	first := parts[0]
	differs := slices.IndexFunc(parts, func(a asked) bool { return !reflect.DeepEqual(a.row, first.row) })
	if differs < 0 {
		return *first.row, nil
	}
	row := *first.row
	row.Slots = slices.Clone(row.Slots)
	answered := make([]map[string]bool, len(parts))
	for i := range parts {
		answered[i] = parts[i].kernels()
	}
	based := false
	for _, k := range kernels {
		var says *asked // what this kernel has to answer
		for i := range parts {
			a := &parts[i]
			switch {
			case !sameQuestion(a.row, first.row):
				return row, fmt.Errorf("%s and %s ask something else", first.of, a.of)
			case !answered[i][k]:
			case says == nil:
				says = a
			case !a.row.sameOn(says.row, k):
				return row, fmt.Errorf("%s and %s want something else", says.of, a.of)
			}
		}
		if says == nil {
			continue
		}
		for i := range row.Slots {
			slot, on := &row.Slots[i], says.row.Slots[i].On(k)
			if !based {
				slot.Variants, slot.Others = on, nil
				continue
			}
			slot.add(k, on)
		}
		based = true
	}
	return row, nil
}

// sameOn reports whether two rows want the same of a kernel.
func (r *Row) sameOn(other *Row, kernel string) bool {
	for i := range r.Slots {
		if !reflect.DeepEqual(r.Slots[i].On(kernel), other.Slots[i].On(kernel)) {
			return false
		}
	}
	return true
}

// sameQuestion reports whether two rows are of one experiment, whatever answers they want.
func sameQuestion(a, b *Row) bool {
	x, y := *a, *b
	x.Slots, y.Slots = nil, nil
	return reflect.DeepEqual(x, y) && slices.EqualFunc(a.Slots, b.Slots, func(s, t RowSlot) bool {
		return slices.Equal(s.Axes, t.Axes) && s.Shown == t.Shown && reflect.DeepEqual(s.VariantOf, t.VariantOf) &&
			slices.EqualFunc(s.Variants, t.Variants, func(v, w []RowStep) bool {
				return slices.EqualFunc(v, w, func(a, b RowStep) bool {
					return a.Line == b.Line && a.Process == b.Process && a.Call == b.Call
				})
			})
	})
}

// Cells goes through the cells of a matrix, in its order. open is called for each part that has some, and returns
// those in the order of the part, as weave keeps it. A cell that several parts have comes once; when they do not
// agree on it, the error names them, and those of other cells: it comes behind the last cell. No cell is copied
// but to hand it on, and nothing is sorted but the parts by their next cell: parts of a big run are merged within
// the memory of their readers.
func (w *Whole) Cells(matrix int, open func(part, matrix int) Cells) iter.Seq2[Timed, error] {
	return func(yield func(Timed, error) bool) {
		m := &w.Matrices[matrix]
		var wrong problems
		var ahead cursors
		for i := range w.pieces[matrix] {
			p := &w.pieces[matrix][i]
			c := &cursor{piece: p, cells: open(p.part, p.matrix)}
			ok, err := c.next()
			if err != nil {
				yield(Timed{}, err)
				return
			}
			if ok {
				ahead = append(ahead, c)
			}
		}
		if w.Missing != nil {
			missing := &cursor{piece: &piece{part: len(w.names)}}
			var stop func()
			missing.cells, stop = pulled(w.Missing(matrix))
			defer stop()
			if ok, _ := missing.next(); ok {
				ahead = append(ahead, missing)
			}
		}
		heap.Init(&ahead)
		var last Timed
		from := -1 // the part of the cell that came last
		for len(ahead) > 0 {
			c := ahead[0]
			cell, part := c.cell, c.part
			switch ok, err := c.next(); {
			case err != nil:
				yield(Timed{}, err)
				return
			case ok:
				heap.Fix(&ahead, 0)
			default:
				heap.Pop(&ahead)
			}
			if from >= 0 && cell.Compare(&last.Cell) == 0 {
				if part < len(w.names) && !sameCell(&cell.Cell, &last.Cell) {
					wrong.add("%s and %s differ in %s on %s of %s", w.names[from], w.names[part], m.NameOf(&cell.Cell),
						m.ColumnOf(&cell.Cell), m.File)
				}
				continue
			}
			last, from = cell, part
			if !yield(cell, nil) {
				return
			}
		}
		if err := wrong.err(); err != nil {
			yield(Timed{}, err)
		}
	}
}

// cursor goes through the cells of a piece, as the whole numbers their rows and columns.
type cursor struct {
	*piece
	cells Cells
	cell  Timed // at hand
}

// next goes to the next cell, and returns false behind the last one.
func (c *cursor) next() (bool, error) {
	cell, ok, err := c.cells.Next()
	if ok && c.rows != nil {
		cell.Row, cell.Column = c.rows[cell.Row], c.columns[cell.Column]
	}
	c.cell = cell
	return ok, err
}

// pulled returns the cells of a sequence, and what ends it.
func pulled(seq iter.Seq[Cell]) (Cells, func()) {
	next, stop := iter.Pull(seq)
	return pulledCells(next), stop
}

type pulledCells func() (Cell, bool)

func (p pulledCells) Left() int { return 0 } // nobody knows

func (p pulledCells) Next() (Timed, bool, error) {
	c, ok := p()
	return Timed{Cell: c}, ok, nil
}

// cursors are a heap: the first one has the cell that comes first, and of several that have it is the earliest part.
type cursors []*cursor

func (c cursors) Len() int { return len(c) }
func (c cursors) Less(i, j int) bool {
	order := c[i].cell.Compare(&c[j].cell.Cell)
	return order < 0 || order == 0 && c[i].part < c[j].part
}
func (c cursors) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *cursors) Push(any)     { panic("no cursor comes later") }
func (c *cursors) Pop() any {
	last := len(*c) - 1
	(*c)[last], *c = nil, (*c)[:last]
	return nil
}

// sameCell reports whether two parts say the same of a cell. The evidence counts too: of two
// runs that explain an answer by other sockets, neither is the run's.
func sameCell(a, b *Cell) bool {
	return a.Verdict == b.Verdict && slices.Equal(a.Answers(), b.Answers()) && reflect.DeepEqual(a.Note, b.Note)
}

// above orders rows by their places in the files: what a topology includes comes first.
func (m *Matrix) above(a, b Row) int {
	file := func(r Row) int {
		if r.File == "" {
			return len(m.Included)
		}
		return slices.IndexFunc(m.Included, func(i lab.Included) bool { return i.File == r.File })
	}
	return cmp.Or(cmp.Compare(file(a), file(b)), cmp.Compare(a.Line, b.Line))
}

// before orders columns as the topology does its hosts.
func (m *Matrix) before(a, b Column) int {
	host := func(c Column) int {
		return slices.IndexFunc(m.Layout.Hosts, func(h lab.Host) bool { return h.Name == c.Host })
	}
	return cmp.Compare(host(a), host(b))
}

// weave puts lists together that are parts of one, each thing once: what stands before
// another in a list does so in the whole. What no list says is for rank to say, and then
// for the order of the lists. It returns false when two lists contradict each other.
func weave[T any, K comparable](lists [][]T, key func(T) K, rank func(a, b T) int) ([]T, bool) {
	behind := map[K]int{} // in how many lists something stands before it
	for _, l := range lists {
		for _, v := range l[min(1, len(l)):] {
			behind[key(v)]++
		}
	}
	var whole []T
	lists = slices.Clone(lists)
	for {
		next, left := -1, false
		for i, l := range lists {
			if len(l) == 0 {
				continue
			}
			left = true
			if behind[key(l[0])] == 0 && (next < 0 || rank(l[0], lists[next][0]) < 0) {
				next = i
			}
		}
		if next < 0 {
			return whole, !left
		}
		v := lists[next][0]
		whole = append(whole, v)
		for i, l := range lists {
			if len(l) == 0 || key(l[0]) != key(v) {
				continue
			}
			if lists[i] = l[1:]; len(l) > 1 {
				behind[key(l[1])]--
			}
		}
	}
}
