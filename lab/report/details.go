package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"labrun/lab"
	"labrun/lab/result"
)

// More than tooMany explanations of one kind are cut down to the first few.
const (
	tooMany  = 20
	firstFew = 10
)

// few returns the first few of too many, and how many are left.
func few[T any](all []T) (first []T, left int) {
	if len(all) > tooMany {
		return all[:firstFew], len(all) - firstFew
	}
	return all, 0
}

// details explains every cell that did not pass. Skips and errors that many
// cells share are told once.
func (t Text) details(b io.Writer, m *result.Matrix) {
	t.fails(b, m)
	t.reasons(b, m, result.Skip)
	t.reasons(b, m, result.Error)
}

// fails explains the failed cells, those that are alike once; of an experiment with
// too many kinds only the first few. The user may ask for every cell.
func (t Text) fails(b io.Writer, m *result.Matrix) {
	if t.Verbose {
		for i := range m.Cells {
			if c := &m.Cells[i]; c.Verdict == result.Fail {
				t.red(b, m, c)
			}
		}
		return
	}
	for row, all := range alikes(m) {
		kinds, left := few(all)
		for _, a := range kinds {
			name, on := a.name(m)
			fmt.Fprintf(b, "%s %s%s\n", t.verdict(result.Fail), t.paint(bold, name), on)
			t.alike(b, m, a)
			fmt.Fprintln(b)
		}
		if left > 0 {
			name := m.Rows[row].Name
			fmt.Fprintf(b, "%s %s: and %d more: %s\n\n", t.verdict(result.Fail), t.paint(bold, name), left,
				lab.Command("labrun", "--only", name, "-v", fileWord(m)))
		}
	}
}

// shared is a reason with the cells that give it. What a machine lacks is lacking for many
// cells alike: a report that repeats it for each buries the one that has another reason.
type shared struct {
	reason  string
	cells   int
	first   []string // the first cells of them, named
	outputs []result.Output
	columns [][]int32     // of several kernels: those of each of the first
	named   map[named]int // of several kernels: which cells it has, in order
}

// named is a cell whatever column it is in.
type named struct {
	row   int32
	combo lab.Combo
}

// add counts a cell of a report about several kernels: once, with all its columns.
func (s *shared) add(m *result.Matrix, c *result.Cell) {
	cell := named{c.Row, c.Combo}
	at, ok := s.named[cell]
	switch {
	case ok && at < len(s.first):
		s.columns[at] = append(s.columns[at], c.Column)
	case !ok:
		if s.named == nil {
			s.named = map[named]int{}
		}
		s.named[cell] = s.cells
		if s.cells++; s.cells <= maxListed {
			s.first, s.columns = append(s.first, m.NameOf(c)), append(s.columns, []int32{c.Column})
		}
	}
}

// sharedReasons returns why cells came to a verdict, skip or error, each reason with its
// cells. A cell whose programs printed something has a reason of its own: what they printed
// explains it, and belongs to no other.
func sharedReasons(m *result.Matrix, v result.Verdict) []*shared {
	var all []*shared
	known := map[string]*shared{}
	kernels := kernelsIn(m)
	for i := range m.Cells {
		c := &m.Cells[i]
		if c.Verdict != v {
			continue
		}
		s := known[c.Reason()]
		if own := c.Note != nil && len(c.Note.Outputs) > 0; own || s == nil {
			s = &shared{reason: c.Reason()}
			all = append(all, s)
			if own {
				s.outputs = c.Note.Outputs
			} else {
				known[s.reason] = s
			}
		}
		if kernels != nil {
			s.add(m, c)
			continue
		}
		if s.cells++; s.cells <= maxListed {
			s.first = append(s.first, m.NameOf(c)+" on "+m.ColumnOf(c))
		}
	}
	for _, s := range all {
		for i, columns := range s.columns {
			s.first[i] += " on " + columnWords(m, kernels, columns)
		}
	}
	return all
}

// reasons tells why cells came to a verdict, skip or error. Of many different ones the first
// few are shown: mostly they differ in a name only.
func (t Text) reasons(b io.Writer, m *result.Matrix, v result.Verdict) {
	all := sharedReasons(m, v)
	left := 0
	if !t.Verbose {
		all, left = few(all)
	}
	for _, s := range all {
		fmt.Fprintf(b, "%s %s\n", t.verdict(v), listFirst(s.first, s.cells))
		fmt.Fprintln(b, indent(s.reason))
		t.outputs(b, s.outputs)
		fmt.Fprintln(b)
	}
	if left > 0 {
		fmt.Fprintf(b, "%s and for %d more reasons: %s\n\n", t.verdict(v), left,
			lab.Command("labrun", "-v", fileWord(m)))
	}
}

