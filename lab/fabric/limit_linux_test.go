package fabric

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

func TestFewFiles(t *testing.T) {
	needNetNS(t)
	out := child(t, "few-files", nil)
	for _, want := range []string{"too many open files", "may have 20 files open (RLIMIT_NOFILE)", "try: ulimit -n "} {
		if !strings.Contains(out, want) {
			t.Errorf("%s: does not say %q", out, want)
		}
	}
}

// fewFiles prints what Up says when the process may not open enough files.
func fewFiles() error {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 20, Max: 20}); err != nil {
		return err
	}
	return mustFail(unix.EMFILE)
}

// mustFail brings up more hosts than a limit allows, prints the error, and
// checks that nothing stays open.
func mustFail(want error) error {
	count := func() int {
		entries, _ := os.ReadDir("/proc/self/fd")
		return len(entries)
	}
	small := plan.New(dual(1))
	l, err := Up(context.Background(), small) // opens the poller of the runtime
	if err != nil {
		return err
	}
	l.Close()
	before := count()
	_, err = Up(context.Background(), plan.New(dual(30)))
	if !errors.Is(err, want) {
		return fmt.Errorf("got %v, want %v", err, want)
	}
	fmt.Println(err)
	if after := count(); after != before {
		return fmt.Errorf("%d descriptors, %d before", after, before)
	}
	return nil
}

// aloneAsRoot is a child in a user namespace of its own, where limits can be
// set without the machine noticing.
func aloneAsRoot() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
}

func limitNamespaces(n string) error {
	return os.WriteFile("/proc/sys/user/max_net_namespaces", []byte(n), 0)
}

func TestFewNamespaces(t *testing.T) {
	needNetNS(t)
	out := child(t, "few-namespaces", aloneAsRoot())
	for _, want := range []string{"ip netns add dual.h", "no space left on device", "may have 6 network namespaces", "try: sysctl -w user.max_net_namespaces="} {
		if !strings.Contains(out, want) {
			t.Errorf("%s: does not say %q", out, want)
		}
	}
}

func fewNamespaces() error {
	if err := limitNamespaces("6"); err != nil {
		return err
	}
	return mustFail(unix.ENOSPC)
}

// With a limit of ten namespaces, fifty labs of three come up only if each one
// goes away.
func TestNoNamespaceLeaks(t *testing.T) {
	needNetNS(t)
	child(t, "no-leak", aloneAsRoot())
}

func noLeak() error {
	if err := limitNamespaces("10"); err != nil {
		return err
	}
	p := plan.New(dual(2))
	end := time.Now().Add(2 * time.Minute)
	for labs := 0; labs < 50; {
		l, err := Up(context.Background(), p)
		switch {
		case err == nil:
			labs++
			if err := l.Close(); err != nil {
				return err
			}
		case !errors.Is(err, unix.ENOSPC) || time.Now().After(end):
			return fmt.Errorf("lab %d: %w", labs, err)
		default: // the kernel is still busy with those before
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}
