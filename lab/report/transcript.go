package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"labrun/lab"
	"labrun/lab/result"
)

// Transcript writes what kernels answered to the steps of one experiment in one host, for a person who asks for
// answers and has no verdict in mind. Meaning says what an errno means, in the words of strerror(3).
type Transcript struct {
	Text
	Meaning func(errno string) string
}

// Write writes each call with its answer behind it, as strace(1) does, and what explains it below. Of several
// kernels each has a column, and a line that they did not all answer alike begins with "*".
func (t Transcript) Write(w io.Writer, r result.Report) error {
	r = visible(r)
	b := bufio.NewWriter(w)
	m := &r.Matrices[0]
	if len(m.Cells) == 1 {
		c := &m.Cells[0]
		for i, s := range m.StepsOf(c) {
			t.step(b, s, c.Note.Of(i))
		}
		t.outputs(b, unseen(c))
		t.end(b, m, c)
		return b.Flush()
	}
	t.columns(b, m)
	return b.Flush()
}

// Step writes one step with its answer, and what explains that.
func (t Transcript) Step(w io.Writer, s result.StepResult, seen result.Snapshot) error {
	b := bufio.NewWriter(w)
	t.step(b, visibleOf(s), visibleOf(seen))
	return b.Flush()
}

func (t Transcript) step(b io.Writer, s result.StepResult, seen result.Snapshot) {
	colour := green
	meaning := t.Meaning(s.Got)
	if meaning != "" {
		meaning = " (" + meaning + ")"
		colour = red
	}
	line := fmt.Sprintf("%s = %s%s", CallWords(s.RowStep), t.paint(colour, s.Words(s.Got)), meaning)
	if s.Red {
		line += ", " + t.paint(red, "want "+s.Words(s.Want))
	}
	t.line(b, line)
	for _, c := range causes(s, seen) {
		t.cause(b, c)
	}
	for _, p := range printed(seen) {
		labels(b, p.word, p.texts)
	}
}

// Skip writes why a call was not made: what the machine or its kernel lacks for it.
func (t Transcript) Skip(w io.Writer, reason string) error {
	b := bufio.NewWriter(w)
	t.line(b, t.verdict(result.Skip)+" "+lab.Visible(reason))
	return b.Flush()
}

// line writes a line as wide as the terminal, which would break words in the middle.
func (t Transcript) line(b io.Writer, s string) {
	for i, part := range wrapped(s, t.Width+boundless(t.Width)) {
		if i > 0 {
			part = "  " + part
		}
		fmt.Fprintln(b, part)
	}
}

// printed returns what the program of a step has printed: the beginning of it, and of one that did not end well the
// end, where it says why. The lines are a program's own, so they are not folded.
func printed(seen result.Snapshot) []cause {
	o := seen.Output
	if o == nil {
		return nil
	}
	lines := firstOf
	if o.Status == nil || *o.Status != 0 {
		lines = endOf
	}
	all := []cause{{"stdout", lines(o.Stdout)}, {"stderr", lines(o.Stderr)}}
	return slices.DeleteFunc(all, func(c cause) bool { return len(c.texts) == 0 })
}

// unseen returns what those programs of a cell have printed whose end no step has seen.
func unseen(c *result.Cell) []result.Output {
	if c.Note == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Note.Outputs), func(o result.Output) bool {
		return o.Stdout == "" && o.Stderr == "" || slices.ContainsFunc(c.Note.Evidence, func(s result.Snapshot) bool {
			return s.Output != nil && s.Output.Process == o.Process && s.Output.Stdout == o.Stdout && s.Output.Stderr == o.Stderr
		})
	})
}

// cause writes what explains an answer, as wide as the terminal.
func (t Transcript) cause(b io.Writer, c cause) {
	for _, text := range c.texts {
		for i, line := range wrapped(text, max(t.Width-12, 0)+boundless(t.Width)) {
			if i > 0 {
				line = "  " + line
			}
			label(b, c.word, line)
			c.word = ""
		}
	}
}

// boundless is more columns than any line has, where there is no terminal.
func boundless(width int) int {
	if width == 0 {
		return 1 << 20
	}
	return 0
}

// CallWords returns the call of a step as lines of steps have it: with its process, unless that is main.
func CallWords(s result.RowStep) string {
	if s.Process == "main" {
		return s.Call
	}
	return s.Process + ": " + s.Call
}

// end says why a cell's last calls were not made.
func (t Transcript) end(b io.Writer, m *result.Matrix, c *result.Cell) {
	left := 0
	for range m.RowOf(c).Steps(c.Combo) {
		left++
	}
	left -= len(c.Answers())
	kernel := ""
	if name := m.Columns[c.Column].Kernel; name != "" {
		kernel = "linux " + name + ": "
	}
	if reason := c.Reason(); reason != "" {
		t.line(b, kernel+t.verdict(c.Verdict)+" "+reason)
	}
	switch {
	case len(c.Answers()) == 0:
	case left == 1:
		t.line(b, kernel+"the call behind that was not made")
	case left > 1:
		t.line(b, fmt.Sprintf("%sthe %d calls behind that were not made", kernel, left))
	}
}

