package program

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
)

// Shell is a program of the caller's that runs in a host, a shell for instance, with
// everything that it starts. It sees the host's name, its links in /sys, and
// itself and its children alone in /proc; files are the machine's, with the seed's
// programs beside those in /usr/local/bin, but /etc/hosts may have the lab's names,
// and /tmp and /run may be the lab's.
type Shell struct {
	In           func(f func() error) error // runs f on a thread that is in the host's namespace
	Hostname     string
	Argv         []string
	Env          []string
	AllProcesses bool     // leave /proc as it is, with the machine's processes
	Hosts        string   // what /etc/hosts says; "" leaves the machine's
	Files        *Files   // its /tmp and /run, nil for the machine's
	Folder       *os.File // a directory that the program has as descriptor 3, with its files; may be nil
}

// Run runs the program on the caller's terminal, if it has one, and returns its
// exit status, 128 and the signal when one ended it, as shells do. All that it
// started dies with it or with the caller. SIGTERM and SIGHUP are handed on to
// it. When started is called, pid is a process in the host.
func (p Shell) Run(started func(pid int)) (int, error) {
	path, err := exec.LookPath(p.Argv[0])
	switch {
	case p.Files != nil && strings.HasPrefix(p.Argv[0], "/"): // it may be in there
		path = p.Argv[0]
	case err == nil:
	case slices.Contains(SeedPrograms, p.Argv[0]):
		path = child.Self
	default:
		return 0, err
	}
	hold, theirs, err := child.Pair()
	if err != nil {
		return 0, err
	}
	defer hold.Close() // the init of the program's PID namespace ends, and with it the namespace
	term := openTerminal()
	defer term.takeBack()
	signals := catch()
	defer signal.Stop(signals)
	// A job of its own can give the terminal away and back.
	pid, err := p.launch(path, theirs, &syscall.SysProcAttr{Foreground: term.ours})
	theirs.Close()
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", p.Argv[0], err)
	}
	started(pid)
	go handOn(signals, pid)
	go term.follow(hold, pid)
	status, err := waitFor(pid)
	if err != nil {
		return 0, fmt.Errorf("wait for %s: %w", p.Argv[0], err)
	}
	return exitStatus(status), nil
}

// launch starts the init of the program's namespaces, which is to start the
// program of that path, or none.
func (p Shell) launch(path string, control *os.File, how *syscall.SysProcAttr) (pid int, err error) {
	view := viewOwn
	if p.AllProcesses {
		view = viewAll
	}
	return initStart{
		setup: setup{Hosts: p.Hosts}, in: p.In, files: p.Files, given: p.Folder, env: p.Env,
		exe:  child.Self,
		argv: append([]string{arg0Init, p.Hostname, view, path}, p.Argv...),
		fds:  [...]uintptr{0, 1, 2, control.Fd(), noFD},
		how:  how,
	}.start()
}

// waitFor waits for the end of the init, whose status is the program's.
func waitFor(pid int) (unix.WaitStatus, error) {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return status, err
		}
	}
}
