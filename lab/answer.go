package lab

import (
	"fmt"
	"slices"
	"strings"
)

// Outcome is how a call ended.
type Outcome string

// The outcomes of a call.
const (
	OK      Outcome = "ok"      // it succeeded
	Failed  Outcome = "errno"   // it failed with an errno
	Blocked Outcome = "blocked" // it was still waiting when its limit had passed
	Unasked Outcome = "?"       // in a file only: record the answer, expect nothing
	Either  Outcome = "|"       // in a file only: one of several answers, see OneOf
)

// Answer is what a call answers, or what a step expects it to.
type Answer struct {
	Outcome Outcome
	Errno   string // when Failed: EADDRINUSE
	Value   Arg    // when OK and the call answers a value; nil means just ok; when Either OneOf
	// From is who sent it, an Addr or the Text of a name of unix(7), or of signals Signallers: nil when nothing asks,
	// since to ask is another call to the kernel, which then has to name the peer too (do_accept).
	From Arg
	With []Control // what came along with a message, all of it; nil when nothing asks
}

// All returns the answers that will do: a itself, or those of OneOf.
func (a Answer) All() []Answer {
	if several, ok := a.Value.(OneOf); ok {
		return several
	}
	return []Answer{a}
}

// May reports whether one of the answers that will do ends so.
func (a Answer) May(end Outcome) bool {
	return slices.ContainsFunc(a.All(), func(one Answer) bool { return one.Outcome == end })
}

func (a Answer) String() string {
	s := string(a.Outcome)
	switch {
	case a.Outcome == Failed:
		s = a.Errno
	case (a.Outcome == OK || a.Outcome == Either) && a.Value != nil:
		s = a.Value.String()
	}
	if a.From != nil {
		s += " from " + a.From.String()
	}
	if a.With == nil {
		return s
	}
	s += " with"
	for _, c := range a.With {
		s += " " + c.String()
	}
	if len(a.With) == 0 {
		s += " none"
	}
	return s
}

// Want is the answer that a step expects. It may depend on the kernel: the
// first rule whose condition holds counts, and the last rule has none.
//
//	bind(b, any6:80) = ok [EADDRINUSE on linux < 6.2]
type Want []WantRule

// WantRule is an answer and the kernels that give it.
type WantRule struct {
	Answer Answer
	On     []VersionBound // all must hold; empty holds everywhere
	Has    *Feature       // must hold too
	Line   int            // of the experiment's rule that says so; 0 where the step does
}

// Kernel is what conditions ask about.
type Kernel struct {
	Version KernelVersion
	// Has reports whether the kernel has a feature (Not is not looked at); it is
	// found by trying, and nil means that it has none.
	Has func(Feature) bool
}

// Feature is something that a kernel has or lacks, whatever its version says:
// stable kernels take fixes back, and configurations leave things out.
//
//	bind(a, x:0) = ok [EADDRINUSE on no probe shares-ports]
type Feature struct {
	Not  bool
	Kind string // one of FeatureKinds
	Name string // sysctl net.ipv4.tcp_tw_reuse_delay, option IP_LOCAL_PORT_RANGE, socket sctp, probe NAME of the file
}

// FeatureKinds are the kinds of features.
var FeatureKinds = []string{"sysctl", "option", "socket", "probe"}

func (f Feature) String() string {
	s := f.Kind + " " + f.Name
	if f.Not {
		return "no " + s
	}
	return s
}

// On returns the answer expected of that kernel.
func (w Want) On(k Kernel) Answer { return w.Rule(k).Answer }

// Rule returns the rule that holds on that kernel.
func (w Want) Rule(k Kernel) WantRule {
	for _, r := range w {
		if r.Holds(k) {
			return r
		}
	}
	return WantRule{Answer: Answer{Outcome: OK}}
}

// Holds reports whether the rule is about that kernel.
func (r WantRule) Holds(k Kernel) bool {
	for _, b := range r.On {
		if !b.holds(k.Version) {
			return false
		}
	}
	if f := r.Has; f != nil {
		f := Feature{Kind: f.Kind, Name: f.Name}
		if (k.Has != nil && k.Has(f)) == r.Has.Not {
			return false
		}
	}
	return true
}

