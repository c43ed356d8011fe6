package local

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/process"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/sys"
)

// stepped is a step that was carried out.
type stepped struct {
	answer string // "" when there was none
	red    bool
	result.Snapshot
}

// step carries out one step and judges the answer. Where it is an errno, or red, it
// finds the sockets that explain it.
func (c *cell) step(ctx context.Context, s *question.Step) (done stepped, err error) {
	want := s.On(c.on)
	g, matched, err := c.ask(ctx, s, want)
	if cut := (*cutError)(nil); errors.As(err, &cut) {
		if s = cut.step; s == nil { // the cell's name says enough, and any call may be the wrong one
			return done, err
		}
	}
	if err != nil {
		return done, fmt.Errorf("%s: %s: %w", c.q.Place(s), s.Call, err)
	}
	if matched {
		want, _ = c.match(want, g)
		c.keepName(want, g)
	}
	for _, who := range c.born { // what the step has woken is to be over it before the next one
		if err := c.processes[who].Rest(ctx); err != nil {
			return done, err
		}
	}
	if sig, _ := lab.SignatureOf(s.Call.Name); s.Run != nil || sig.By == lab.ByHost && sig.Touches {
		clear(c.stuck) // what nothing came for may come now
	}
	done.answer = c.answer(g, s.Process.Host)
	defer func() { done.Output = c.printed(s) }() // also of a red step, which gets another Snapshot
	done.Limit = g.limit.Seconds()
	if !matched {
		if err := c.notTheKernel(ctx, s, g, done.answer); err != nil {
			return done, err
		}
		done.red = true
		done.Snapshot, err = c.explainer(s, g).explain(ctx)
		return done, err
	}
	c.keep(want, g)
	if s.Run != nil || s.Call.Name == "together" && want.Answer.Outcome != lab.Unasked {
		done.answer = want.Answer.String() // what a program prints may differ where nobody looks
	}
	if c.evidence && g.Outcome == lab.Failed {
		if done.Sockets, err = c.explainer(s, g).snapshot(ctx); err == nil {
			done.Sockets = c.stableOnly(done.Sockets)
		}
	}
	return done, err
}

// tellsSyscalls is asked once: it is the kernel's configuration.
var tellsSyscalls = sync.OnceValue(sys.TellsSyscalls)

// notTheKernel returns an error when the answer of a red step says nothing about the
// kernel's rules: the machine is short of something, or the kernel lacks it.
func (c *cell) notTheKernel(ctx context.Context, s *question.Step, g got, answer string) error {
	if exhausted(g) {
		return fmt.Errorf("%s: %s: out of resources (%s): raise the limit, or use a smaller -j", c.q.Place(s), s.Call,
			answer)
	}
	lacks, err := c.lacks(ctx, s, g)
	if err == nil && lacks != "" {
		err = errSkip(fmt.Sprintf("%s: %s: %s answers %s", c.q.Place(s), lacks, s.Call, answer))
	}
	return err
}

