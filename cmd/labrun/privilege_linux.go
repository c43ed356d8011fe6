package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/fabric"
)

// privilege returns nil when this process can make network namespaces. When it
// cannot, labrun runs again in a user namespace in which it can, and the error
// is that run's exit status. A program that an interactive one starts shares the
// terminal with it.
func privilege(interactive bool) error {
	err := fabric.Probe()
	if err == nil {
		return fabric.WritableProcfs()
	}
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	status, err := fabric.ReexecInUserNS(interactive)
	switch {
	case err == nil:
		return exitStatus(status)
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOMEM),
		errors.Is(err, unix.EAGAIN):
		return err
	}
	return forbidden(err)
}

// privilegeToRead gets what it takes to make labs before standard input is read, if that is one of the files: a labrun
// that is started anew in a user namespace has to find it there. Otherwise mistakes in files come first.
func privilegeToRead(interactive bool, files ...string) error {
	if !slices.Contains(files, "-") {
		return nil
	}
	return privilege(interactive)
}

// forbidden says why an ordinary user cannot run labs here, and what to type: this user, or where that is a job of an
// engine's, which has no sudo, the administrator of its nodes.
// The errno does not tell the three reasons apart, and each of them takes another remedy.
func forbidden(err error) error {
	why := ""
	for _, s := range []struct{ name, bad, good string }{
		{"kernel.unprivileged_userns_clone", "0", "1"},
		{"kernel.apparmor_restrict_unprivileged_userns", "1", "0"},
		{"user.max_user_namespaces", "0", "10000"},
	} {
		b, readErr := os.ReadFile("/proc/sys/" + strings.ReplaceAll(s.name, ".", "/"))
		if readErr == nil && strings.TrimSpace(string(b)) == s.bad {
			why = fmt.Sprintf(" (sysctl %s = %s; root lets you with sysctl -w %[1]s=%[3]s)", s.name, s.bad, s.good)
		}
	}
	return fmt.Errorf("this system does not let you make user namespaces%s: %w; type: sudo labrun %s", why, err,
		lab.Command(os.Args[1:]...))
}
