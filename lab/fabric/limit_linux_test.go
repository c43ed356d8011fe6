package fabric

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	return mustFail(fewHosts-1, unix.EMFILE)
}

// mustFail brings up more hosts than a limit allows, prints the error, and
// checks that nothing stays open.
func mustFail(hosts int, want error) error {
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
	_, err = Up(context.Background(), plan.New(dual(hosts)))
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
	return mustFail(fewHosts-1, unix.ENOSPC)
}

// All limits that are too low for a lab of many hosts are named before anything is built.
func TestLowLimits(t *testing.T) {
	needNetNS(t)
	out := child(t, "low-limits", aloneAsRoot())
	for _, want := range []string{
		"the lab takes 31 network namespaces, user.max_net_namespaces has room for 6; ",
		"262 open files, RLIMIT_NOFILE has room for ",
		"; 100 processes, RLIMIT_NPROC has room for 50; ",
		"try: sysctl -w user.max_net_namespaces=1000; ulimit -n ", "; ulimit -u 1000",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s: does not say %q", out, want)
		}
	}
}

func lowLimits() error {
	if err := limitNamespaces("6"); err != nil {
		return err
	}
	for resource, most := range map[int]uint64{unix.RLIMIT_NOFILE: 40, unix.RLIMIT_NPROC: 50} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return err
		}
	}
	p := plan.New(dual(30))
	err := NeedOf(p, 100).Check()
	for _, errno := range []error{unix.ENOSPC, unix.EMFILE, unix.EAGAIN} {
		if !errors.Is(err, errno) {
			return fmt.Errorf("%v: is not %v", err, errno)
		}
	}
	fmt.Println(err)
	made := 0
	planted = func() error { made++; return nil }
	for _, up := range []func(context.Context, plan.Plan) (*Lab, error){Up, new(Pool).Up} {
		_, err := up(context.Background(), p)
		if !errors.Is(err, unix.ENOSPC) || !errors.Is(err, unix.EMFILE) || made > 0 {
			return fmt.Errorf("Up: %v, with %d hosts made", err, made)
		}
	}
	return nil
}

// A lab takes what the machine may have more of, the limit of any cgroup around labrun's too.
func TestCgroupTasks(t *testing.T) {
	for _, version := range []struct{ cgroup, mount string }{
		{"0::/a/b\n", "sys/fs/cgroup"},
		{"9:name=systemd:/\n8:pids:/a/b\n0::/\n", "sys/fs/cgroup/pids"},
	} {
		root := t.TempDir()
		write := func(path, text string) {
			t.Helper()
			path = filepath.Join(root, path)
			must(t, os.MkdirAll(filepath.Dir(path), 0o777))
			must(t, os.WriteFile(path, []byte(text), 0o666))
		}
		if _, _, ok := cgroupTasks(root); ok {
			t.Error("a limit without cgroups")
		}
		write("proc/self/cgroup", version.cgroup)
		for dir, limit := range map[string][2]string{
			"a/b": {"max\n", "7\n"}, "a": {"100\n", "60\n"}, "": {"1000\n", "70\n"},
		} {
			write(filepath.Join(version.mount, dir, "pids.max"), limit[0])
			write(filepath.Join(version.mount, dir, "pids.current"), limit[1])
		}
		more, file, ok := cgroupTasks(root)
		if want := filepath.Join(root, version.mount, "a/pids.max"); more != 40 || file != want || !ok {
			t.Errorf("%q: %d more by %s, %v; want 40 by %s", version.cgroup, more, file, ok, want)
		}
	}
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
