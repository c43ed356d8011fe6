package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"labrun/lab"
	"labrun/lab/process"
)

// shares reports whether cells of the experiment may share a lab at all: their
// steps make sockets of the plain kinds and use them, and touch nothing else of a
// host or of a process. What they left is still looked at after every one.
func shares(e *lab.Experiment) bool {
	if len(e.Axes) == 0 {
		return false
	}
	datagrams, sends := false, false
	for s := range e.Steps() {
		sig, ok := lab.SignatureOf(s.Call.Name)
		if !ok || sig.Touches || s.Run != nil || !plain(s.Call) {
			return false
		}
		datagrams = datagrams || s.Call.Name == "socket" && strings.HasPrefix(s.Call.Args[0].String(), "udp")
		sends = sends || s.Call.Name == "send" || s.Call.Name == "sendto"
	}
	// A datagram that nobody wants is answered by ICMP, at most so many times a
	// second to one peer: what is left of that is no socket (icmp_ratelimit, icmp(7)).
	return !datagrams || !sends
}

// plainTypes are the sockets that /proc/net/sockstat counts whole.
var plainTypes = []string{"tcp", "udp", "tcp6", "udp6"}

func plain(c lab.Call) bool {
	if c.Name == "socket" && !slices.Contains(plainTypes, c.Args[0].String()) {
		return false
	}
	for i, a := range c.Args {
		switch a := a.(type) {
		case lab.Word:
			// Cookies of TCP fast open are kept beyond the socket, tcp_metrics(8).
			if strings.Contains(string(a), "FASTOPEN") {
				return false
			}
		case lab.Text:
			// A path may stay behind.
			if i == 1 && (c.Name == "bind" || c.Name == "connect") {
				return false
			}
		}
	}
	return true
}

// drain is how long a shared lab may take to become empty: segments that are
// under way between its hosts.
const drain = 50 * time.Millisecond

// isEmpty closes every socket of the processes and reports whether the hosts
// then have none at all, TIME_WAIT and orphans included.
func (s *set) isEmpty(ctx context.Context) (bool, error) {
	deadline := time.Now().Add(drain)
	for {
		tables, err := s.reset(ctx)
		if err != nil {
			return false, err
		}
		empty := true
		for host, t := range tables {
			empty = empty && t == s.fresh[host]
		}
		if empty || time.Now().After(deadline) {
			return empty, nil
		}
		for _, t := range tables {
			if t.TimeWait > 0 {
				return false, nil // for the next 60 s
			}
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(200 * time.Microsecond):
		}
	}
}

// reset closes the sockets of every process, and says what each host has left.
func (s *set) reset(ctx context.Context) (map[string]process.Table, error) {
	tables := map[string]process.Table{}
	for _, who := range s.born {
		t, err := s.processes[who].Reset(ctx)
		if err != nil {
			return nil, err
		}
		tables[who.Host] = t
	}
	return tables, nil
}

// measure notes what the hosts have before the first cell: sockets of labrun's
// own. Those that built the lab are closed, but the kernel takes a while to put
// them away (netlink_release defers it to RCU), and nobody may take one of them
// for what a cell has left.
func (s *set) measure(ctx context.Context) error {
	for _, who := range s.born {
		if _, err := s.lab.Host(who.Host).Sockets(); err != nil { // opens the one for that
			return err
		}
	}
	s.fresh = map[string]process.Table{}
	for _, who := range s.born {
		s.fresh[who.Host] = process.Table{Sockets: s.lab.Host(who.Host).OpenSockets()}
	}
	for deadline := time.Now().Add(patience); ; {
		tables, err := s.reset(ctx)
		if err != nil || maps.Equal(tables, s.fresh) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("hosts have sockets %v before the first cell, want %v", tables, s.fresh)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
	}
}

// patience is how long the kernel may take over a grace period of RCU.
const patience = 2 * time.Minute
