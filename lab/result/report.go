package result

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Environment is all that may differ between two runs of one file without a
// difference in what was found.
type Environment struct {
	Labrun  string       `json:"labrun"`  // version of this program
	Kernels []KernelInfo `json:"kernels"` // that the columns name; a single one has no name
	Started time.Time    `json:"started"`
	Elapsed float64      `json:"elapsed_seconds"`
	Jobs    int          `json:"jobs"`
	// Shard says which share of a run the report has: it is a part. nil is all of it.
	Shard *Shard `json:"shard,omitempty"`
	// Machines are what a report was merged of, part by part.
	Machines []Machine `json:"machines,omitempty"`
	// Seconds is how long each cell took, by matrix, in the order of its Cells; they
	// are half a million in four bytes each. A matrix may have none.
	Seconds [][]float32 `json:"cell_seconds,omitempty"`
}

// String says in a line what was asked, by which program, and which part of a run it is: its cells may all have passed
// and others of the run not have been asked.
func (e *Environment) String() string {
	var words []string
	for _, k := range e.Kernels {
		system := "linux"
		if k.isGVisor() { // whose release is one of Linux, for programs that look for a feature by it
			system = "gVisor, linux"
		}
		// A kernel that could not be had is of no machine.
		words = append(words, strings.TrimSpace(fmt.Sprintf("%s %s %s", system, k.Release, k.Machine)))
	}
	return e.line(words...)
}

// Short is String with a count of the kernels, for a report of several that has a line for each.
func (e *Environment) Short() string { return e.line(fmt.Sprintf("%d kernels", len(e.Kernels))) }

// line ends a line about kernels.
func (e *Environment) line(kernels ...string) string {
	words := append(kernels, "labrun "+e.Labrun)
	words = append(words, e.Users()...)
	if e.Shard != nil {
		words = append(words, "part "+e.Shard.String())
	}
	return strings.Join(words, ", ")
}

// Users says as whom the kernels were asked, each once.
func (e *Environment) Users() []string {
	var users []string
	for _, k := range e.Kernels {
		if !slices.Contains(users, k.User) {
			users = append(users, k.User)
		}
	}
	return users
}

// Kernel returns the kernel that columns call so; it is zero when there is none.
func (e *Environment) Kernel(name string) KernelInfo {
	for _, k := range e.Kernels {
		if k.Name == name {
			return k
		}
	}
	return KernelInfo{}
}

// KernelInfo describes a kernel that was asked. The answers depend on more than its
// release: on the parameters that it gives a new network namespace, and on what the
// caller may do there.
type KernelInfo struct {
	Name    string            `json:"name"`              // as a Column has it
	Release string            `json:"kernel"`            // uname(2)
	Version string            `json:"version,omitempty"` // Debian's release 6.1.0-50 is a 6.1.176
	Machine string            `json:"machine"`           // architecture, uname(2)
	User    string            `json:"user"`              // "root" or "user namespace"
	Sysctls map[string]string `json:"sysctls,omitempty"` // of a fresh network namespace
}

// Setting names something of the kernel, as a line about the environment does: of the
// only kernel "machine", of one of several "machine (6.1)".
func (k *KernelInfo) Setting(name string) string {
	if k.Name == "" {
		return name
	}
	return name + " (" + k.Name + ")"
}

// Differs says in what another kernel is not the same for answers to stand in one column, one line each.
func (k *KernelInfo) Differs(other *KernelInfo) []string {
	var all []string
	for _, c := range []struct{ name, a, b string }{
		{"kernel", k.Release, other.Release}, {"machine", k.Machine, other.Machine}, {"user", k.User, other.User},
	} {
		if c.a != c.b {
			all = append(all, fmt.Sprintf("%s %q and %q", c.name, c.a, c.b))
		}
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(k.Sysctls)), maps.Keys(other.Sysctls))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		a, hasA := k.Sysctls[name]
		b, hasB := other.Sysctls[name]
		if a != b || hasA != hasB {
			all = append(all, fmt.Sprintf("%s %q and %q", name, a, b))
		}
	}
	return all
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

// Of returns how many cells came to one of the verdicts.
func (c *Counts) Of(v Verdict) int { return *c.of(v) }

func (c *Counts) of(v Verdict) *int {
	return [...]*int{&c.Passed, &c.Failed, &c.Skipped, &c.Errors}[v]
}

// Count counts a cell.
func (c *Counts) Count(v Verdict) { *c.of(v)++ }

// Add counts the cells of other counts.
func (c *Counts) Add(other Counts) {
	for _, v := range Verdicts {
		*c.of(v) += other.Of(v)
	}
}

// CountsOf counts cells.
func CountsOf(cells []Cell) Counts {
	var c Counts
	for i := range cells {
		c.Count(cells[i].Verdict)
	}
	return c
}

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
	Environment Environment    `json:"environment"`
	Digest      string         `json:"digest"` // of Matrices alone, see DigestOf
	Counts      Counts         `json:"counts"`
	Kernels     []KernelResult `json:"by_kernel,omitempty"` // of several, by their versions; nil when there is one
	Changes     []Change       `json:"changes,omitempty"`   // between those, see ChangesOf
	Matrices    []Matrix       `json:"topologies"`
}

// SecondsOf returns how long each cell of a matrix took; nil unless that is known of all.
func (r *Report) SecondsOf(matrix int) []float32 {
	all := r.Environment.Seconds
	if matrix >= len(all) || len(all[matrix]) != len(r.Matrices[matrix].Cells) {
		return nil
	}
	return all[matrix]
}

// Recount returns the report with the counts, digest and claims of its cells, whatever it
// says of them: it may have been edited.
func (r Report) Recount() Report {
	matrices := slices.Clone(r.Matrices)
	for i := range matrices {
		matrices[i].Claims = slices.Clone(matrices[i].Claims)
		matrices[i].Settle()
	}
	return NewReport(r.Environment, matrices)
}

// NewReport counts and digests the matrices of a run.
func NewReport(env Environment, matrices []Matrix) Report {
	r := Report{Environment: env, Digest: DigestOf(matrices), Matrices: matrices}
	for i := range matrices {
		r.Counts.Add(CountsOf(matrices[i].Cells))
	}
	return r.ByKernel()
}
