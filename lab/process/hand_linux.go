package process

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// Hand returns a socket of the process, for a program to inherit. What both have is one open socket, as
// between a supervisor and the server that it has started.
func (p *Process) Hand(ctx context.Context, name string) (*os.File, error) {
	o, err := p.Owns(ctx, name)
	if err != nil {
		return nil, err
	}
	if o.Name == "" {
		return nil, fmt.Errorf("process %s has no socket %s", p.Name, name)
	}
	fd, err := unix.PidfdGetfd(p.pidfd, o.FD, 0)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_getfd", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Take gives the process a socket of another one's, under a name.
func (p *Process) Take(ctx context.Context, name string, sock *os.File) error {
	_, err := p.ask(ctx, request{Call: "take", Makes: name}, sock)
	return err
}

// take keeps the descriptor that came along. The program that it is from may go on to use it.
func take(a *agent, r *request) reply {
	a.socks.keep(r.Makes, handle{fd: r.passed, cloexec: true})
	return reply{Outcome: lab.OK}
}
