package report

import (
	_ "embed"
	"io"

	"labrun/lab/compare"
	"labrun/lab/result"
)

// DiffSchema is the JSON Schema of what DiffJSON writes.
//
//go:embed diff.schema.json
var DiffSchema []byte

// The types below are the JSON of a difference, as its schema describes it. They are not
// those of package compare: a difference holds places in two reports, which mean nothing
// without them, while the JSON is read alone. Hence names, and the steps themselves.

// diffSide is a changed cell in one of the reports.
type diffSide struct {
	Verdict result.Verdict `json:"verdict"`
	Reason  string         `json:"reason,omitempty"`
}

type diffStep struct {
	File    string  `json:"file,omitempty"` // an included one
	Line    int     `json:"line"`
	Process string  `json:"process"`
	Call    string  `json:"call"`
	Want    string  `json:"want"`
	Got     string  `json:"got"`
	Limit   float64 `json:"limit_seconds,omitempty"`
}

// diffSteps is a step that was answered otherwise. One side is nil where the cell of
// that report ended before it.
type diffSteps struct {
	Before *diffStep `json:"before,omitempty"`
	After  *diffStep `json:"after,omitempty"`
}

type diffCell struct {
	Topology string      `json:"topology"`
	Cell     string      `json:"cell"`
	Host     string      `json:"host"`
	Verdict  string      `json:"verdict,omitempty"` // of a cell of one report alone
	Before   *diffSide   `json:"before,omitempty"`
	After    *diffSide   `json:"after,omitempty"`
	Steps    []diffSteps `json:"steps,omitempty"`
}

type diffRun struct {
	Digest string        `json:"digest"`
	Counts result.Counts `json:"counts"`
}

// diffClass is a compare.Class: cells that differ in the same way, and of which cells they are.
type diffClass struct {
	Topology   string           `json:"topology"`
	Experiment string           `json:"experiment"`
	Of         string           `json:"of"` // the list that its cells are in
	Cells      int              `json:"cells"`
	Where      []compare.Values `json:"where"`
	Rest       bool             `json:"rest,omitempty"`
	First      string           `json:"first"` // a cell
	Host       string           `json:"host"`
	Before     *diffSide        `json:"before"`
	After      *diffSide        `json:"after"`
	Steps      []diffSteps      `json:"steps,omitempty"`
}

func classesJSON(d *compare.Difference, of string, pairs []compare.Pair, steps func(compare.Pair) []compare.StepPair) (all []diffClass) {
	for _, change := range d.Changes(pairs, steps) {
		for _, class := range change.Classes {
			first := class.Cells[0]
			cell := changedCell(d, first)
			m, c := first.After.In(&d.After)
			all = append(all, diffClass{Topology: cell.Topology, Experiment: m.Rows[c.Row].Name, Of: of,
				Cells: len(class.Cells), Where: class.Where, Rest: class.Rest, First: cell.Cell, Host: cell.Host,
				Before: cell.Before, After: cell.After, Steps: stepsJSON(d, first, steps(first))})
		}
	}
	return all
}

// DiffJSON writes a difference as one object, with a line for each cell, claim
// and setting. It holds no more than such a line.
func DiffJSON(w io.Writer, d *compare.Difference) error {
	j := newJSONWriter(w)
	j.field("differs", d.Outcome())
	j.field("before", diffRun{d.Before.Digest, d.Before.Counts})
	j.field("after", diffRun{d.After.Digest, d.After.Counts})
	j.field("same", d.Same)
	if !d.Kernels.IsZero() {
		j.field("kernels", d.Kernels)
		jsonList(j, "by_kernel", d.ByKernel(), func(k compare.KernelCounts) any { return k })
	}
	jsonList(j, "changed", d.Changed, func(p compare.Pair) any { return changedCell(d, p) })
	jsonList(j, "appeared", d.Appeared, func(p compare.Place) any { return cellAlone(&d.After, p) })
	jsonList(j, "vanished", d.Vanished, func(p compare.Place) any { return cellAlone(&d.Before, p) })
	jsonList(j, "open", d.Open, func(p compare.Pair) any { return openCell(d, p) })
	classes := append(classesJSON(d, "changed", d.Changed, d.Steps), classesJSON(d, "open", d.Open, d.OpenSteps)...)
	jsonList(j, "classes", classes, func(c diffClass) any { return c })
	jsonList(j, "claims", d.Claims, func(c compare.Claim) any { return c })
	jsonList(j, "environment", d.Environment, func(s compare.Setting) any { return s })
	return j.end()
}

// jsonList writes an array with a line for each item.
func jsonList[T any](j *jsonWriter, name string, items []T, value func(T) any) {
	j.lines(name, len(items), func(i int) { j.value(value(items[i])) })
}

func cellAlone(r *result.Report, p compare.Place) diffCell {
	m, c := p.In(r)
	return diffCell{Topology: m.Name, Cell: m.NameOf(c), Host: m.ColumnOf(c), Verdict: c.Verdict.String()}
}

func changedCell(d *compare.Difference, p compare.Pair) diffCell {
	cell := cellAlone(&d.After, p.After)
	cell.Verdict = ""
	_, before := p.Before.In(&d.Before)
	_, after := p.After.In(&d.After)
	cell.Before = &diffSide{before.Verdict, before.Reason()}
	cell.After = &diffSide{after.Verdict, after.Reason()}
	cell.Steps = stepsJSON(d, p, d.Steps(p))
	return cell
}

func openCell(d *compare.Difference, p compare.Pair) diffCell {
	cell := cellAlone(&d.After, p.After)
	cell.Verdict, cell.Steps = "", stepsJSON(d, p, d.OpenSteps(p))
	return cell
}

func stepsJSON(d *compare.Difference, p compare.Pair, pairs []compare.StepPair) []diffSteps {
	was, before := p.Before.In(&d.Before)
	is, after := p.After.In(&d.After)
	var steps []diffSteps
	for _, s := range pairs {
		steps = append(steps, diffSteps{newDiffStep(&was.Rows[before.Row], s.Before),
			newDiffStep(&is.Rows[after.Row], s.After)})
	}
	return steps
}

func newDiffStep(r *result.Row, s *result.StepResult) *diffStep {
	if s == nil {
		return nil
	}
	return &diffStep{r.File, s.Line, s.Process, s.Call, s.Want, s.Got, s.Limit}
}
