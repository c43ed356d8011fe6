// Package question resolves the names of an experiment: what it asks a kernel in a host
// is a plain value, the same on every machine, and says everything that is needed to
// answer it. A kernel has no use for the topology then, and may be another one than the
// machine's.
package question

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"labrun/lab"
	"labrun/lab/plan"
)

// Question is the cells of an experiment in one host: what to build, which processes
// there are, what they call, and what the answers should be.
//
// All combinations of the axes stand in one question, since their steps are mostly the same: the
// cells of a large matrix are a number each (lab.Combo), and the steps of one are put together when
// it is asked (StepsOf). The wanted answers are a part of it, because until and sockets(...) wait for
// them, and how long a call may take depends on them.
type Question struct {
	Experiment string
	Host       string      // the subject
	File       string      // of the topology, as it was named; programs begin in its folder, reasons name it
	Layout     *lab.Layout // all hosts, by which addresses have names; shared by questions of a topology
	Hosts      []string    // that the plan builds, in the order of the file
	Plan       plan.Plan
	Processes  []Process // that a step names, in the order in which they do
	Ports      []uint16  // that the steps name, sorted: any other one was chosen by the kernel
	// Kept are the ports that the plan keeps from the kernel's choice, by host: see plan.Kept.
	Kept   map[string][]uint16
	Axes   []lab.Axis
	Slots  []Slot
	Combos []lab.Combo
	// Shares says that cells may share a lab: their steps make sockets of the plain
	// kinds and use them, and touch nothing else of a host or of a process. What they
	// left has still to be looked at after every one.
	Shares bool
	// Batch is the process that makes every call, in calls that it can make in a batch;
	// nil when it takes more than that.
	Batch *lab.Process
}

// Place returns where a step stands, as FILE:LINE:COLUMN. A reason that a kernel gives is read
// apart from the file, in a report of several of them.
func (q *Question) Place(s *Step) string {
	at := s.Pos
	at.File = cmp.Or(at.File, q.File)
	return at.String()
}

// Process is what makes calls, or a program. Its user and capabilities stand here and not in a step:
// it has them before its first call.
type Process struct {
	lab.Process          // with the name of its host
	Program     bool     // a step runs it
	Child       bool     // another process forks it
	User        *uint32  // uid and gid; nil is the caller's
	Named       string   // as the file calls one with a user: peer/web
	Keeps       []string // capabilities that it keeps as that user
}

// Slot is a lab.Slot with every name resolved. A variant that several combinations have stands once;
// VariantOf says which of them has which.
type Slot struct {
	Axes      []int
	VariantOf lab.VariantOf `json:"which"`
	Variants  [][]Step
}

// Step is a lab.Step with every name resolved. The call keeps the file's words beside what they stand
// for, since reports quote them and sockets have names rather than numbers.
type Step struct {
	Process lab.Process // with the name of its host
	Call    lab.Call    // as the file writes it
	// Addr is what the address in it stands for, without a port where that is a $name;
	// invalid when there is none.
	Addr  netip.AddrPort
	Inner []netip.Addr  // what those in its control messages stand for, in their order
	Spec  lab.Spec      // what the words of ip(8) in it stand for
	Run   *lab.Run      // a program; Call is only its words then
	Want  []Want        // the first that holds counts
	Limit time.Duration // 0 means lab.DefaultLimit, or lab.BlockedLimit
	Until time.Duration // not 0: make the call again until it answers so, for that long
	// Pending is the name of a call in the background, see lab.Step.
	Pending string
	Held    bool // until together()
	Sender  bool // the answer says who sent it, see lab.Step
	Pos     lab.Pos
}

// Want is a lab.WantRule with the address in its answer resolved.
type Want struct {
	lab.WantRule
	Addr  netip.AddrPort // invalid when it has none, neither as its value nor as the sender
	Inner []netip.Addr   // of its control messages
	Or    []Want         // those of lab.OneOf, without conditions
	Spec  lab.Spec       // what words of ip(8) in it stand for
}