// ask makes the call of a step, again when that is asked for, and reports whether
// the answer is the one wanted. A last call begins when the time is over, since an answer may
// be old when it comes; one that has itself waited beyond the end is as good.
func (c *cell) ask(ctx context.Context, s *question.Step, want question.Want) (got, bool, error) {
	deadline := time.Now().Add(c.slowed(s.Until, want.Answer))
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		began := time.Now()
		last := began.After(deadline)
		g, err := c.call(ctx, s, want)
		if err != nil {
			return g, false, err
		}
		_, matched := c.match(want, g)
		if s.Run != nil {
			matched = c.programMatches(s, g)
		}
		waited := time.Since(began) > longCall && time.Now().After(deadline)
		if matched || s.Until == 0 || last || waited {
			return g, matched, nil
		}
		select {
		case <-ctx.Done():
			return g, false, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// longCall is more than a busy machine takes over a call that does not wait.
const longCall = 500 * time.Millisecond

// performer makes the call of a step.
type performer func(ctx context.Context, c *cell, s *question.Step, want question.Want) (got, error)

// performers are the calls of lab.Signatures that no process makes by itself.
var performers = map[string]performer{
	"fork": fork,
	"exit": exit,
	"kill": kill,
	"wait": wait,

	"together": together,

	"pidfd_getfd": takeSocket,
	"sockets":     sockets,
	"sysctl":      sysctl,
	"addr_add": onHost(func(h *fabric.Host, args []lab.Arg) error {
		return h.AddAddress(word(args, 0), netip.Prefix(args[1].(lab.Prefix)), word(args, 2))
	}),
	"addr_del": onHost(func(h *fabric.Host, args []lab.Arg) error {
		return h.DelAddress(word(args, 0), netip.Prefix(args[1].(lab.Prefix)))
	}),
	"route_add": change("route", "add"),
	"route_del": change("route", "del"),
	"rule_add":  change("rule", "add"),
	"rule_del":  change("rule", "del"),
	"neigh_add": change("neighbour", "add"),
	"neigh_del": change("neighbour", "del"),
	"route":     reading((*fabric.Host).Route),
	"neigh":     reading((*fabric.Host).Neighbour),
	"ping":      ping,
	"link_up":   onHost(func(h *fabric.Host, args []lab.Arg) error { return h.SetLink(word(args, 0), true) }),
	"link_down": onHost(func(h *fabric.Host, args []lab.Arg) error { return h.SetLink(word(args, 0), false) }),
	"link_mtu": onHost(func(h *fabric.Host, args []lab.Arg) error {
		return h.SetMTU(word(args, 0), int(args[1].(lab.Int)))
	}),
	"link_add": func(_ context.Context, c *cell, s *question.Step, _ question.Want) (got, error) {
		return c.refused(s, c.lab.Host(s.Process.Host).AddLink(word(s.Call.Args, 0), s.Spec))
	},
	"link_del":    onHost(func(h *fabric.Host, args []lab.Arg) error { return h.DelLink(word(args, 0)) }),
	"link_master": onHost(func(h *fabric.Host, args []lab.Arg) error { return h.SetMaster(word(args, 0), word(args, 1)) }),
}

// call makes the call of a step.
func (c *cell) call(ctx context.Context, s *question.Step, want question.Want) (got, error) {
	if s.Run != nil {
		return c.program(ctx, s.Process, s)
	}
	if perform, ok := performers[s.Call.Name]; ok {
		return perform(ctx, c, s, want)
	}
	p, err := c.caller(s)
	if err != nil {
		return got{}, err
	}
	args, err := c.args(s, want.Answer)
	if err != nil {
		return got{}, err
	}
	if s.Pending != "" {
		if !tellsSyscalls() {
			return got{}, errSkip(c.q.Place(s) + ": a call in the background needs to be seen waiting, and this kernel does " +
				"not tell (CONFIG_HAVE_ARCH_TRACEHOOK)")
		}
		args.Sender, args.With = c.isAsked(s)
		g := got{Answer: lab.Answer{Outcome: lab.OK}}
		if s.Held {
			return g, c.hold(ctx, p, s, args)
		}
		return g, p.Begin(ctx, s.Pending, args, nil)
	}
	g, err := c.byProcess(ctx, p, s, args)
	if sent, ok := g.From.(lab.Signallers); ok {
		g.From = c.signallers(sent, s.Process.Host, want.Answer)
	}
	if s.Sender && g.From == lab.Unspec { // of a stream, and of a socket without a name, strace prints none
		g.From = nil
	}
	if err == nil && s.Call.Name == "bind" && g.Outcome == lab.OK {
		err = c.keepChoice(ctx, p, s)
	}
	_, text := g.Value.(lab.Text)
	sig, _ := lab.SignatureOf(s.Call.Name)
	g.unix = text && sig.Answers == lab.KindAddr
	if err == nil && s.Call.Makes != "" {
		c.recordMade(madeBy{s.Process, s.Call.Makes}, s, g)
	}
	return g, err
}

// isAsked reports whether a later step asks who sent what a call in the background answers, and what came
// along: that is part of the call.
func (c *cell) isAsked(call *question.Step) (sender, with bool) {
	for _, s := range c.steps[c.at+1:] {
		if s.Call.Name != "answer" || s.Process != call.Process || s.Call.Args[0] != lab.Arg(lab.Pending(call.Pending)) {
			continue
		}
		for _, a := range s.On(c.on).Answer.All() {
			sender, with = sender || a.From != nil, with || a.With != nil
		}
	}
	return sender, with
}

// signallers writes who sent signals to a process on a host by the names of processes there, and not by their numbers.
// Users that no answer asks for are left out: they are those of the machine where no file says who they are.
func (c *cell) signallers(sent lab.Signallers, host string, want lab.Answer) lab.Signallers {
	names := strings.Split(sent.Names, "|")
	for i, number := range names {
		if number == lab.SentByKernel {
			continue
		}
		names[i] = lab.SentByOther
		for who, p := range c.processes {
			if who.Host == host && strconv.Itoa(p.PID()) == number {
				names[i] = who.Name
			}
		}
	}
	var users []string
	if slices.ContainsFunc(want.All(), func(a lab.Answer) bool {
		from, ok := a.From.(lab.Signallers)
		return ok && from.Users != ""
	}) {
		users = strings.Split(sent.Users, "|")
	}
	return lab.SignallersOf(names, users)
}

// keepChoice stores the port that the kernel chose in a bind to x:$p, where $p stood for none.
func (c *cell) keepChoice(ctx context.Context, p *process.Process, s *question.Step) error {
	a, ok := s.Call.Args[1].(lab.Addr)
	if _, known := c.ports[a.Port.Var]; !ok || a.Port.Var == "" || known {
		return nil
	}
	_, addr, err := p.Call(ctx, process.Args{Call: lab.Call{Name: "getsockname", Args: s.Call.Args[:1]}})
	if err == nil {
		c.ports[a.Port.Var] = addr.Port()
	}
	return err
}

// caller returns the process that a step names.
func (c *cell) caller(s *question.Step) (*process.Process, error) {
	p := c.processes[s.Process]
	if p == nil {
		return nil, fmt.Errorf("process %s does not exist", s.Process)
	}
	return p, nil
}

// exit ends the process.
func exit(ctx context.Context, c *cell, s *question.Step, _ question.Want) (g got, err error) {
	p, err := c.caller(s)
	if err != nil {
		return got{}, err
	}
	status := 0
	if len(s.Call.Args) > 0 {
		status = int(s.Call.Args[0].(lab.Int))
	}
	g.Answer, err = p.Exit(ctx, status)
	return g, err
}

// kill ends another process or program of the host, or sends it a signal.
func kill(ctx context.Context, c *cell, s *question.Step, _ question.Want) (g got, err error) {
	p, err := c.caller(s)
	if err != nil {
		return got{}, err
	}
	name := childOf(s)
	signal := "SIGKILL"
	if len(s.Call.Args) > 1 {
		signal = s.Call.Args[1].String()
	}
	if program := c.programs[name]; program != nil {
		g.Answer, err = program.Kill(signal)
		return g, err
	}
	victim := c.processes[name]
	if victim == nil {
		return got{}, fmt.Errorf("process %s does not exist", name)
	}
	g.Answer, err = p.Kill(ctx, victim, signal)
	return g, err
}

// fork makes a child of the process.
func fork(ctx context.Context, c *cell, s *question.Step, _ question.Want) (got, error) {
	p, err := c.caller(s)
	if err != nil {
		return got{}, err
	}
	child := childOf(s)
	var only []string // nil is all of them
	for _, a := range s.Call.Args[1:] {
		only = append(only, a.String())
	}
	q, answer, err := c.group.Fork(ctx, p, child.String(), only)
	if err != nil {
		return got{}, err
	}
	c.add(child, q)
	for m, why := range c.made { // what its parent does not have, it has not either
		if m.process == s.Process {
			c.made[madeBy{child, m.sock}] = why
		}
	}
	return got{Answer: answer}, nil
}

// exhausted reports whether the answer tells of a shortage, getrlimit(2), and
// nothing of the rules that a file asks about.
func exhausted(g got) bool {
	return slices.Contains([]string{"EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"}, g.Errno)
}
