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
	if err == nil || !errors.Is(err, fs.ErrPermission) {
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

// forbidden says why an ordinary user cannot run labs here, and what to type.
// The errno does not tell the three reasons apart, and each of them takes another remedy.
func forbidden(err error) error {
	why := ""
	for _, s := range []struct{ name, bad string }{
		{"kernel.unprivileged_userns_clone", "0"},
		{"kernel.apparmor_restrict_unprivileged_userns", "1"},
		{"user.max_user_namespaces", "0"},
	} {
		b, readErr := os.ReadFile("/proc/sys/" + strings.ReplaceAll(s.name, ".", "/"))
		if readErr == nil && strings.TrimSpace(string(b)) == s.bad {
			why = fmt.Sprintf(" (sysctl %s = %s)", s.name, s.bad)
		}
	}
	return fmt.Errorf("this system does not let you make user namespaces%s: %w; type: sudo labrun %s", why, err,
		lab.Command(os.Args[1:]...))
}
