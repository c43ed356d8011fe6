package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"labrun/lab/result"
)

// JUnit writes the report as the XML that JUnit's runner for Ant began and that
// Jenkins, GitLab and others read: a testsuite for each topology and host, a
// testcase for each cell. Its time is 0 when a report does not say how long it took.
// No standard says what the XML is: a test holds it to a schema of what these readers agree
// about (testdata/junit.xsd). Names are the same in every run, or the readers, which keep the
// history of a test by its name, would lose it.
func JUnit(w io.Writer, r result.Report) error {
	r = visible(r)
	x := &junit{Writer: bufio.NewWriterSize(w, 1<<16)}
	changed := r.Changed()
	x.raw(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<testsuites")
	x.attribute("name", "labrun")
	x.counts(r.Counts)
	x.attribute("time", strconv.FormatFloat(r.Environment.Elapsed, 'f', 3, 64))
	x.raw(">\n")
	for i := range r.Matrices {
		m := &r.Matrices[i]
		x.seconds = r.SecondsOf(i)
		x.changed = func(c *result.Cell) *result.Change { return changed(i, c) }
		for h, chunks := range byColumn(m) {
			x.suite(&r, m, m.Columns[h], chunks)
		}
	}
	x.raw("</testsuites>\n")
	return x.Flush()
}

// chunk is cells that lie together, from an index of the matrix on. JUnit has a suite for
// each column, and a matrix goes row by row: chunks give the one from the other uncopied.
type chunk struct {
	at    int
	cells []result.Cell
}

// byColumn returns the cells of each column.
func byColumn(m *result.Matrix) [][]chunk {
	columns := make([][]chunk, len(m.Columns))
	for at, cells := range runs(m.Cells, inBlock) {
		column := cells[0].Column
		columns[column] = append(columns[column], chunk{at, cells})
	}
	return columns
}

// junit writes XML; its Flush returns the first error. It does not build a tree for
// encoding/xml: half a million cells are written as they are met.
type junit struct {
	*bufio.Writer
	seconds []float32                           // of the cells of the matrix at hand; nil when they are not known
	changed func(c *result.Cell) *result.Change // of those cells
}

func (x *junit) raw(s string) { _, _ = x.WriteString(s) }

// attribute writes an attribute: the value is a stranger's text, the name is not.
func (x *junit) attribute(name, value string) {
	fmt.Fprintf(x, ` %s="%s"`, name, escapeXML(value, true))
}

// took returns how long a cell took, in seconds.
func (x *junit) took(cell int) float64 {
	if x.seconds == nil {
		return 0
	}
	return float64(x.seconds[cell])
}

// time writes a time in seconds, in microseconds at most: batches give each of their cells a
// share, whose further digits mean nothing.
func (x *junit) time(seconds float64) {
	x.attribute("time", strconv.FormatFloat(math.Round(seconds*1e6)/1e6, 'f', -1, 64))
}

func (x *junit) counts(c result.Counts) {
	fmt.Fprintf(x, ` tests="%d" failures="%d" errors="%d" skipped="%d"`,
		c.Sum(), c.Failed, c.Errors, c.Skipped)
}

// suite writes the cells of a column. Its properties are those of the whole run: readers
// show them beside a suite, and have no place for those of all suites.
func (x *junit) suite(r *result.Report, m *result.Matrix, on result.Column, chunks []chunk) {
	var n result.Counts
	sum := 0.0
	for _, c := range chunks {
		n.Add(result.CountsOf(c.cells))
		for i := range c.cells {
			sum += x.took(c.at + i)
		}
	}
	x.raw("  <testsuite")
	x.attribute("name", m.Name+" on "+on.String())
	x.counts(n)
	x.time(sum)
	x.attribute("timestamp", r.Environment.Started.UTC().Format("2006-01-02T15:04:05")) // Ant's has no zone
	x.attribute("hostname", on.Host)
	x.attribute("file", m.File)
	x.raw(">\n    <properties>\n")
	run, sysctls := environmentOf(*r)
	for _, kv := range append(run, sysctls...) {
		x.raw("      <property")
		x.attribute("name", kv[0])
		x.attribute("value", kv[1])
		x.raw("/>\n")
	}
	x.raw("    </properties>\n")
	for _, c := range chunks {
		for i := range c.cells {
			x.testcase(m, &c.cells[i], x.took(c.at+i))
		}
	}
	x.raw("  </testsuite>\n")
}

// junitWords are the elements that say why a testcase did not pass.
var junitWords = map[result.Verdict]string{result.Fail: "failure", result.Skip: "skipped", result.Error: "error"}

// testcase writes a cell, and why it did not pass: a line for lists in the message, all of
// it in the element's text.
func (x *junit) testcase(m *result.Matrix, c *result.Cell, seconds float64) {
	x.raw("    <testcase")
	column := m.ColumnOf(c)
	if m.Columns[c.Column].Kernel != "" { // readers cut the name at its last dot, and a version has some
		column = strings.ReplaceAll(column, ".", "_")
	}
	x.attribute("classname", m.Name+"."+column)
	x.attribute("name", m.NameOf(c))
	x.attribute("file", m.FileOf(c))
	x.attribute("line", strconv.Itoa(lineOf(m, c)))
	x.time(seconds)
	word, change := junitWords[c.Verdict], x.changed(c)
	if word == "" && change == nil {
		x.raw("/>\n")
		return
	}
	x.raw(">\n")
	if word != "" {
		x.raw("      <" + word)
		x.attribute("message", headline(m, c))
		if c.Verdict != result.Skip {
			x.attribute("type", c.Verdict.String())
		}
		x.raw(">" + escapeXML(explain(m, c), false) + "</" + word + ">\n")
	}
	if change != nil { // readers show it beside a test that passed, too
		x.raw("      <system-out>" + escapeXML(changeLine(change), false) + "</system-out>\n")
	}
	x.raw("    </testcase>\n")
}
