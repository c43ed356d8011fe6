package lab

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
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

// Cell is one combination of one experiment in one host. There may be half a
// million in a run, so it says nothing that its row says already.
type Cell struct {
	Row     int32 // index in Matrix.Rows
	Host    int32 // index in Matrix.Hosts
	Combo   Combo
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

// Answers returns what Got holds.
func (c *Cell) Answers() []string {
	if c.Got == nil {
		return nil
	}
	return *c.Got
}

// Reds reports whether a step that ran is the red one.
func (c *Cell) Reds(step int) bool { return c.Verdict == Fail && step == len(c.Answers())-1 }

// Timed returns the i-th step of the cell with the limit that its call had there.
func (c *Cell) Timed(s RowStep, i int) RowStep {
	if c.Note != nil {
		s.Limit = cmp.Or(c.Note.Of(i).Limit, s.Limit)
	}
	return s
}

// Note explains a cell.
type Note struct {
	Reason   string     `json:"reason,omitempty"`   // of a skip or an error, or how often a failed cell answered what
	Evidence []Snapshot `json:"evidence,omitempty"` // of steps whose answer is an errno, or red
	Outputs  []Output   `json:"outputs,omitempty"`  // of the programs of a cell that did not pass
	Captures []string   `json:"captures,omitempty"` // the files with its packets, as seen from the folder that labrun ran in
}

// Snapshot is what explains the answer of a step, as it was after it.
type Snapshot struct {
	Step    int      `json:"step"`              // index in Cell.Got
	Sockets []Holder `json:"sockets,omitzero"`  // nil when there is no port to look at, none when nobody had it
	To      string   `json:"to,omitempty"`      // of a red step: what its address is, "192.0.2.2 on beta, the caller itself"
	Why     []string `json:"why,omitempty"`     // of a red step: the rules behind its answer
	Listens []Holder `json:"listens,omitempty"` // of a red step: sockets with the refused port, or the name, that were not found by it
	// Limit is not 0 where the call was given up sooner than the step's limit says, as
	// nothing in the lab could answer it any more.
	Limit float64 `json:"limit_seconds,omitempty"`
}

// IsZero reports whether the snapshot explains nothing.
func (s Snapshot) IsZero() bool {
	return s.Sockets == nil && s.To == "" && s.Why == nil && s.Listens == nil && s.Limit == 0
}

// Reason returns why the cell is a skip or an error, or that it is flaky.
func (c Cell) Reason() string {
	if c.Note == nil {
		return ""
	}
	return c.Note.Reason
}

// Holders returns the sockets that explain the red step of a failed cell.
func (c Cell) Holders() []Holder {
	if c.Note == nil || c.Verdict != Fail {
		return nil
	}
	return c.Note.At(len(c.Answers()) - 1)
}

// At returns the sockets that explain the answer of a step.
func (n *Note) At(step int) []Holder { return n.Of(step).Sockets }

// Of returns what explains the answer of a step.
func (n *Note) Of(step int) Snapshot {
	for _, s := range n.Evidence {
		if s.Step == step {
			return s
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

// Holder is a socket that had a port when a step was answered.
type Holder struct {
	Host     string   `json:"host"`
	Protocol string   `json:"protocol"`
	State    string   `json:"state"`
	Local    string   `json:"local"`
	Remote   string   `json:"remote,omitempty"`
	Device   string   `json:"device,omitempty"`
	User     uint32   `json:"user"`
	Owners   []string `json:"owners,omitempty"` // "web (w)": the process, and its name for the socket
	V6Only   bool     `json:"v6only,omitempty"`
	Timer    string   `json:"timer,omitempty"`   // as Socket's
	Options  []string `json:"options,omitempty"` // that are set: "SO_REUSEADDR"
}

// String writes the socket in a line. Programs name their processes and NICs as they
// like: what a terminal would obey is written out.
func (h Holder) String() string { return Visible(h.line()) }

func (h Holder) line() string {
	s := fmt.Sprintf("%s %s %s", h.Protocol, h.State, h.Local)
	if h.Remote != "" {
		s += " -> " + h.Remote
	}
	if h.V6Only {
		s += " v6only"
	}
	for _, o := range h.Options {
		s += " " + o
	}
	if h.Timer != "" && h.Timer != "timewait" {
		s += " timer:" + h.Timer
	}
	if h.Device != "" {
		s += " on " + h.Device
	}
	s += " on host " + h.Host
	if len(h.Owners) == 0 {
		switch h.State {
		case "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT":
			return s + ", not accepted yet"
		}
		return s + ", no process"
	}
	for i, o := range h.Owners {
		if i == 0 {
			s += ", process "
		} else {
			s += " and "
		}
		s += o
	}
	return s + fmt.Sprintf(", user %d", h.User)
}

// Row is an experiment as a report shows it.
type Row struct {
	Name  string    `json:"name"`
	Doc   string    `json:"doc,omitempty"`
	Claim string    `json:"claim,omitempty"` // as the file writes it: "SEED 2", "not SEED 2"
	File  string    `json:"file,omitempty"`  // the included file that it and its steps are in; "" is the topology's own
	Line  int       `json:"line"`
	Axes  []Axis    `json:"axes,omitempty"`
	Slots []RowSlot `json:"steps"`
}

// RowSlot is a Slot as a report shows it.
type RowSlot struct {
	Axes     []int       `json:"axes,omitempty"`
	Shown    bool        `json:"shown,omitempty"`
	Which    Which       `json:"which,omitempty"`
	Variants [][]RowStep `json:"variants"`
}

// RowStep is a Step as a report shows it, with the answer that this kernel had to
// give.
type RowStep struct {
	Line    int    `json:"line"`
	Process string `json:"process"`
	Call    string `json:"call"`
	Want    string `json:"want"`
	Rule    int    `json:"rule,omitempty"` // the line of the experiment's rule that wants it; 0 where the step does
	Shown   bool   `json:"shown,omitempty"`
	// Open says that the file leaves the answer open, so that no two answers differ:
	// "?", or no value where the call answers one. Asked, that a report shows it.
	Open  bool    `json:"open,omitempty"`
	Asked bool    `json:"asked,omitempty"`
	Limit float64 `json:"limit_seconds,omitempty"` // after which it is "blocked"; 0 is a call that does not wait
}

// Words writes an answer of the step, or the one wanted. "blocked" says after how long.
func (s *RowStep) Words(answer string) string {
	if answer != string(Blocked) || s.Limit == 0 {
		return answer
	}
	if s.Limit < 1 {
		return fmt.Sprintf("%s (%g ms)", answer, s.Limit*1000)
	}
	return fmt.Sprintf("%s (%g s)", answer, s.Limit)
}

// NewRow returns the row of an experiment on that kernel.
func NewRow(e *Experiment, k Kernel) Row {
	r := Row{Name: e.Name, Doc: e.Doc, Claim: e.Claim.Name, File: e.Pos.File, Line: e.Pos.Line, Axes: e.Axes}
	if e.Claim.Against {
		r.Claim = "not " + r.Claim
	}
	for _, s := range e.Slots {
		slot := RowSlot{Axes: s.Axes, Shown: s.Shown, Which: s.Which, Variants: make([][]RowStep, len(s.Variants))}
		for i, steps := range s.Variants {
			for j := range steps {
				slot.Variants[i] = append(slot.Variants[i], newRowStep(&steps[j], k))
			}
		}
		r.Slots = append(r.Slots, slot)
	}
	return r
}

func newRowStep(s *Step, k Kernel) RowStep {
	rule := s.Want.Rule(k)
	want := rule.Answer
	open, asked := s.open(want)
	return RowStep{
		Line: s.Pos.Line, Process: s.Process.String(), Call: s.Call.String(), Want: want.String(), Rule: rule.Line, Shown: s.Shown,
		Open: open, Asked: asked, Limit: s.waits(want).Seconds(),
	}
}

// At returns the steps for values of all the axes.
func (s *RowSlot) At(radix Radix, values []int) []RowStep {
	if i := s.Which.Of(radix.Index(s.Axes, values)); i >= 0 {
		return s.Variants[i]
	}
	return nil
}

// Steps returns the steps of a combination, in order.
func (r *Row) Steps(c Combo) iter.Seq[RowStep] {
	return func(yield func(RowStep) bool) {
		radix := RadixOf(r.Axes)
		values := radix.Split(c)
		for i := range r.Slots {
			for _, s := range r.Slots[i].At(radix, values) {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// Step returns a step of a combination, by its index; false when it has fewer.
func (r *Row) Step(c Combo, at int) (RowStep, bool) {
	for s := range r.Steps(c) {
		if at == 0 {
			return s, true
		}
		at--
	}
	return RowStep{}, false
}

// Parting returns the first step that two cells of a combination were not answered
// alike, as many as both have when there is none. What the file leaves open they may
// be answered as they like.
func (r *Row) Parting(a, b *Cell) int {
	x, y := a.Answers(), b.Answers()
	if slices.Equal(x, y) {
		return len(x)
	}
	i := 0
	for s := range r.Steps(a.Combo) {
		if i >= min(len(x), len(y)) || x[i] != y[i] && (!s.Open || a.Reds(i) || b.Reds(i)) {
			break
		}
		i++
	}
	return i
}

// CellName names the cell of a combination, as --only takes it.
func (r *Row) CellName(c Combo) string { return CellName(r.Name, r.Axes, c) }

// ClaimResult is what was measured about a claim.
type ClaimResult struct {
	Name    string          `json:"name"`
	Text    string          `json:"text,omitempty"`
	Verdict string          `json:"verdict"` // holds, holds only when ..., does not hold, not settled
	For     []ClaimEvidence `json:"for,omitempty"`
	Against []ClaimEvidence `json:"against,omitempty"`
	Unknown []ClaimEvidence `json:"unknown,omitempty"` // experiments that did not pass in every host
}

// ClaimEvidence is an experiment that speaks for or against a claim.
type ClaimEvidence struct {
	Experiment string `json:"experiment"`
	When       string `json:"when,omitempty"`
}

// Matrix is one topology's cells: rows are experiments, columns are hosts.
type Matrix struct {
	File     string        `json:"file"`
	Name     string        `json:"name"`
	Doc      string        `json:"doc,omitempty"`
	Source   string        `json:"source,omitempty"`   // the text of the file
	Included []Included    `json:"included,omitempty"` // with it
	Layout   Layout        `json:"topology"`           // of all the file, whatever hosts the run was confined to
	Hosts    []string      `json:"hosts"`
	Rows     []Row         `json:"rows"`
	Cells    []Cell        `json:"-"` // row by row, in the order of Hosts, combination by combination
	Claims   []ClaimResult `json:"claims,omitempty"`
}

// FileOf returns the file that the row of a cell is in.
func (m *Matrix) FileOf(c *Cell) string { return cmp.Or(m.Rows[c.Row].File, m.File) }

// NameOf returns the cell's name, as --only takes it.
func (m *Matrix) NameOf(c *Cell) string { return m.Rows[c.Row].CellName(c.Combo) }

// StepsOf returns the steps of a cell that ran, with their answers.
func (m *Matrix) StepsOf(c *Cell) []StepResult {
	var steps []StepResult
	got := c.Answers()
	for s := range m.Rows[c.Row].Steps(c.Combo) {
		i := len(steps)
		if i == len(got) {
			break
		}
		steps = append(steps, StepResult{c.Timed(s, i), got[i], c.Reds(i)})
	}
	return steps
}

// Environment is all that may differ between two runs of one file without a
// difference in what was found.
type Environment struct {
	Labrun  string            `json:"labrun"`  // version of this program
	Kernel  string            `json:"kernel"`  // release, uname(2)
	Machine string            `json:"machine"` // architecture, uname(2)
	User    string            `json:"user"`    // "root" or "user namespace"
	Started time.Time         `json:"started"`
	Elapsed float64           `json:"elapsed_seconds"`
	Jobs    int               `json:"jobs"`
	Sysctls map[string]string `json:"sysctls,omitempty"` // of a fresh network namespace
	// Seconds is how long each cell took, by matrix, in the order of its Cells; they
	// are half a million in four bytes each. A matrix may have none.
	Seconds [][]float32 `json:"cell_seconds,omitempty"`
}

// Counts is how many cells came to each verdict.
type Counts struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	Errors  int `json:"errors"`
}

// Sum returns how many cells there are.
func (c Counts) Sum() int { return c.Passed + c.Failed + c.Skipped + c.Errors }

func (c Counts) String() string {
	s := fmt.Sprintf("%d passed, %d failed, %d skipped", c.Passed, c.Failed, c.Skipped)
	switch c.Errors {
	case 0:
	case 1:
		s += ", 1 error"
	default:
		s += fmt.Sprintf(", %d errors", c.Errors)
	}
	return s
}

// Report is a whole run.
type Report struct {
	Environment Environment `json:"environment"`
	Digest      string      `json:"digest"` // of Matrices alone, see DigestOf
	Counts      Counts      `json:"counts"`
	Matrices    []Matrix    `json:"topologies"`
}

// NewReport counts and digests the matrices of a run.
func NewReport(env Environment, matrices []Matrix) Report {
	r := Report{Environment: env, Digest: DigestOf(matrices), Matrices: matrices}
	for _, m := range matrices {
		for _, c := range m.Cells {
			switch c.Verdict {
			case Pass:
				r.Counts.Passed++
			case Fail:
				r.Counts.Failed++
			case Skip:
				r.Counts.Skipped++
			case Error:
				r.Counts.Errors++
			}
		}
	}
	return r
}