// maxListed is how many names a list has before it is cut.
const maxListed = 4

// listFirst lists the first few of many.
func listFirst(first []string, of int) string {
	if of <= maxListed {
		return strings.Join(first, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(first[:maxListed], ", "), of-maxListed)
}

// indent moves all lines of a text by two columns, below the line that they explain.
func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }

// red explains a failed cell: the line, the call, what was wanted, what the
// kernel answered, which sockets had the port, and the command that opens a shell there.
func (t Text) red(b io.Writer, m *result.Matrix, c *result.Cell) {
	t.head(b, m, c)
	t.last(b, m, c)
	t.look(b, m, c)
	fmt.Fprintln(b)
}

// look is the command to stand in that host and look. It takes the steps before the red one in the same lab, so that
// ss(8) or a debugger sees what the kernel saw when it answered. The shell is on this machine's kernel, which is none
// of several or one of them: the line says so.
// Standard input cannot be read again, and is not the shell's then.
func (t Text) look(b io.Writer, m *result.Matrix, c *result.Cell) {
	if m.File == lab.Stdin {
		return
	}
	words := []string{"labrun", "shell", "--after", m.NameOf(c), fileWord(m), m.HostOf(c)}
	comment := ""
	if m.Columns[c.Column].Kernel != "" {
		comment = "  # on this machine's kernel"
	}
	labels(b, "look", t.command(words, comment))
}

