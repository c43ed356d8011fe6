package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"labrun/lab"
)

// More than tooMany explanations of one kind are cut down to the first few.
const (
	tooMany = 20
	few     = 10
)

// details explains every cell that did not pass. Skips and errors that many
// cells share are told once.
func (t Text) details(b *bufio.Writer, m *lab.Matrix) {
	t.fails(b, m)
	t.reasons(b, m, lab.Skip)
	t.reasons(b, m, lab.Error)
}

// fails explains the failed cells, those that are alike once; of an experiment with
// too many kinds only the first few. The user may ask for every cell.
func (t Text) fails(b *bufio.Writer, m *lab.Matrix) {
	if t.Verbose {
		for i := range m.Cells {
			if c := &m.Cells[i]; c.Verdict == lab.Fail {
				t.red(b, m, c)
			}
		}
		return
	}
	for row, kinds := range alikes(m) {
		left := 0
		if len(kinds) > tooMany {
			kinds, left = kinds[:few], len(kinds)-few
		}
		for _, a := range kinds {
			name, on := a.name(m)
			fmt.Fprintf(b, "%s %s%s\n", t.verdict(lab.Fail), t.paint(bold, name), on)
			t.alike(b, m, a)
			fmt.Fprintln(b)
		}
		if left > 0 {
			name := m.Rows[row].Name
			fmt.Fprintf(b, "%s %s: and %d more: %s\n\n", t.verdict(lab.Fail), t.paint(bold, name), left,
				lab.Command("labrun", "--only", name, "-v", fileWord(m)))
		}
	}
}

// shared is a reason with the cells that give it.
type shared struct {
	reason  string
	cells   int
	first   []string // the first cells of them, named
	outputs []lab.Output
}

// sharedReasons returns why cells came to a verdict, skip or error.
func sharedReasons(m *lab.Matrix, v lab.Verdict) []*shared {
	var all []*shared
	known := map[string]*shared{}
	for i := range m.Cells {
		c := &m.Cells[i]
		if c.Verdict != v {
			continue
		}
		s := known[c.Reason()]
		if own := c.Note != nil && len(c.Note.Outputs) > 0; own || s == nil {
			s = &shared{reason: c.Reason()}
			all = append(all, s)
			if own { // what its programs printed is no other cell's
				s.outputs = c.Note.Outputs
			} else {
				known[s.reason] = s
			}
		}
		if s.cells++; s.cells <= most {
			s.first = append(s.first, m.NameOf(c)+" on "+m.Hosts[c.Host])
		}
	}
	return all
}

// reasons tells why cells came to a verdict, skip or error.
func (t Text) reasons(b *bufio.Writer, m *lab.Matrix, v lab.Verdict) {
	all := sharedReasons(m, v)
	left := 0
	if len(all) > tooMany && !t.Verbose {
		all, left = all[:few], len(all)-few
	}
	for _, s := range all {
		fmt.Fprintf(b, "%s %s\n", t.verdict(v), some(s.first, s.cells))
		fmt.Fprintln(b, indent(s.reason))
		t.outputs(b, s.outputs)
		fmt.Fprintln(b)
	}
	if left > 0 {
		fmt.Fprintf(b, "%s and for %d more reasons: %s\n\n", t.verdict(v), left, lab.Command("labrun", "-v", fileWord(m)))
	}
}

// most is how many names a list has before it is cut.
const most = 4

