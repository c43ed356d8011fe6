package result

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
)

// Verdict is what a cell comes to.
type Verdict uint8

// The verdicts. Fail is the kernel's (it answers something else than the file
// says), Error is labrun's (it could not ask).
const (
	Pass Verdict = iota
	Fail
	Skip
	Error
)

// Verdicts are all of them, as Counts and reports have them in order.
var Verdicts = []Verdict{Pass, Fail, Skip, Error}

var verdicts = []string{"pass", "fail", "skip", "error"}

func (v Verdict) String() string { return verdicts[v] }

// MarshalText writes the verdict's word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads it.
func (v *Verdict) UnmarshalText(text []byte) error {
	i := slices.Index(verdicts, string(text))
	if i < 0 {
		return fmt.Errorf("%q is not a verdict; allowed: %s", text, strings.Join(verdicts, ", "))
	}
	*v = Verdict(i)
	return nil
}

// Cell is one combination of one experiment in one column. There may be half a
// million in a run, so it says nothing that its row says already.
type Cell struct {
	Row     int32 // index in Matrix.Rows
	Column  int32 // index in Matrix.Columns
	Combo   lab.Combo
	Verdict Verdict
	// Got is what the steps that ran were answered; of a failed cell the last one
	// is the red one. Addresses go by the names that they have in the file, and a
	// port that the kernel chose is "$name" where the file keeps it and
	// "ephemeral" elsewhere: the same words on every run. Cells share it, as they do
	// by the thousand, and a pointer is a third of a slice: do not change what it
	// holds. Nil means no steps.
	Got  *[]string
	Note *Note // nil when there is no more to say
}

// Compare orders the cells of a matrix: row by row, in a row by columns, and then by
// combinations. A report has them so, and what merges and compares reports counts on it.
func (c *Cell) Compare(d *Cell) int {
	return cmp.Or(cmp.Compare(c.Row, d.Row), cmp.Compare(c.Column, d.Column), cmp.Compare(c.Combo, d.Combo))
}

// Answers returns what Got holds.
func (c *Cell) Answers() []string {
	if c.Got == nil {
		return nil
	}
	return *c.Got
}

// Answered reports whether the kernel answered the cell: it was neither a skip nor an error, and not answered
// otherwise from run to run.
func (c *Cell) Answered() bool {
	return (c.Verdict == Pass || c.Verdict == Fail) && (c.Note == nil || len(c.Note.Flaky) == 0)
}

// Reds reports whether a step that ran is the red one.
func (c *Cell) Reds(step int) bool { return c.Verdict == Fail && step == len(c.Answers())-1 }

// Timed returns the i-th step of the cell with the limit that its call had there.
func (c *Cell) Timed(s RowStep, i int) RowStep {
	s.Limit = cmp.Or(c.Note.Of(i).Limit, s.Limit)
	return s
}

// Note explains a cell.
type Note struct {
	Reason   string     `json:"reason,omitempty"`   // of a skip or an error
	Flaky    Tallies    `json:"flaky,omitempty"`    // of a failed cell that was not answered the same in every run
	Evidence []Snapshot `json:"evidence,omitempty"` // of steps whose answer is an errno, or red
	Outputs  []Output   `json:"outputs,omitempty"`  // of the programs of a cell that did not pass, or where asked for
	Captures []string   `json:"captures,omitempty"` // the files with its packets, from the folder that labrun ran in
	// Varies are the steps, by index in Cell.Got, whose answer the file leaves open and that were not answered the
	// same in every run. No report has them: such answers are no part of the outcome.
	Varies []int `json:"-"`
}

// Snapshot is what explains the answer of a step, as it was after it.
type Snapshot struct {
	Step    int          `json:"step"`              // index in Cell.Got
	Sockets []SocketInfo `json:"sockets,omitzero"`  // nil when there is no port to look at, none when nobody had it
	To      string       `json:"to,omitempty"`      // of a red step: what its address is, "192.0.2.2 on beta"
	Why     []string     `json:"why,omitempty"`     // of a red step: the rules behind its answer
	Listens []SocketInfo `json:"listens,omitempty"` // of a red step: sockets with the port or name that it did not find
	// Limit is not 0 where the call was given up sooner than the step's limit says, as
	// nothing in the lab could answer it any more.
	Limit float64 `json:"limit_seconds,omitempty"`
	// Output is what the program had printed that the step ran, or waited for; nil unless a person asked what it prints.
	Output *Output `json:"output,omitempty"`
}

// IsZero reports whether the snapshot explains nothing.
func (s Snapshot) IsZero() bool {
	return s.Sockets == nil && s.To == "" && s.Why == nil && s.Listens == nil && s.Limit == 0 && s.Output == nil
}

// Tally is how many runs of a cell ended with an answer.
type Tally struct {
	Answer string `json:"answer"` // or a verdict, of runs that were not answered
	Times  int    `json:"times"`
}

// Tallies are the answers of a cell that runs differ in, the most frequent one first.
type Tallies []Tally

// String writes the tallies in a line: "ok 9 times, EADDRINUSE once".
func (all Tallies) String() string {
	var words []string
	for _, t := range all {
		switch t.Times {
		case 1:
			words = append(words, t.Answer+" once")
		case 2:
			words = append(words, t.Answer+" twice")
		default:
			words = append(words, fmt.Sprintf("%s %d times", t.Answer, t.Times))
		}
	}
	return strings.Join(words, ", ")
}

// Reason returns why the cell is a skip or an error, or that it is flaky.
func (c Cell) Reason() string {
	switch {
	case c.Note == nil:
		return ""
	case len(c.Note.Flaky) > 0:
		return "flaky: " + c.Note.Flaky.String()
	}
	return c.Note.Reason
}

// Seen returns what explains the last answer of the cell: of a failed one the red step's.
func (c *Cell) Seen() Snapshot { return c.Note.Of(len(c.Answers()) - 1) }

// Of returns what explains the answer of a step: nothing where no note says it.
func (n *Note) Of(step int) Snapshot {
	if n != nil {
		for _, s := range n.Evidence {
			if s.Step == step {
				return s
			}
		}
	}
	return Snapshot{}
}

// StepResult is a step that ran.
type StepResult struct {
	RowStep
	Got string
	Red bool // the kernel answered something else than was wanted
}

// Output is what a program has printed.
type Output struct {
	Process string `json:"process"`
	Stdout  string `json:"stdout,omitempty"`
	Stderr  string `json:"stderr,omitempty"`
	Status  *int   `json:"status,omitempty"` // nil while it runs
}
