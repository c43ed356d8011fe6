package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"labrun/lab/fabric"
)

// insideVar is set in a labrun that another one has started in a user namespace.
const insideVar = "LABRUN_IN_USER_NAMESPACE"

// Whether a labrun in a user namespace shares the terminal with its parent.
const (
	background = false // a run: the parent passes signals on
	foreground = true  // a shell: the terminal's signals reach it by themselves
)

// privilege returns nil when this process can make network namespaces. When it
// cannot, labrun runs again in a user namespace in which it can, and the error
// is that run's exit status.
func (c command) privilege(inForeground bool) error {
	err := fabric.Probe()
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if os.Getenv(insideVar) != "" {
		return forbidden(err)
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   unix.SIGKILL, // of the main thread: it started this and lives as long as the process
		Setpgid:     !inForeground,
	}
	if err := cmd.Start(); err != nil {
		return forbidden(err)
	}
	passSignals(cmd.Process, inForeground)
	return wait(cmd)
}

// passSignals gives the signals that end a run to the labrun that does it.
func passSignals(p *os.Process, inForeground bool) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP)
	go func() {
		for s := range signals {
			if inForeground && (s == unix.SIGINT || s == unix.SIGQUIT) {
				continue // the terminal has sent it to both
			}
			_ = p.Signal(s)
		}
	}()
}

func wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if w := exit.Sys().(syscall.WaitStatus); w.Signaled() {
			return exitStatus(128 + int(w.Signal()))
		}
		return exitStatus(exit.ExitCode())
	}
	if err != nil {
		return err
	}
	return exitStatus(0)
}

// forbidden says why an ordinary user cannot run labs here, and what to type.
func forbidden(err error) error {
	why := ""
	for name, bad := range map[string]string{
		"kernel/unprivileged_userns_clone":             "0",
		"kernel/apparmor_restrict_unprivileged_userns": "1",
		"user/max_user_namespaces":                     "0",
	} {
		b, readErr := os.ReadFile("/proc/sys/" + name)
		if v := strings.TrimSpace(string(b)); readErr == nil && v == bad {
			why = fmt.Sprintf(" (sysctl %s = %s)", strings.ReplaceAll(name, "/", "."), v)
		}
	}
	return fmt.Errorf("this system does not let you make user namespaces%s: %w; type: sudo labrun %s", why, err, strings.Join(os.Args[1:], " "))
}
