package lab

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// DefaultLimit is how long a call may take before it answers "blocked", where its
// step says nothing else. It is above the 3 s after which the kernel answers
// EHOSTUNREACH for an address that nobody has: three requests, one each second
// (mcast_solicit and retrans_time_ms of arp(7), neigh_timer_handler).
const DefaultLimit = 5 * time.Second

// BlockedLimit is DefaultLimit's like where the step wants just that, and the call is
// one that no answer of the network ends with an errno: its Signature does not say
// Hears. It is also that of a connect which nothing in the lab can answer, see
// Snapshot.Limit.
const BlockedLimit = time.Second

// Experiment is a list of steps with the answers expected: one row of the matrix,
// or with axes a family of rows, one for each combination of their values.
type Experiment struct {
	Name  string
	Doc   string
	Claim ClaimRef // zero when it tests none
	Hosts []string // the hosts whose columns it has; empty means every host
	// Needs are the kernels that it is about, as conditions without answers: on all others its
	// cells are skipped.
	Needs  []WantRule
	Users  []ProcessUser
	Axes   []Axis
	Combos []Combo // the combinations that run, in order; of an experiment without axes the one Combo 0
	Slots  []Slot
	Pos    Pos
}

// Lacks says what a kernel lacks for the experiment, "" when it has all of it.
func (e *Experiment) Lacks(k Kernel) string {
	for _, n := range e.Needs {
		if n.Holds(k) {
			continue
		}
		if n.Has != nil && len(n.On) == 0 {
			has := map[bool]string{false: "lacks it", true: "has it"}[n.Has.Not]
			return fmt.Sprintf("the experiment needs %s, and this kernel %s", n.Has, has)
		}
		if !k.Version.IsLinux() {
			return fmt.Sprintf("the experiment needs%s, and this kernel is not Linux", n.versions())
		}
		return fmt.Sprintf("the experiment needs%s, and this is %s", n.versions(), k.Version)
	}
	return ""
}

// ClaimRef says what a passing experiment means for a claim.
type ClaimRef struct {
	Name    string // the Claim's name
	Against bool   // "not NAME" in the file: a pass speaks against the claim
	When    string // the circumstances, as a clause: "the first connection is in TIME_WAIT"
}

// String writes the reference as a file does: "SEED 2", or "not SEED 2". No claim's name
// begins so.
func (c ClaimRef) String() string {
	if c.Against {
		return "not " + c.Name
	}
	return c.Name
}

// ParseClaimRef reads what String writes.
func ParseClaimRef(text string) ClaimRef {
	name, against := strings.CutPrefix(text, "not ")
	return ClaimRef{Name: name, Against: against}
}

// ProcessUser makes a process run as somebody else, with the capabilities that
// a login would have: none, or those named.
type ProcessUser struct {
	Process      Process
	User         uint32   // uid and gid alike
	Capabilities []string // that it keeps, capabilities(7): CAP_NET_BIND_SERVICE
	Pos          Pos
}

// Process names a process of an experiment.
type Process struct {
	Host string // "" for the subject, "peer", or a host's name
	Name string // "main" where the file says nothing
}

func (p Process) String() string {
	if p.Host == "" {
		return p.Name
	}
	return p.Host + "/" + p.Name
}

// Step is one call by one process, or one program, and the answer it must get.
type Step struct {
	Process Process
	Call    Call
	Run     *Run // a real program; Call is only its words then
	Want    Want
	// Pending is the name of a call in the background: the step is over once the call has ended or waits
	// in the kernel, and answer() gets what it answers. "" is a call that is waited for.
	Pending string
	// Held is a call in the background that waits for the next together(), and is made then.
	Held  bool
	Limit time.Duration // 0 means DefaultLimit, or BlockedLimit
	Until time.Duration // not 0: make the call again until it answers so, for that long
	Shown bool          // its answer comes from the experiment's "want:", and is what a grid shows
	// Sender has its answer say who sent it though no answer asks for that, as strace prints it: what a person types.
	Sender bool
	Pos    Pos
}

// RunsOn reports whether the experiment has a cell in the column of that host.
func (e *Experiment) RunsOn(host string) bool {
	return len(e.Hosts) == 0 || slices.Contains(e.Hosts, host)
}