// command returns a command with a comment, in lines that fit the terminal behind a label. A shell takes them for one.
func (t Text) command(words []string, comment string) []string {
	line, lines := lab.Quote(words[0]), []string(nil)
	for i, w := range words[1:] {
		w = lab.Quote(w)
		if i == len(words)-2 {
			w += comment
		}
		if t.Width > 0 && utf8.RuneCountInString(line+" "+w) > t.behindLabel()-2 { // which " \\" takes
			lines, line = append(lines, line+` \`), " "
		}
		line += " " + w
	}
	return append(lines, line)
}

// Last writes how the cell ended: its verdict and its last step, with the
// evidence about that one.
func (t Text) Last(w io.Writer, m *result.Matrix, c *result.Cell) error {
	m, c = visibleCell(m, c)
	b := bufio.NewWriter(w)
	t.head(b, m, c)
	t.last(b, m, c)
	return b.Flush()
}

// label writes a line of an explanation.
func label(b io.Writer, word, s string) { fmt.Fprintf(b, "    %-7s %s\n", word, s) }

// labelWidth is where the text behind a label begins.
const labelWidth = 12

// behindLabel returns how many columns a terminal has there, at least some: words are not cut.
func (t Text) behindLabel() int { return max(t.Width, 40) - labelWidth - 1 }

// fit returns a text in lines of so many columns; those after the first begin with indent. Where there is no terminal it
// stays one.
func (t Text) fit(text string, width int, indent string) []string {
	if t.Width == 0 || utf8.RuneCountInString(text) <= width {
		return []string{text}
	}
	lines := wrap(text, width-len(indent))
	for i := range lines[1:] {
		lines[i+1] = indent + lines[i+1]
	}
	return lines
}

// labels writes lines of one kind, the first of them behind its word.
func labels(b io.Writer, word string, lines []string) {
	for _, s := range lines {
		label(b, word, s)
		word = ""
	}
}

// last explains a cell's last step.
func (t Text) last(b io.Writer, m *result.Matrix, c *result.Cell) {
	note := cmp.Or(c.Note, &result.Note{})
	if s, ok := lastStep(m, c); ok {
		seen := c.Seen()
		to := ""
		if seen.To != "" {
			to = " [" + seen.To + "]"
		}
		fmt.Fprintf(b, "  %s:%d: %s: %s%s\n", m.FileOf(c), s.Line, s.Process, s.Call, to)
		label(b, "wanted", t.paint(green, s.Words(s.Want))+ruleWords(s))
		colour := green
		if s.Red {
			colour = red
		}
		label(b, "got", t.paint(colour, s.Words(s.Got)))
		for _, c := range causes(s, seen) {
			var lines []string
			for _, text := range c.texts {
				indent := "  " // a socket is a line where there is room, as ss(8) has it
				if c.word == "why" {
					indent = ""
				}
				lines = append(lines, t.fit(text, t.behindLabel(), indent)...)
			}
			labels(b, c.word, lines)
		}
	}
	if len(note.Flaky) > 0 {
		label(b, "flaky", oneLine(note.Flaky.String()))
	}
	t.outputs(b, note.Outputs)
	labels(b, "capture", note.Captures)
}

// ruleWords names the line of the rule that wants the answer of a step, when one does.
func ruleWords(s result.StepResult) string {
	if s.Rule == 0 {
		return ""
	}
	return fmt.Sprintf(" (line %d)", s.Rule)
}

// cause is one kind of what explains an answer: a word for it, and a line for each.
// Every format that explains a red cell goes by causes, so that none of them says less.
type cause struct {
	word  string
	texts []string
}

// causes says what explains the answer of a step: sockets, none of them when the
// port was not looked at, those that listen elsewhere, and rules.
func causes(s result.StepResult, seen result.Snapshot) []cause {
	sockets := cause{socketsWord(s, seen), socketLines(seen.Sockets)}
	if sockets.word == heldBy && seen.Sockets != nil && len(seen.Sockets) == 0 {
		sockets.texts = []string{"no socket that the kernel shows"}
	}
	all := []cause{sockets, {"listens", socketLines(seen.Listens)}, {"why", seen.Why}}
	return slices.DeleteFunc(all, func(c cause) bool { return len(c.texts) == 0 })
}

const heldBy = "held by"

// socketsWord is what stands before the sockets behind an answer. They hold what was asked
// for when a port is in use, or the 4-tuple of a connect; bind(2) answers EADDRNOTAVAIL
// whoever is there.
func socketsWord(s result.StepResult, seen result.Snapshot) string {
	if s.Got == "EADDRINUSE" || s.Got == "EADDRNOTAVAIL" && lab.CallName(s.Call) == "connect" && len(seen.Sockets) > 0 {
		return heldBy
	}
	return "sockets"
}

// socketLines writes each socket in a line.
func socketLines(sockets []result.SocketInfo) []string {
	var lines []string
	for _, h := range sockets {
		lines = append(lines, h.String())
	}
	return lines
}

// outputs shows the programs of a cell, and the end of what they printed.
func (t Text) outputs(b io.Writer, outputs []result.Output) {
	for _, o := range outputs {
		status := "still running"
		if o.Status != nil {
			status = "exit " + strconv.Itoa(*o.Status)
		}
		label(b, "program", t.paint(bold, o.Process)+", "+status)
		labels(b, "stdout", endOf(o.Stdout))
		labels(b, "stderr", endOf(o.Stderr))
	}
}

// What is shown of an output: that many lines of it, and of each so many bytes. The JSON
// has all of it.
const (
	lastLines = 20
	mostBytes = 300
)

// endOf returns the last lines of an output, and says what it leaves out. A program says at
// its end why it ended, and one that logs every packet must not bury the report.
func endOf(output string) []string {
	lines := linesOf(output)
	if left := len(lines) - lastLines; left > 0 {
		return append([]string{fmt.Sprintf("(%d lines before these)", left)}, lines[left:]...)
	}
	return lines
}

// firstOf returns the first lines of an output, and says what it leaves out.
func firstOf(output string) []string {
	lines := linesOf(output)
	if left := len(lines) - lastLines; left > 0 {
		return append(lines[:lastLines], fmt.Sprintf("(%d lines behind these)", left))
	}
	return lines
}

// linesOf returns the lines of an output, each cut where it is long.
func linesOf(output string) []string {
	if output == "" {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
	for i, line := range lines {
		if cut := strings.ToValidUTF8(line[:min(len(line), mostBytes)], ""); len(cut) < len(line) {
			lines[i] = fmt.Sprintf("%s ... %d more bytes", cut, len(line)-len(cut))
		}
	}
	return lines
}

// fileWord is the file's name as an argument, "-" for standard input: one that begins with "-" would be
// taken for a flag.
func fileWord(m *result.Matrix) string {
	if m.File == lab.Stdin {
		return "-"
	}
	if strings.HasPrefix(m.File, "-") {
		return "./" + m.File
	}
	return m.File
}
