package report

import (
	"fmt"
	"io"
	"strings"

	"labrun/lab/result"

	"github.com/jedib0t/go-pretty/v6/text"
)

// lessonWidth is where the sentences of a lesson are folded, as those of claims, unless a terminal is narrower.
const lessonWidth = 90

// sentenceWidth returns where sentences are folded that stand behind so many columns.
func (t Text) sentenceWidth(margin int) int {
	if t.Width > 0 {
		return min(lessonWidth, max(t.Width, 40)-margin)
	}
	return lessonWidth
}

// question writes what the file asks, below its name.
func (t Text) question(b io.Writer, m *result.Matrix) {
	if q := m.Lesson.Question; q != "" {
		fmt.Fprintln(b, "  "+folded(q, "  ", t.sentenceWidth(0)))
	}
}

// found writes the file's own answer below the matrix.
func (t Text) found(b io.Writer, m *result.Matrix) {
	if m.Lesson.Found == "" {
		return
	}
	word := foundWord(m)
	text := folded(word+" "+m.Lesson.Found, "  ", t.sentenceWidth(0))
	fmt.Fprintf(b, "%s %s\n\n", t.paint(bold, word), strings.TrimPrefix(text, word+" "))
}

// foundWord introduces the answer of a lesson. Nobody has checked the sentence against this kernel, and where a cell
// is red it may be wrong: then it is what the file says, and not what was found.
func foundWord(m *result.Matrix) string {
	for i := range m.Cells {
		if v := m.Cells[i].Verdict; v == result.Fail || v == result.Error {
			return "the file says:"
		}
	}
	return "found:"
}

// folded breaks a text into lines of so many columns; those after the first begin with indent.
func folded(s, indent string, width int) string {
	lines := strings.Split(text.WrapSoft(strings.Join(strings.Fields(s), " "), width-len(indent)), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ") // WrapSoft pads
	}
	return strings.Join(lines, "\n"+indent)
}