// String writes w as a file does, the unconditional answer first.
func (w Want) String() string {
	var plain string
	var b strings.Builder
	for _, r := range w {
		if len(r.On) == 0 && r.Has == nil {
			plain = r.Answer.String()
			continue
		}
		fmt.Fprintf(&b, " [%s", r.Answer)
		if len(r.On) > 0 {
			b.WriteString(" on" + r.versions())
		}
		if r.Has != nil {
			fmt.Fprintf(&b, " on %s", r.Has)
		}
		b.WriteString("]")
	}
	return plain + b.String()
}

// versions writes the bounds of a rule as its condition does: " linux >= 6.1 < 6.8".
func (r WantRule) versions() string {
	s := " linux"
	for _, v := range r.On {
		s += " " + v.String()
	}
	return s
}

// KernelVersion is the version of a Linux kernel: 6.18.44. It is zero of one that answers Linux's system calls
// and is not Linux, whatever version it says, as gVisor's, and of one that is not known.
type KernelVersion [3]int

// IsLinux reports whether it is the version of a Linux kernel.
func (k KernelVersion) IsLinux() bool { return k != KernelVersion{} }

func (k KernelVersion) String() string { return fmt.Sprintf("%d.%d.%d", k[0], k[1], k[2]) }

// ParseKernelVersion reads the numbers that a release as uname(2) gives it
// begins with: "6.18.44-fc" is 6.18.44, "6.2" is 6.2.0.
func ParseKernelVersion(release string) (KernelVersion, error) {
	var k KernelVersion
	n, _ := fmt.Sscanf(release, "%d.%d.%d", &k[0], &k[1], &k[2])
	if n < 2 || k[0] < 0 || k[1] < 0 || k[2] < 0 {
		return KernelVersion{}, fmt.Errorf("%q is not a kernel version such as 6.2 or 6.1.32", release)
	}
	return k, nil
}

// KernelVersionOf returns the version of the running kernel from what uname(2)
// says of it. Debian's release keeps the number that its series began with
// ("6.1.0-56-amd64"); what it is made from stands in the version ("#1 SMP
// PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-08-29)").
func KernelVersionOf(release, version string) (KernelVersion, error) {
	if _, debian, ok := strings.Cut(version, " Debian "); ok {
		if k, err := ParseKernelVersion(debian); err == nil {
			return k, nil
		}
	}
	return ParseKernelVersion(release)
}

// Compare is negative when k is older than l, positive when it is newer.
func (k KernelVersion) Compare(l KernelVersion) int {
	for i := range k {
		if k[i] != l[i] {
			return k[i] - l[i]
		}
	}
	return 0
}

// VersionOps are the comparisons that a condition may use.
var VersionOps = []string{"<", "<=", ">", ">=", "=="}

// VersionBound is one bound of a range of kernels: < 6.2.
type VersionBound struct {
	Op      string // one of VersionOps
	Version KernelVersion
}

func (b VersionBound) String() string {
	s := fmt.Sprintf("%s %d.%d", b.Op, b.Version[0], b.Version[1])
	if b.Version[2] != 0 {
		s += fmt.Sprintf(".%d", b.Version[2])
	}
	return s
}

// SomeKernel reports whether there is a version for which all bounds hold, as for > 4 <= 5 and not for <= 4 > 5.
func SomeKernel(bounds []VersionBound) bool {
	// The oldest version within the bounds, if there is one, is where one of them begins, or the first of all.
	oldest := []KernelVersion{{0, 0, 1}}
	for _, b := range bounds {
		next := b.Version
		next[2]++ // > 5.1.3 begins at 5.1.4
		oldest = append(oldest, b.Version, next)
	}
	return slices.ContainsFunc(oldest, func(k KernelVersion) bool {
		return !slices.ContainsFunc(bounds, func(b VersionBound) bool { return !b.holds(k) })
	})
}

// holds reports whether a kernel is within the bound, which no kernel is that is not Linux.
func (b VersionBound) holds(k KernelVersion) bool {
	if !k.IsLinux() {
		return false
	}
	c := k.Compare(b.Version)
	switch b.Op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	}
	return c == 0
}

// GVisor is what takes the place of a version in the name of gVisor's kernel.
const GVisor = "gVisor"
