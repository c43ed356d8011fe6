package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"labrun/lab/result"
)

// kernels says which kernels were asked, and by which program. Of several each has a line with what it came to, and
// with the digest of a run on it alone: kernels that answered alike have the same. The last digest is of the whole.
// Where a terminal is too narrow for digests beside the rest, they stand below each other all the same.
func (t Text) kernels(b io.Writer, r *result.Report) {
	env := r.Environment
	if len(r.Kernels) == 0 {
		t.lastLine(b, faint, env.String()+", "+r.Digest)
		return
	}
	s := sheet{header: make([]string, 5)}
	for _, k := range r.Kernels {
		s.rows = append(s.rows, kernelWords(r, &k))
	}
	below := t.Width > 0 && s.width() > t.Width
	w := newTable()
	for i, row := range s.rows {
		digest := row[4]
		if below {
			row[4] = ""
		}
		row[3] = t.paint(coloursOf[worst(r.Kernels[i].Counts)], row[3])
		w.AppendRow(table.Row{row[0], row[1], row[2], row[3], row[4]})
		row[4] = digest
	}
	for i, line := range strings.Split(w.Render(), "\n") {
		fmt.Fprintln(b, strings.TrimRight(line, " "))
		if below {
			fmt.Fprintln(b, "  "+t.paint(faint, s.rows[i][4]))
		}
	}
	t.lastLine(b, faint, env.Short()+", "+r.Digest)
}

// kernelWords says what a kernel of several is and came to: its name, release, architecture, counts and digest.
func kernelWords(r *result.Report, k *result.KernelResult) []string {
	info := r.Environment.Kernel(k.Name)
	return []string{"linux " + k.Name, info.Release, info.Machine, k.Counts.String(), k.Digest}
}

// The name of the section about changes, in every format.
const changesTitle = "what changed between kernels"

// Changes writes what changed between the kernels of a report, and what explains it.
func (t Text) Changes(w io.Writer, r result.Report) error {
	r = visible(r)
	b := bufio.NewWriter(w)
	t.changes(b, &r)
	return b.Flush()
}

// changes tells what each kernel answered otherwise than the kernel before it, and what explains that. Of very many
// the first few are shown: the JSON has them all.
func (t Text) changes(b io.Writer, r *result.Report) {
	if len(r.Kernels) == 0 {
		return
	}
	fmt.Fprintln(b, t.paint(bold, changesTitle))
	if len(r.Changes) == 0 {
		fmt.Fprint(b, "  nothing: each answered what the kernel before it did, where both answered\n\n")
		return
	}
	shown, left := r.Changes, 0
	if !t.Verbose {
		shown, left = few(r.Changes)
	}
	for i := range shown {
		c := &shown[i]
		if i == 0 || c.Topology != shown[i-1].Topology || c.Experiment != shown[i-1].Experiment {
			fmt.Fprintf(b, "  %s\n", t.paint(bold, experimentOf(r, c)))
		}
		for _, line := range changeLines(c, cmp.Or(t.Width, 94)-4) {
			fmt.Fprintf(b, "    %s\n", line)
		}
	}
	if left > 0 {
		fmt.Fprintf(b, "  and %d more: -v shows them, and -o FILE.json has them all\n", left)
	}
	fmt.Fprintln(b)
}

// experimentOf names the experiment of a change, with its topology where there are several.
func experimentOf(r *result.Report, c *result.Change) string {
	return inTopology(r, c.Topology) + c.Experiment
}

// changeLine is a change in a line, for formats in which the cell or the line of the file is at hand: JUnit's output
// of a case, a comment of TAP, an annotation.
func changeLine(c *result.Change) string {
	return fmt.Sprintf("%s: %s on linux %s, %s on linux %s, on %s%s; %s", c.Call, c.Before.Answer, c.Before.Kernel,
		c.After.Answer, c.After.Kernel, listFirst(c.Hosts, len(c.Hosts)), cellsOf(c), c.Explanation())
}

