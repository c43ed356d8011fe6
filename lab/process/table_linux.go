package process

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// Reset makes the process fit for another cell, when nothing but its sockets has
// been touched: it closes all of them, connections with a reset, which leaves no
// TIME_WAIT, and removes the paths that it has bound.
func (p *Process) Reset(ctx context.Context) error {
	_, err := p.ask(ctx, request{Call: "reset"}, nil)
	return err
}

func reset(a *agent, _ *request) reply {
	a.closeAll()
	return reply{Outcome: lab.OK}
}

// closeAll closes every socket, connections with a reset, and removes the paths.
func (a *agent) closeAll() {
	reset := unix.Linger{Onoff: 1}
	for _, h := range a.socks {
		if h.fd < 0 {
			continue
		}
		// Of a listener or of a socket without connections it changes nothing.
		_ = unix.SetsockoptLinger(h.fd, unix.SOL_SOCKET, unix.SO_LINGER, &reset)
		_ = unix.Close(h.fd)
	}
	clear(a.socks)
	for _, path := range a.paths {
		_ = unix.Unlink(path) // the experiment may have done so
	}
	a.paths = a.paths[:0]
}

// segments reads the counts of the process's network namespace. Its descriptor stays open.
func (a *agent) segments() (s segments, err error) {
	if a.snmp < 0 {
		if a.snmp, err = a.openProc("thread-self/net/snmp"); err != nil {
			return s, err
		}
	}
	var b [8 << 10]byte
	n, err := unix.Pread(a.snmp, b[:], 0)
	if err != nil {
		return s, err
	}
	s = segments{-1, -1, -1}
	sys.Counters(b[:n], func(protocol, name []byte) *int {
		if string(protocol) != "Tcp:" {
			return nil
		}
		switch string(name) {
		case "InSegs":
			return &s.in
		case "OutSegs":
			return &s.out
		case "RetransSegs":
			return &s.again
		}
		return nil
	})
	if min(s.in, s.out, s.again) < 0 {
		return s, errors.New("snmp is not as expected")
	}
	return s, nil
}

// sockstat reads the counters of the process's network namespace: a file of a
// few lines, far cheaper than a dump by sock_diag. Its descriptor stays open.
func (a *agent) sockstat() (Table, error) {
	if a.table < 0 {
		fd, err := a.openProc("thread-self/net/sockstat")
		if err != nil {
			return Table{}, err
		}
		a.table = fd
	}
	var b [512]byte
	n, err := unix.Pread(a.table, b[:], 0)
	if err != nil {
		return Table{}, err
	}
	t := Table{Sockets: sys.Count(b[:n], sys.SocketsUsed), TimeWait: sys.Count(b[:n], sys.TimeWait)}
	if t.Sockets < 0 || t.TimeWait < 0 {
		return Table{}, errors.New("it is not as expected")
	}
	return t, nil
}
