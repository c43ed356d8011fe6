package fabric

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"labrun/lab/sys"
)

// reexecVar is set in a program that ReexecInUserNS has started.
const reexecVar = "LABRUN_AGAIN"

// IsReexec reports whether ReexecInUserNS has started this program: it lives in a user
// namespace that nobody else is in.
func IsReexec() bool { return os.Getenv(reexecVar) != "" }

// ReexecInUserNS runs this program again, with the same arguments, in a user namespace
// of its own, where it may make network namespaces, and returns its exit
// status: 128 and the signal when one ended it. It fails where the system does
// not let this user have one, and in a program that it has started itself.
//
// The two are one job of the terminal, so that either may write to it. Signals
// that would end this program go to the other one; SIGINT as SIGUSR1, since the
// terminal sends SIGINT to both, and two of them mean haste. When an interactive
// program ends is its own business: SIGINT and SIGQUIT are not for this one then.
func ReexecInUserNS(interactive bool) (int, error) {
	if IsReexec() {
		return 0, errors.New("no network namespace in a user namespace either")
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), reexecVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   unix.SIGKILL, // when the thread ends that starts it: call this on the main one
	}
	signals := make(chan os.Signal, 4)
	sys.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("unshare --user: %w", err)
	}
	go func() {
		for s := range signals {
			switch s {
			case unix.SIGINT, unix.SIGQUIT:
				if interactive {
					continue
				}
				s = unix.SIGUSR1
			}
			_ = cmd.Process.Signal(s) // it may have ended
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if w := exit.Sys().(syscall.WaitStatus); w.Signaled() {
			return 128 + int(w.Signal()), nil
		}
		return exit.ExitCode(), nil
	}
	return 0, err
}
