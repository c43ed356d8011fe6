package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/process"
	"labrun/lab/question"
	"labrun/lab/world"
)

// byProcess has a process make the call of a step.
//
// A connect that waits is asked about each BlockedLimit, unless the file bounds it: it is
// given up as soon as the state of the lab says that no answer can come before
// DefaultLimit has passed. Its limit counts then as BlockedLimit, whenever that was
// seen. To call connect once more is to go on with the wait (inet_stream_connect in
// net/ipv4/af_inet.c, SS_CONNECTING).
func (c *cell) byProcess(ctx context.Context, p *process.Process, s *question.Step, args process.Args) (g got, err error) {
	if !c.asksAboutWait(s, args) {
		g.Answer, g.addr, err = c.reply(ctx, p, args)
		return g, err
	}
	for deadline := time.Now().Add(args.Limit); ; {
		left := time.Until(deadline)
		args.Limit = min(max(left, 0), lab.BlockedLimit)
		if g.Answer, g.addr, err = c.reply(ctx, p, args); err != nil || g.Outcome != lab.Blocked {
			return g, err
		}
		if g.why, err = c.inVain(ctx, p, s); err != nil {
			return g, err
		}
		if g.why != "" {
			g.limit = lab.BlockedLimit
			return g, nil
		}
		if left <= lab.BlockedLimit {
			return g, nil
		}
	}
}

// asksAboutWait reports whether byProcess asks about a connect: not where an experiment has a
// time-out of its own, which would begin again each time.
func (c *cell) asksAboutWait(s *question.Step, args process.Args) bool {
	setsTimeout := func(s *question.Step) bool {
		return s.Call.Name == "setsockopt" && strings.HasPrefix(s.Call.Args[1].String(), "SO_SNDTIMEO")
	}
	return !slices.ContainsFunc(c.steps, setsTimeout) && s.Call.Name == "connect" && s.Limit == 0 && args.Limit > lab.BlockedLimit && args.Addr.IsValid()
}

// inVain says why nothing can answer a connect that waits, "" when something may. Only
// where all of this is so, no answer can come:
//
//   - Every listener at the address has its accept queue full, so the kernel drops each
//     SYN without a word (tcp_conn_request). Only accept makes room, and a process that
//     would call it has no turn before the step has its answer; a program might.
//   - The SYN gets that far: the host is the caller's own, or a neighbour whose MAC
//     address is known (EHOSTUNREACH would take 3 s), and no step changes that.
//   - The kernel does not give up by itself in time, with ETIMEDOUT: that takes as many
//     time-outs as net.ipv4.tcp_syn_retries says and one more, of 1 s at least
//     (tcp_write_timeout), unless an option of the socket has it otherwise.
func (c *cell) inVain(ctx context.Context, p *process.Process, s *question.Step) (string, error) {
	if !c.keepsAddresses() || slices.ContainsFunc(c.steps, func(s *question.Step) bool { return endsConnect(s.Call) }) {
		return "", nil
	}
	who := s.Process
	name := string(s.Call.Args[0].(lab.Sock))
	own, err := p.Owns(ctx, name)
	if err != nil || own.Protocol != "tcp" && own.Protocol != "tcp6" {
		return "", err
	}
	_, all, err := c.list("")
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all, func(s hostSocket) bool { return s.host == who.Host && s.Inode == own.Inode && s.State == "SYN_SENT" })
	if i < 0 || c.unanswered(world.Unmapped(all[i].Remote).Addr()) || !c.isStill(all[i], all) {
		return "", nil
	}
	to := world.Unmapped(all[i].Remote)
	if reached, err := c.reaches(who.Host, to.Addr()); err != nil || !reached {
		return "", err
	}
	const retries = "net.ipv4.tcp_syn_retries" // of IPv6, too
	value, err := c.lab.Host(who.Host).ReadSysctl(retries)
	if errors.Is(err, fabric.ErrNoSysctl) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if n, err := strconv.Atoi(value); err != nil || time.Duration(n+1)*time.Second <= lab.DefaultLimit {
		return "", err
	}
	return fmt.Sprintf("the accept queue of %s is full, and nothing accepts before this step has its answer", c.name(to, who.Host)), nil
}

// endsConnect reports whether a call may have the kernel give a connect up at a time of
// its own: by an option that does so, or one that labrun does not know.
func endsConnect(call lab.Call) bool {
	if call.Name != "setsockopt" {
		return false
	}
	name := call.Args[1].String()
	_, known := lab.OptionOf(name)
	return !known || slices.Contains([]string{"SO_SNDTIMEO", "TCP_SYNCNT", "TCP_USER_TIMEOUT"}, name)
}