// some lists the first few of many.
func some(first []string, of int) string {
	if of <= most {
		return strings.Join(first, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(first[:most], ", "), of-most)
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }

// red explains a failed cell: the line, the call, what was wanted, what the
// kernel answered, who held the port, and how to look for oneself.
func (t Text) red(b *bufio.Writer, m *lab.Matrix, c *lab.Cell) {
	t.head(b, m, c)
	t.last(b, m, c)
	look(b, m, c)
	fmt.Fprintln(b)
}

// look is the command to stand in that host and look.
func look(b *bufio.Writer, m *lab.Matrix, c *lab.Cell) {
	label(b, "look", lab.Command("labrun", "shell", "--after", m.NameOf(c), fileWord(m), m.Hosts[c.Host]))
}

// Last writes how the cell ended: its verdict and its last step, with the
// evidence about that one.
func (t Text) Last(w io.Writer, m *lab.Matrix, c *lab.Cell) error {
	m, c = visibleCell(m, c)
	b := bufio.NewWriter(w)
	t.head(b, m, c)
	t.last(b, m, c)
	return b.Flush()
}

// label writes a line of an explanation.
func label(b *bufio.Writer, word, s string) { fmt.Fprintf(b, "    %-7s %s\n", word, s) }

// last explains a cell's last step.
func (t Text) last(b *bufio.Writer, m *lab.Matrix, c *lab.Cell) {
	note := cmp.Or(c.Note, &lab.Note{})
	if s, ok := lastStep(m, c); ok {
		seen := note.Of(len(c.Answers()) - 1)
		to := ""
		if seen.To != "" {
			to = " [" + lab.Visible(seen.To) + "]"
		}
		fmt.Fprintf(b, "  %s:%d: %s: %s%s\n", m.FileOf(c), s.Line, s.Process, s.Call, to)
		wanted := t.paint(green, s.Words(s.Want))
		if s.Rule != 0 {
			wanted += fmt.Sprintf(" (line %d)", s.Rule)
		}
		label(b, "wanted", wanted)
		colour := green
		if s.Red {
			colour = red
		}
		label(b, "got", t.paint(colour, s.Words(s.Got)))
		holders(b, s, seen.Sockets)
		for i, h := range seen.Listens {
			label(b, []string{"listens", ""}[min(i, 1)], h.String())
		}
		for i, rule := range seen.Why {
			label(b, []string{"why", ""}[min(i, 1)], lab.Visible(rule))
		}
	}
	if answers, ok := strings.CutPrefix(note.Reason, "flaky: "); ok {
		label(b, "flaky", oneLine(answers))
	}
	t.outputs(b, note.Outputs)
	captures(b, note.Captures)
}

// captures names the files with the packets of a cell.
func captures(b *bufio.Writer, files []string) {
	for i, f := range files {
		label(b, []string{"capture", ""}[min(i, 1)], f)
	}
}

// holders writes the sockets behind an answer, nil when nobody has looked. They hold
// what was asked for when a port is in use, or the 4-tuple of a connect; bind(2)
// answers EADDRNOTAVAIL whoever is there.
func holders(b *bufio.Writer, s lab.StepResult, holders []lab.Holder) {
	word := "sockets"
	if s.Got == "EADDRINUSE" || s.Got == "EADDRNOTAVAIL" && strings.HasPrefix(s.Call, "connect(") && len(holders) > 0 {
		word = "held by"
		if holders != nil && len(holders) == 0 {
			label(b, word, "nobody that the kernel tells of")
		}
	}
	for i, h := range holders {
		label(b, []string{word, ""}[min(i, 1)], h.String())
	}
}

// outputs shows the programs of a cell, and the end of what they printed.
func (t Text) outputs(b *bufio.Writer, outputs []lab.Output) {
	for _, o := range outputs {
		status := "still running"
		if o.Status != nil {
			status = "exit " + strconv.Itoa(*o.Status)
		}
		label(b, "program", t.paint(bold, o.Process)+", "+status)
		printed(b, "stdout", o.Stdout)
		printed(b, "stderr", o.Stderr)
	}
}

// lastLines is how much of an output is shown.
const lastLines = 20

func printed(b *bufio.Writer, word, s string) {
	if s == "" {
		return
	}
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	if left := len(lines) - lastLines; left > 0 {
		label(b, word, fmt.Sprintf("(%d lines before these)", left))
		word, lines = "", lines[left:]
	}
	for _, line := range lines {
		label(b, word, line)
		word = ""
	}
}

// fileWord is the file's name as an argument: one that begins with "-" would be
// taken for a flag.
func fileWord(m *lab.Matrix) string {
	if strings.HasPrefix(m.File, "-") {
		return "./" + m.File
	}
	return m.File
}
