package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Verdict is what a cell comes to.
type Verdict string

// The verdicts. Fail is the kernel's (it answers something else than the file
// says), Error is labrun's (it could not ask).
const (
	Pass  Verdict = "pass"
	Fail  Verdict = "fail"
	Skip  Verdict = "skip"
	Error Verdict = "error"
)

// Cell is one experiment in one host.
type Cell struct {
	Experiment string       `json:"experiment"`
	Host       string       `json:"host"`
	Verdict    Verdict      `json:"verdict"`
	Reason     string       `json:"reason,omitempty"` // of a skip or an error
	Steps      []StepResult `json:"steps"`            // those that ran; of a failed cell the last one is the red one
}

// StepResult is a step that ran. Addresses in it go by the names that they have
// in the file, and a port that the kernel chose is "$name" where the file keeps
// it and "ephemeral" elsewhere: the same words on every run.
type StepResult struct {
	Line    int      `json:"line"`
	Process string   `json:"process"`
	Call    string   `json:"call"`
	Want    string   `json:"want"`
	Got     string   `json:"got"`
	Match   bool     `json:"match"`
	Holders []Holder `json:"holders,omitempty"` // of a red step: the sockets at its ports
}

// Red reports whether the kernel answered something else than was wanted.
func (r StepResult) Red() bool { return !r.Match }

// Holder is a socket that held a port when a step failed.
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
}

func (h Holder) String() string {
	s := fmt.Sprintf("%s %s %s", h.Protocol, h.State, h.Local)
	if h.Remote != "" {
		s += " -> " + h.Remote
	}
	if h.V6Only {
		s += " v6only"
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
	Name  string `json:"name"`
	Doc   string `json:"doc,omitempty"`
	Claim string `json:"claim,omitempty"` // as the file writes it: "SEED 2", "not SEED 2"
	Line  int    `json:"line"`
}

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
	File   string        `json:"file"`
	Name   string        `json:"name"`
	Doc    string        `json:"doc,omitempty"`
	Hosts  []string      `json:"hosts"`
	Rows   []Row         `json:"rows"`
	Cells  []Cell        `json:"cells"` // row by row, in the order of Hosts
	Claims []ClaimResult `json:"claims,omitempty"`
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
}

// Counts is how many cells came to each verdict.
type Counts struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	Errors  int `json:"errors"`
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

// DigestOf names the outcome of a run: equal digests mean that the same calls of
// the same cells got the same answers. Where they stand in which file does not
// count, nor do its comments and docs, nor the evidence about red cells.
func DigestOf(matrices []Matrix) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, m := range matrices {
		for _, c := range m.Cells {
			// Strings always encode, and a hash takes every write.
			_ = enc.Encode([]string{m.Name, c.Experiment, c.Host, string(c.Verdict)})
			for _, s := range c.Steps {
				_ = enc.Encode([]string{s.Process, s.Call, s.Want, s.Got})
			}
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
