package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"

	"labrun/lab"
)

// JUnit writes the report as the XML that JUnit's runner for Ant began and that
// Jenkins, GitLab and others read: a testsuite for each topology and host, a
// testcase for each cell. How long a cell took is not known, so that is 0.
func JUnit(w io.Writer, r lab.Report) error {
	r = visible(r)
	x := &junit{bufio.NewWriterSize(w, 1<<16)}
	x.raw(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<testsuites")
	x.attribute("name", "labrun")
	x.counts(r.Counts)
	x.attribute("time", strconv.FormatFloat(r.Environment.Elapsed, 'f', 3, 64))
	x.raw(">\n")
	for i := range r.Matrices {
		m := &r.Matrices[i]
		for h, chunks := range byHost(m) {
			x.suite(&r, m, m.Hosts[h], chunks)
		}
	}
	x.raw("</testsuites>\n")
	return x.Flush()
}

// byHost returns the cells of each host, in pieces that lie together.
func byHost(m *lab.Matrix) [][][]lab.Cell {
	hosts := make([][][]lab.Cell, len(m.Hosts))
	for rest := m.Cells; len(rest) > 0; {
		row, host := rest[0].Row, rest[0].Host
		var cells []lab.Cell
		cells, rest = split(rest, func(c *lab.Cell) bool { return c.Row == row && c.Host == host })
		hosts[host] = append(hosts[host], cells)
	}
	return hosts
}

// junit writes XML; Flush tells of what goes wrong.
type junit struct{ *bufio.Writer }

func (x *junit) raw(s string) { _, _ = x.WriteString(s) }

func (x *junit) attribute(name, value string) {
	fmt.Fprintf(x, ` %s="%s"`, name, escapeXML(value, true))
}

func (x *junit) counts(c lab.Counts) {
	fmt.Fprintf(x, ` tests="%d" failures="%d" errors="%d" skipped="%d"`,
		c.Passed+c.Failed+c.Skipped+c.Errors, c.Failed, c.Errors, c.Skipped)
}

func (x *junit) suite(r *lab.Report, m *lab.Matrix, host string, chunks [][]lab.Cell) {
	var n tally
	for _, cells := range chunks {
		for i := range cells {
			n[cells[i].Verdict]++
		}
	}
	x.raw("  <testsuite")
	x.attribute("name", m.Name+" on "+host)
	x.counts(lab.Counts{Passed: int(n[lab.Pass]), Failed: int(n[lab.Fail]), Skipped: int(n[lab.Skip]), Errors: int(n[lab.Error])})
	x.attribute("time", "0")
	x.attribute("timestamp", r.Environment.Started.UTC().Format("2006-01-02T15:04:05")) // Ant's has no zone
	x.attribute("hostname", host)
	x.attribute("file", m.File)
	x.raw(">\n    <properties>\n")
	for _, kv := range environmentOf(*r) {
		x.raw("      <property")
		x.attribute("name", kv[0])
		x.attribute("value", kv[1])
		x.raw("/>\n")
	}
	x.raw("    </properties>\n")
	for _, cells := range chunks {
		for i := range cells {
			x.testcase(m, &cells[i])
		}
	}
	x.raw("  </testsuite>\n")
}

// junitWords are the elements that say why a testcase did not pass.
var junitWords = map[lab.Verdict]string{lab.Fail: "failure", lab.Skip: "skipped", lab.Error: "error"}

func (x *junit) testcase(m *lab.Matrix, c *lab.Cell) {
	x.raw("    <testcase")
	x.attribute("classname", m.Name+"."+m.Hosts[c.Host]) // readers cut it at the last dot
	x.attribute("name", m.NameOf(c))
	x.attribute("file", m.FileOf(c))
	x.attribute("line", strconv.Itoa(lineOf(m, c)))
	x.attribute("time", "0")
	word := junitWords[c.Verdict]
	if word == "" {
		x.raw("/>\n")
		return
	}
	x.raw(">\n      <" + word)
	x.attribute("message", headline(m, c))
	if c.Verdict != lab.Skip {
		x.attribute("type", c.Verdict.String())
	}
	x.raw(">" + escapeXML(explain(m, c), false) + "</" + word + ">\n    </testcase>\n")
}
