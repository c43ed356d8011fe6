package result

import (
	"cmp"
	"fmt"
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

// Merge returns the report of a run from reports of its parts, each of some cells of the
// same files, asked by the same labrun of one kernel or of several. A cell may be in several of
// them, when they agree on it. Counts, digest and claims follow from the cells.
//
// Topologies, experiments and columns stand in the order in which the parts have them.
// Where no part has two of them, experiments go by their lines, columns by the order of
// hosts, and topologies by the order of the parts.
func Merge(parts ...Part) (Report, error) {
	if len(parts) == 0 {
		return NewReport(Environment{}, nil), nil
	}
	env, err := mergeEnvironments(parts)
	if err != nil {
		return Report{}, err
	}
	type key struct {
		file string
		nth  int // a run may have a file twice
	}
	lists, pieces := make([][]key, len(parts)), map[key][]piece{}
	var names []string
	for i := range parts {
		r := &parts[i].Report
		names = append(names, parts[i].Name)
		times := map[string]int{}
		for j := range r.Matrices {
			m := &r.Matrices[j]
			k := key{m.File, times[m.File]}
			times[m.File]++
			p := piece{Matrix: m, of: parts[i].Name, seconds: r.SecondsOf(j)}
			lists[i], pieces[k] = append(lists[i], k), append(pieces[k], p)
		}
	}
	order, ok := weave(lists, func(k key) key { return k }, func(_, _ key) int { return 0 })
	if !ok {
		return Report{}, fmt.Errorf("%s: the topologies stand in another order in each", strings.Join(names, ", "))
	}
	var matrices []Matrix
	for _, k := range order {
		m, seconds, err := mergeMatrices(pieces[k])
		if err != nil {
			return Report{}, err
		}
		matrices = append(matrices, m)
		if env.Seconds != nil {
			env.Seconds = append(env.Seconds, seconds)
		}
	}
	return NewReport(env, matrices), nil
}

// piece is what a part has of a topology: a part may have the same file twice, and another
// part only some of its hosts.
type piece struct {
	*Matrix
	of      string    // the part's name
	seconds []float32 // of its cells; nil when they are not known
}

// mergeEnvironments returns the environment of the whole. Its Seconds are not nil when the
// parts have some, and empty.
func mergeEnvironments(parts []Part) (Environment, error) {
	first := &parts[0].Report.Environment
	env := *first
	env.Seconds, env.Kernels = nil, nil
	said := map[string]string{} // by kernel: the part that says first what it is
	for i := range parts {
		e := &parts[i].Report.Environment
		if e.Labrun != first.Labrun {
			return env, fmt.Errorf("%s has labrun %q, and %s %q", parts[0].Name, first.Labrun, parts[i].Name, e.Labrun)
		}
		for _, k := range e.Kernels {
			of, ok := said[k.Name]
			if !ok {
				said[k.Name] = parts[i].Name
				env.Kernels = append(env.Kernels, k)
				continue
			}
			if err := sameKernel(env.Kernel(k.Name), k, of, parts[i].Name); err != nil {
				return env, err
			}
		}
		if e.Started.Before(env.Started) {
			env.Started = e.Started
		}
		env.Elapsed, env.Jobs = max(env.Elapsed, e.Elapsed), max(env.Jobs, e.Jobs)
		if len(e.Seconds) > 0 {
			env.Seconds = [][]float32{}
		}
	}
	return env, nil
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

// mergeMatrices returns the matrix of which there are pieces, and how long its cells took,
// which is not known unless all pieces say it.
func mergeMatrices(pieces []piece) (Matrix, []float32, error) {
	whole := *pieces[0].Matrix
	for _, p := range pieces[1:] {
		if p.Name != whole.Name || p.Doc != whole.Doc || !reflect.DeepEqual(p.Lesson, whole.Lesson) || p.Source != whole.Source ||
			!slices.Equal(p.Included, whole.Included) || !reflect.DeepEqual(p.Layout, whole.Layout) {
			return whole, nil, fmt.Errorf("%s and %s have other texts of %s", pieces[0].of, p.of, whole.File)
		}
	}
	if err := whole.weave(pieces); err != nil {
		return whole, nil, err
	}
	seconds, err := whole.collect(pieces)
	if err != nil {
		return whole, nil, err
	}
	whole.Settle()
	return whole, seconds, nil
}

// weave gives the matrix the rows, columns and claims of all pieces. Rows of one name must ask the
// same. What a step wants may differ from kernel to kernel, and else must be equal as well: cells say
// nothing that their row says already, so a cell under another row would have answered another question.
func (m *Matrix) weave(pieces []piece) error {
	rows, columns := make([][]Row, len(pieces)), make([][]Column, len(pieces))
	claims := make([][]ClaimResult, len(pieces))
	known := map[string][]asked{} // by name
	var parts []string
	for i, p := range pieces {
		rows[i], columns[i], claims[i], parts = p.Rows, p.Columns, p.Claims, append(parts, p.of)
		on := p.kernels()
		for j := range p.Rows {
			r := &p.Rows[j]
			known[r.Name] = append(known[r.Name], asked{r, p.of, on[j]})
		}
	}
	var ok [3]bool
	m.Rows, ok[0] = weave(rows, func(r Row) string { return r.Name }, m.above)
	m.Columns, ok[1] = weave(columns, func(c Column) Column { return c }, m.before)
	inOrder := func(_, _ ClaimResult) int { return 0 }
	m.Claims, ok[2] = weave(claims, func(c ClaimResult) string { return c.Name }, inOrder)
	if ok != [3]bool{true, true, true} {
		return fmt.Errorf("%s: the experiments, hosts or claims of %s stand in another order in each",
			strings.Join(parts, ", "), m.File)
	}
	kernels := m.Kernels()
	for i := range m.Rows {
		r, err := join(known[m.Rows[i].Name], kernels)
		if err != nil {
			return fmt.Errorf("%w in %s of %s", err, m.Rows[i].Name, m.File)
		}
		m.Rows[i] = r
	}
	return nil
}

// asked is a row of a part, and the kernels that answered it there.
type asked struct {
	row     *Row
	of      string // the part's name
	kernels map[string]bool
}

// kernels returns which kernels have cells of each row.
func (p *piece) kernels() []map[string]bool {
	on := make([]map[string]bool, len(p.Rows))
	for i := range p.Cells {
		c := &p.Cells[i]
		if i > 0 && c.Row == p.Cells[i-1].Row && c.Column == p.Cells[i-1].Column {
			continue // combinations, by the thousand
		}
		if on[c.Row] == nil {
			on[c.Row] = map[string]bool{}
		}
		on[c.Row][p.Columns[c.Column].Kernel] = true
	}
	return on
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
	based := false
	for _, k := range kernels {
		var says *asked // what this kernel has to answer
		for i := range parts {
			a := &parts[i]
			switch {
			case !sameQuestion(a.row, first.row):
				return row, fmt.Errorf("%s and %s ask something else", first.of, a.of)
			case !a.kernels[k]:
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

// cursor goes through the cells of a piece, as the whole numbers their rows and columns. No
// cell is copied but into the whole, and nothing is sorted: parts of a big run are merged
// within the memory of its report.
type cursor struct {
	piece
	rows, columns []int32
	at            int
}

// cell returns the cell at hand, false behind the last one.
func (c *cursor) cell() (Cell, bool) {
	if c.at == len(c.Cells) {
		return Cell{}, false
	}
	cell := c.Cells[c.at]
	cell.Row, cell.Column = c.rows[cell.Row], c.columns[cell.Column]
	return cell, true
}

// collect gives the matrix the cells of all pieces, in its order, and returns how long they
// took. Each piece has its own in that order, as weave keeps it.
func (m *Matrix) collect(pieces []piece) ([]float32, error) {
	rows, columns := map[string]int32{}, map[Column]int32{}
	for i := range m.Rows {
		rows[m.Rows[i].Name] = int32(i)
	}
	for i, c := range m.Columns {
		columns[c] = int32(i)
	}
	cursors := make([]cursor, len(pieces))
	cells, timed := 0, true
	for i, p := range pieces {
		c := cursor{piece: p}
		for j := range p.Rows {
			c.rows = append(c.rows, rows[p.Rows[j].Name])
		}
		for _, column := range p.Columns {
			c.columns = append(c.columns, columns[column])
		}
		cursors[i] = c
		cells, timed = cells+len(p.Cells), timed && len(p.seconds) == len(p.Cells)
	}
	m.Cells = make([]Cell, 0, cells)
	var seconds []float32
	from := 0 // the piece of the cell that came last
	for {
		next, cell := -1, Cell{}
		for i := range cursors {
			if c, ok := cursors[i].cell(); ok && (next < 0 || c.Compare(&cell) < 0) {
				next, cell = i, c
			}
		}
		if next < 0 {
			return seconds, nil
		}
		c := &cursors[next]
		c.at++
		if n := len(m.Cells); n > 0 && cell.Compare(&m.Cells[n-1]) == 0 {
			if !sameCell(&cell, &m.Cells[n-1]) {
				return nil, fmt.Errorf("%s and %s differ in %s on %s of %s",
					pieces[from].of, c.of, m.NameOf(&cell), m.ColumnOf(&cell), m.File)
			}
			continue
		}
		m.Cells, from = append(m.Cells, cell), next
		if timed {
			seconds = append(seconds, c.seconds[c.at-1])
		}
	}
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
