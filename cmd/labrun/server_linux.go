package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

const serverHelp = `server is the program of the note that labrun starts from: it listens on a TCP port,
says what it calls, and accepts connections for ever. Each is held by a child process
of its own until the peer closes it, also when the server has ended. It is meant for
hosts of a lab; anywhere else it listens where you are.

    $ labrun shell topologies/dual-nic.yaml alpha
    $ server -b 127.0.0.1 44567
    bind (127.0.0.1:44567)
    listen 5
    accept ...

Exit status: 1 a call failed, 2 bad usage; it does not end by itself.`

// arg0Child is the argv[0] of a server's child.
const arg0Child = "server-child"

// serverCommand makes "labrun server", which does call by call what the note's server does. It is
// a command of labrun so that claims of the note can be tried by hand where no compiler is, and a
// program by the name "server" in the shells of labs.
func serverCommand() *cobra.Command {
	var reuse bool
	var bind string
	cmd := &cobra.Command{
		Use:                   "server [-r] [-b IP] PORT",
		Short:                 "accept connections for ever, as the note's program does (in labrun shell)",
		Long:                  serverHelp,
		DisableFlagsInUseLine: true,
		Args:                  args(1, 1, "a PORT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := addrPort(bind, args[0])
			if err != nil {
				return err
			}
			fd, err := seedSocket(cmd.OutOrStdout(), at.Addr(), reuse, &at)
			if err != nil {
				return err
			}
			return serve(cmd.OutOrStdout(), fd)
		},
	}
	cmd.Flags().BoolVarP(&reuse, "reuse", "r", false, "set SO_REUSEADDR before bind")
	cmd.Flags().StringVarP(&bind, "bind", "b", netip.IPv4Unspecified().String(), "bind this `IP`")
	return cmd
}

// serve listens and accepts.
func serve(out io.Writer, fd int) error {
	const backlog = 5
	fmt.Fprintln(out, "listen", backlog)
	if err := unix.Listen(fd, backlog); err != nil {
		return callFailed(out, "listen", err)
	}
	signal.Ignore(unix.SIGCHLD) // the kernel reaps the children, wait(2)
	fmt.Fprintln(out, "accept ...")
	for {
		conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			continue
		case err != nil:
			return callFailed(out, "accept", err)
		}
		err = fork(conn)
		unix.Close(conn)
		if err != nil {
			return callFailed(out, "fork", err)
		}
	}
}

// fork makes a child that has the connection alone: not the listening socket,
// which the note's server closes in its children.
func fork(conn int) error {
	_, err := syscall.ForkExec("/proc/self/exe", []string{arg0Child}, &syscall.ProcAttr{
		Files: []uintptr{uintptr(conn), 1, 2},
	})
	return err
}

// childMain holds the connection, its standard input, until the peer closes it.
func childMain(conn *os.File) int {
	for !ended(int(conn.Fd())) {
	}
	return 0
}