// kernelColumn is what a kernel answered.
type kernelColumn struct {
	kernel string
	cell   *result.Cell
	steps  []result.StepResult
}

// notMade stands where a kernel was not asked.
const notMade = "-"

// answer returns what the kernel answered to a step, and whether that was wanted.
func (c *kernelColumn) answer(i int) (words string, red bool) {
	if i >= len(c.steps) {
		return notMade, false
	}
	s := &c.steps[i]
	if s.Red {
		return s.Words(s.Got) + ", want " + s.Words(s.Want), true
	}
	return s.Words(s.Got), false
}

// columns writes a table with a column for each kernel. On a terminal that is too narrow for it the answers stand
// below each other, behind their kernels.
func (t Transcript) columns(b io.Writer, m *result.Matrix) {
	var all []kernelColumn
	for i := range m.Cells {
		c := &m.Cells[i]
		all = append(all, kernelColumn{m.Columns[c.Column].Kernel, c, m.StepsOf(c)})
	}
	var calls []result.RowStep
	for s := range m.RowOf(all[0].cell).Steps(all[0].cell.Combo) {
		calls = append(calls, s)
	}
	length := utf8.RuneCountInString
	widths := make([]int, 1+len(all))
	total := 2
	for k := range widths {
		if k > 0 {
			widths[k] = length(all[k-1].kernel)
		}
		for i, s := range calls {
			words := CallWords(s)
			if k > 0 {
				words, _ = all[k-1].answer(i)
			}
			widths[k] = max(widths[k], length(words))
		}
		total += widths[k] + 2
	}
	below := t.Width > 0 && total > t.Width
	pad := func(s string, k int) string { return s + strings.Repeat(" ", widths[k]-length(s)) }
	if !below {
		head := "  " + pad("", 0)
		for k, c := range all {
			head += "  " + pad(c.kernel, k+1)
		}
		fmt.Fprintln(b, strings.TrimRight(head, " "))
	}
	for i, s := range calls {
		mark, line, first := "  ", pad(CallWords(s), 0), ""
		for k := range all {
			words, red := all[k].answer(i)
			switch {
			case words == notMade: // which is not an answer
			case first == "":
				first = words
			case words != first:
				mark = "* "
			}
			line += "  " + t.answerColour(pad(words, k+1), words, red)
		}
		if !below {
			fmt.Fprintln(b, mark+strings.TrimRight(line, " "))
		} else {
			t.line(b, mark+CallWords(s))
			for k := range all {
				words, red := all[k].answer(i)
				fmt.Fprintf(b, "    %-*s  %s\n", maxWidth(all), all[k].kernel, t.answerColour(words, words, red))
			}
		}
		t.causesOf(b, all, i)
	}
	for _, c := range all {
		for _, o := range unseen(c.cell) {
			o.Process += " (" + c.kernel + ")"
			t.outputs(b, []result.Output{o})
		}
		t.end(b, m, c.cell)
	}
}

// maxWidth returns the width of the longest name of a kernel.
func maxWidth(all []kernelColumn) (most int) {
	for _, c := range all {
		most = max(most, utf8.RuneCountInString(c.kernel))
	}
	return most
}

func (t Transcript) answerColour(padded, words string, isRed bool) string {
	switch {
	case isRed || t.Meaning(words) != "":
		return t.paint(red, padded)
	case words == notMade:
		return padded
	}
	return t.paint(green, padded)
}

// causesOf writes what explains the answers of the kernels to a step and what its program printed there, once where
// that is the same.
func (t Transcript) causesOf(b io.Writer, all []kernelColumn, i int) {
	type explained struct {
		cause
		kernels []string
	}
	var told []explained
	answered := 0
	for _, c := range all {
		if i >= len(c.steps) {
			continue
		}
		answered++
		seen := c.cell.Note.Of(i)
		for _, one := range append(causes(c.steps[i], seen), printed(seen)...) {
			at := slices.IndexFunc(told, func(e explained) bool {
				return e.word == one.word && slices.Equal(e.texts, one.texts)
			})
			if at < 0 {
				at, told = len(told), append(told, explained{cause: one})
			}
			told[at].kernels = append(told[at].kernels, c.kernel)
		}
	}
	for _, e := range told {
		if len(e.kernels) < answered {
			e.texts = slices.Clone(e.texts)
			for i := range e.texts {
				e.texts[i] += " (" + strings.Join(e.kernels, ", ") + ")"
			}
		}
		t.cause(b, e.cause)
	}
}