// Of returns what an experiment asks in a host. It depends on its arguments alone, never on the
// machine, and fails only when a name does not resolve in that host.
func Of(t *lab.Topology, e *lab.Experiment, host string) (*Question, error) {
	r := resolver{layout: &t.Layout, host: host}
	q := &Question{
		Experiment: e.Name, Host: host, File: t.File, Layout: &t.Layout, Hosts: e.HostsUsed(&t.Layout, host),
		Ports: e.Ports(), Axes: e.Axes, Combos: e.Combos, Kept: map[string][]uint16{},
	}
	q.Plan = plan.For(&t.Layout, e, q.Hosts...)
	for _, h := range q.Hosts {
		if ports := plan.Kept(e, t.Host(h)); len(ports) > 0 {
			q.Kept[h] = ports
		}
	}
	for i := range e.Slots {
		from := &e.Slots[i]
		slot := Slot{Axes: from.Axes, VariantOf: from.VariantOf, Variants: make([][]Step, len(from.Variants))}
		for v, steps := range from.Variants {
			slot.Variants[v] = make([]Step, len(steps))
			for n := range steps {
				s, err := r.step(&steps[n])
				if err != nil {
					return nil, fmt.Errorf("%s on %s: %s: %w", e.Name, host, steps[n].Call, err)
				}
				slot.Variants[v][n] = s
			}
		}
		q.Slots = append(q.Slots, slot)
	}
	q.Processes = r.processes(q, e.Users)
	q.Shares = shares(q)
	q.Batch = batch(q)
	return q, nil
}

// resolver turns names into what they stand for in cells of a host. Words such as subject, peer and
// x stand for something else in every host, which is why a question is of one.
type resolver struct {
	layout *lab.Layout
	host   string
}

func (r resolver) process(p lab.Process) lab.Process {
	return lab.Process{Host: r.layout.HostOf(p.Host, r.host), Name: p.Name}
}

func (r resolver) step(s *lab.Step) (Step, error) {
	q := Step{Process: r.process(s.Process), Call: s.Call, Run: s.Run, Limit: s.Limit, Until: s.Until, Pos: s.Pos,
		Pending: s.Pending, Held: s.Held, Sender: s.Sender}
	var err error
	if q.Addr, q.Inner, err = r.addrs(s.Call.Args, q.Process.Host); err != nil {
		return q, err
	}
	for _, a := range s.Call.Args {
		if spec, ok := a.(lab.Spec); ok {
			if q.Spec, err = r.spec(spec, q.Process.Host); err != nil {
				return q, err
			}
		}
	}
	for _, rule := range s.Want {
		want, err := r.want(rule, q.Process.Host)
		if err != nil {
			return q, err
		}
		q.Want = append(q.Want, want)
	}
	return q, nil
}

// want resolves an answer to a process on the host at.
func (r resolver) want(rule lab.WantRule, at string) (want Want, err error) {
	want.WantRule = rule
	if spec, ok := rule.Answer.Value.(lab.Spec); ok {
		if want.Spec, err = r.spec(spec, at); err != nil {
			return want, err
		}
	}
	if rule.Answer.Outcome != lab.Either {
		want.Addr, want.Inner, err = r.addrs(rule.Answer.Parts(), at)
		return want, err
	}
	for _, a := range rule.Answer.All() {
		one, err := r.want(lab.WantRule{Answer: a}, at)
		if err != nil {
			return want, err
		}
		want.Or = append(want.Or, one)
		want.Inner = append(want.Inner, one.Inner...)
	}
	return want, nil
}

// addrs resolves the one address among values, and those in control messages. A call has one address
// at most, and so has an answer, since none has both a value that is an address and a sender; of
// control messages there may be several, and each comes back in its place.
func (r resolver) addrs(values []lab.Arg, at string) (one netip.AddrPort, inner []netip.Addr, err error) {
	for _, v := range values {
		addr, err := r.addr(v, at)
		if err != nil {
			return one, nil, err
		}
		if addr.IsValid() {
			one = addr
		}
	}
	for a := range lab.AddrsIn(lab.ControlArgs(values...)...) {
		addr, err := r.addr(a, at)
		if err != nil {
			return one, nil, err
		}
		inner = append(inner, addr.Addr())
	}
	return one, inner, nil
}

// spec resolves the names in words of ip(8).
func (r resolver) spec(s lab.Spec, at string) (lab.Spec, error) {
	return r.layout.ResolveSpec(s, at, r.host, func(host, nic string) (string, bool) {
		return plan.MACOf(r.layout, host, nic)
	})
}

