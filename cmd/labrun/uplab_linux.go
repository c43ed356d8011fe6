package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/kernel/local"
	"labrun/lab/program"
	"labrun/lab/question"
	"labrun/lab/result"
)

// upLab is a lab that is up, for a person to enter. It is either fresh or what a cell left
// behind; both end with this program, as their namespaces are held by its descriptors alone.
type upLab struct {
	topology *lab.Topology
	host     func(string) *fabric.Host // nil for one that is not up
	files    *program.Files            // nil where the hosts have the machine's /tmp and /run
	asked    bool                      // has processes of an experiment, which ss -p is to find
	done     func()
}

// freshLab is a lab that no experiment has touched. Programs in it see the machine's /tmp and
// /run: a person wants to find the files that a program writes.
func freshLab(t *lab.Topology, l *fabric.Lab) *upLab {
	return &upLab{topology: t, host: l.Host, done: func() { _ = l.Close() }}
}

// keptLab is the lab of a cell. Where the cell had files its hosts have them: a shell that
// looks at a socket with a path finds the path.
func keptLab(t *lab.Topology, k *local.Kept) *upLab {
	return &upLab{topology: t, host: k.Host, files: k.Files(), asked: true,
		done: func() { _ = k.Close() }}
}

// program is a program in a host that is up, for a person: it has the environment of
// labrun's caller.
func (u *upLab) program(h *lab.Host) program.Shell {
	return program.Shell{
		In: u.host(h.Name).Do, Hostname: h.Name, Hosts: question.HostsFile(&u.topology.Layout, h.Name, h.Name, nil),
		Files: u.files, AllProcesses: u.asked,
		Env: append(os.Environ(), "LABRUN_LAB="+u.topology.Name, "LABRUN_HOST="+h.Name),
	}
}

// shell opens the user's shell in a host, and returns its exit status. It says what the host is, and
// how to enter the others meanwhile: a question about two hosts takes two terminals.
func (u *upLab) shell(stderr io.Writer, h *lab.Host, state, end string) (int, error) {
	program := u.program(h)
	if err := asShell(&program); err != nil {
		return 0, err
	}
	if program.Folder != nil {
		defer program.Folder.Close()
	}
	// Held until the shell ends: without a process in them the other hosts cannot be entered.
	others, err := u.others(h)
	if err != nil {
		return 0, err
	}
	defer others.close()
	return program.Run(func(pid int) {
		fmt.Fprintf(stderr, "host %s of %s%s: %s\nfrom another terminal: %s\n", h.Name, u.topology.Name, state, nics(h),
			nsenter(pid))
		others.write(stderr)
		if u.files != nil {
			fmt.Fprintln(stderr, "/tmp and /run are the lab's, as the experiment left them; all other files are the machine's")
		}
		fmt.Fprintln(stderr, end)
	})
}

// held are hosts beside the one that a shell is in, kept so that they can be entered from
// another terminal.
type held []heldHost

// heldHost is a host with the process that stands in it. nsenter(1) needs a number of a process to
// enter by, as the namespaces of a lab have no names in the file system.
type heldHost struct {
	*lab.Host
	*program.Hold
}

// others holds the other hosts of the lab: those that are up.
func (u *upLab) others(h *lab.Host) (all held, err error) {
	for i := range u.topology.Hosts {
		other := &u.topology.Hosts[i]
		if other.Name == h.Name || u.host(other.Name) == nil {
			continue
		}
		program := u.program(other)
		hold, err := program.Hold()
		if err != nil {
			all.close()
			return nil, err
		}
		all = append(all, heldHost{other, hold})
	}
	return all, nil
}

// write says how to enter each of them.
func (all held) write(w io.Writer) {
	for _, h := range all {
		fmt.Fprintf(w, "host %s: %s\n    %s\n", h.Name, nics(h.Host), nsenter(h.PID))
	}
}

func (all held) close() {
	for _, h := range all {
		_ = h.Close()
	}
}

// tell says how the cell of a kept lab ended, and with sockets which there are on all hosts.
func tell(ctx context.Context, w io.Writer, m *result.Matrix, kept *local.Kept, sockets bool) error {
	if err := textFor(w).Last(w, m, &m.Cells[0]); err != nil || !sockets {
		return err
	}
	all, err := kept.Sockets(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(w, "no socket has a port or a name, on any host")
		return nil
	}
	fmt.Fprintln(w, "the sockets of all hosts:")
	for _, s := range all {
		fmt.Fprintln(w, "  "+s.String())
	}
	return nil
}

// nsenter is the command that the user types to stand where a process is.
func nsenter(pid int) string {
	words := []string{"nsenter"}
	switch {
	case fabric.IsReexec():
		// The user who made a user namespace may enter it, as its root; and no groups can
		// be set in there, user_namespaces(7).
		words = append(words, "-U", "--preserve-credentials")
	case os.Getenv("SUDO_UID") != "":
		words = []string{"sudo", "nsenter"}
	}
	return lab.Command(append(words, "-m", "-u", "-n", "-p", "-t", strconv.Itoa(pid))...)
}