// Steps returns every step of every combination, each once.
func (e *Experiment) Steps() iter.Seq[*Step] {
	return func(yield func(*Step) bool) {
		for _, slot := range e.Slots {
			for _, steps := range slot.Variants {
				for i := range steps {
					if !yield(&steps[i]) {
						return
					}
				}
			}
		}
	}
}

// Ports returns the port numbers that the steps name, sorted, 0 left out.
// A port that appears in an answer and not here was chosen by the kernel.
func (e *Experiment) Ports() []uint16 {
	var ports []uint16
	add := func(args []Arg) {
		for a := range AddrsIn(args...) {
			if a.Port.Number != 0 && a.Port.To == 0 {
				ports = append(ports, a.Port.Number)
			}
		}
	}
	for s := range e.Steps() {
		add(s.Call.Args)
		for a := range s.answers() {
			add(a.Parts())
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// HostsUsed returns the names of the hosts that the experiment needs when it
// runs on the subject, in the order of the file: the subject, the hosts of its
// processes, those whose addresses it names, by alias or literally, the routers that their
// routes lead over, and those at the other ends of their cables. A program may dial any host, so with one all are
// needed.
func (e *Experiment) HostsUsed(l *Layout, subject string) []string {
	used := map[string]bool{subject: true}
	all := false
	add := func(args []Arg) {
		names := []string{}
		for a := range AddrsIn(args...) {
			names = append(names, a.hosts(l, subject)...)
		}
		for _, a := range args {
			if spec, ok := a.(Spec); ok {
				names = append(names, spec.hosts(l, subject)...)
			}
		}
		for _, h := range names {
			used[h] = true
		}
	}
	for s := range e.Steps() {
		all = all || s.Run != nil
		used[l.HostOf(s.Process.Host, subject)] = true
		add(s.Call.Args)
		for a := range s.answers() {
			add(a.Parts())
		}
	}
	l.AddGateways(used)
	l.AddCabled(used)
	var names []string
	for _, h := range l.Hosts {
		if all || used[h.Name] {
			names = append(names, h.Name)
		}
	}
	return names
}

// answers are those that will do, of all kernels.
func (s *Step) answers() iter.Seq[Answer] {
	return func(yield func(Answer) bool) {
		for _, r := range s.Want {
			for _, a := range r.Answer.All() {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// LimitOr returns the step's limit, or DefaultLimit.
func (s Step) LimitOr() time.Duration { return cmp.Or(s.Limit, DefaultLimit) }

// LimitFor returns how long the step's call may take when it should answer so.
func (s *Step) LimitFor(want Answer) time.Duration {
	if sig, _ := SignatureOf(s.Call.Name); s.Run == nil && want.May(Blocked) && !sig.Hears {
		return cmp.Or(s.Limit, BlockedLimit)
	}
	return s.LimitOr()
}

// Open reports whether the file leaves the step's answer open: it says "?", one of several, or no
// value where the call answers one. asked reports whether a report shows that answer:
// not the number of bytes that went out.
func (s *Step) Open(want Answer) (open, asked bool) {
	if s.Run != nil || s.Pending != "" {
		return false, false
	}
	switch want.Outcome {
	case Unasked:
		return true, true
	case Either: // which of them it is may depend on what the kernel leaves open
		return true, false
	}
	sig, _ := SignatureOf(s.Call.Name)
	reads := sig.Reads(len(s.Call.Args)) && sig.Answers != KindAnswer // a world demands the value of that
	if sig.Name == "ioctl" && len(s.Call.Args) == 3 {
		// About a link it asks, about the socket it sets.
		_, sets := s.Call.Args[2].(Int)
		reads = !sets
	}
	open = reads && want.Outcome == OK && want.Value == nil && (sig.Name != "recvmsg" || s.Call.Makes == "")
	return open, open && !sig.Counts
}

// Waits returns how long the step's call may wait; 0 is a call that does not.
func (s *Step) Waits(want Answer) time.Duration {
	if s.Pending != "" {
		return 0
	}
	if sig, _ := SignatureOf(s.Call.Name); s.Run != nil || sig.Waits {
		return s.LimitFor(want)
	}
	return 0
}