// changeLines are a change in a few lines, no wider than that: the kernels with their answers, the step, the cells,
// and what explains it.
func changeLines(c *result.Change, width int) []string {
	head := fmt.Sprintf("%s %s -> %s %s, on %s%s", c.Before.Kernel, oneLine(c.Before.Answer), c.After.Kernel,
		oneLine(c.After.Answer), listFirst(c.Hosts, len(c.Hosts)), cellsOf(c))
	lines := wrapped(head, width)
	for i := range lines[1:] {
		lines[i+1] = "  " + lines[i+1]
	}
	lines = append(lines, fmt.Sprintf("  %s:%d: %s: %s", c.File, c.Line, c.Process, c.Call))
	for _, line := range wrapped(c.Explanation(), width) {
		lines = append(lines, "  "+line)
	}
	return lines
}

// wrapped breaks a text into lines that leave room for two columns before them.
func wrapped(s string, width int) []string {
	lines := strings.Split(text.WrapSoft(s, max(width-2, 20)), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ") // WrapSoft pads
	}
	return lines
}

// cellsOf lists the first cells of a change, where its experiment has several.
func cellsOf(c *result.Change) string {
	if c.Cells[0] == c.Experiment {
		return ""
	}
	var first []string
	for _, cell := range c.Cells[:min(len(c.Cells), maxListed)] {
		first = append(first, strings.TrimPrefix(cell, c.Experiment))
	}
	return ": " + listFirst(first, len(c.Cells))
}

// kernelsIn names the kernels of a matrix, older ones first; nil when there is one. It is for where a matrix alone is
// at hand: kernels have their versions for names.
func kernelsIn(m *result.Matrix) []string {
	names := m.Kernels()
	if len(names) < 2 {
		return nil
	}
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := result.KernelInfo{Name: a}, result.KernelInfo{Name: b}
		return x.Compare(&y)
	})
	return names
}

// columnWords names columns of a report about several kernels: hosts with the kernels on which they are meant,
// unless those are all. Kernels that follow each other are named by the first and the last.
func columnWords(m *result.Matrix, kernels []string, columns []int32) string {
	var names []string
	if len(kernels) == 0 {
		for _, i := range columns {
			names = append(names, m.Columns[i].String())
		}
		return listFirst(names, len(names))
	}
	type group struct {
		hosts   []string
		kernels []int
	}
	of := map[string][]int{}
	for i, c := range m.Columns {
		if _, ok := of[c.Host]; !ok {
			names, of[c.Host] = append(names, c.Host), nil
		}
		if slices.Contains(columns, int32(i)) {
			of[c.Host] = append(of[c.Host], slices.Index(kernels, c.Kernel))
		}
	}
	var groups []group
	for _, name := range names {
		on := of[name]
		if len(on) == 0 {
			continue
		}
		slices.Sort(on)
		at := slices.IndexFunc(groups, func(g group) bool { return slices.Equal(g.kernels, on) })
		if at < 0 {
			at = len(groups)
			groups = append(groups, group{kernels: on})
		}
		groups[at].hosts = append(groups[at].hosts, name)
	}
	var words []string
	for _, g := range groups {
		hosts, on := listFirst(g.hosts, len(g.hosts)), kernelRange(kernels, g.kernels)
		switch {
		case len(g.kernels) == len(kernels):
			words = append(words, hosts)
		case len(g.hosts) == len(names) && len(names) > 1:
			words = append(words, "linux "+on)
		default:
			words = append(words, hosts+", linux "+on)
		}
	}
	return strings.Join(words, "; ")
}

// kernelRange names some of the kernels: three or more that follow each other as "5.10.218 to 6.1.176". A dozen that
// answer alike would be a head as wide as the table.
func kernelRange(kernels []string, some []int) string {
	var words []string
	for _, run := range runs(some, func(a, b *int) bool { return *a+1 == *b }) {
		first, last := kernels[run[0]], kernels[run[len(run)-1]]
		switch len(run) {
		case 1:
			words = append(words, first)
		case 2:
			words = append(words, first, last)
		default:
			words = append(words, first+" to "+last)
		}
	}
	return strings.Join(words, ", ")
}