// addr resolves an address in a call by a process on the host at. It is invalid for
// other arguments and for AF_UNSPEC.
func (r resolver) addr(a lab.Arg, at string) (netip.AddrPort, error) {
	addr, ok := a.(lab.Addr)
	if !ok || addr == lab.Unspec {
		return netip.AddrPort{}, nil
	}
	ip, err := r.layout.Resolve(addr, at, r.host)
	return netip.AddrPortFrom(ip, addr.Port.Number), err
}

// processes lists the processes of all combinations, in the order in which steps name them. A user
// of a process that no step of this question names is left out: a kernel that lacks that user can
// answer all the same.
func (r resolver) processes(q *Question, users []lab.ProcessUser) []Process {
	var all []Process
	at := map[lab.Process]int{}
	find := func(p lab.Process) *Process {
		i, ok := at[p]
		if !ok {
			i = len(all)
			at[p] = i
			all = append(all, Process{Process: p})
		}
		return &all[i]
	}
	for s := range q.Steps() {
		switch {
		case s.Run != nil:
			find(s.Process).Program = true
		case s.Call.Name == "fork":
			find(s.Process)
			find(lab.Process{Host: s.Process.Host, Name: string(s.Call.Args[0].(lab.ProcessName))}).Child = true
		case s.ByProcess():
			find(s.Process)
		}
	}
	for i := range users {
		if j, ok := at[r.process(users[i].Process)]; ok {
			p := &all[j]
			p.User, p.Keeps, p.Named = &users[i].User, users[i].Capabilities, users[i].Process.String()
		}
	}
	return all
}

// Steps returns every step of every combination, each once: what the cells of a question have in
// common, such as its processes and whether they share a lab, follows from these.
func (q *Question) Steps() func(func(*Step) bool) {
	return func(yield func(*Step) bool) {
		for _, slot := range q.Slots {
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

// StepsOf returns the steps of a combination, in their order. They are those of the question, which
// other combinations have too: do not change them.
func (q *Question) StepsOf(c lab.Combo) []*Step {
	shape := lab.ShapeOf(q.Axes)
	values := shape.Values(c)
	var steps []*Step
	for i := range q.Slots {
		slot := &q.Slots[i]
		v := slot.VariantOf.At(shape.Index(slot.Axes, values))
		if v < 0 {
			continue
		}
		for n := range slot.Variants[v] {
			steps = append(steps, &slot.Variants[v][n])
		}
	}
	return steps
}

// CellName names the cell of a combination, as --only takes it.
func (q *Question) CellName(c lab.Combo) string { return lab.CellName(q.Experiment, q.Axes, c) }

// UserOf returns as whom a process or program is to run, nil where that is the caller.
func (q *Question) UserOf(p lab.Process) *Process {
	i := slices.IndexFunc(q.Processes, func(all Process) bool { return all.Process == p && all.User != nil })
	if i < 0 {
		return nil
	}
	return &q.Processes[i]
}

// ByProcess reports whether it takes a process to make the step's call.
func (s *Step) ByProcess() bool {
	sig, _ := lab.SignatureOf(s.Call.Name)
	return s.Run == nil && sig.By != lab.ByHost && s.Call.Name != "wait"
}

// NamesPath reports whether the step's call names a file. Names that begin with @ are abstract
// (unix(7)) and go with the network namespace; a path needs a folder of the cell's own.
func (s *Step) NamesPath() bool {
	sig, _ := lab.SignatureOf(s.Call.Name)
	for i, a := range s.Call.Args {
		if text, ok := a.(lab.Text); ok && s.Run == nil &&
			sig.Kind(i).NamesUnix() &&
			text != "" && !strings.HasPrefix(string(text), "@") {
			return true
		}
	}
	return false
}

// On returns the answer that the step is to get from that kernel: the first whose condition holds, and
// ok where none does, as a step without an answer means success.
func (s *Step) On(k lab.Kernel) Want {
	for _, w := range s.Want {
		if w.Holds(k) {
			return w
		}
	}
	return Want{WantRule: lab.WantRule{Answer: lab.Answer{Outcome: lab.OK}}}
}

// LimitFor returns how long the step's call may take when it should answer so.
func (s *Step) LimitFor(want lab.Answer) time.Duration {
	from := lab.Step{Call: s.Call, Run: s.Run, Limit: s.Limit}
	return from.LimitFor(want)
}

// LimitOr returns the step's limit, or lab.DefaultLimit.
func (s *Step) LimitOr() time.Duration { return lab.Step{Limit: s.Limit}.LimitOr() }
