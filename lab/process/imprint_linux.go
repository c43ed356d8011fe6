package process

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// imprint returns all that a cell could leave in a process, as the kernel tells of the
// calling thread: descriptors, user and groups, capabilities, signals, working folder and
// root, namespaces, limits, timers, children, and whether it has said anything. Two of the
// same process are equal when nothing was left between.
func imprint() (string, error) {
	var b strings.Builder
	const dir = "/proc/thread-self/"
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(status)) {
		if name, _, _ := strings.Cut(line, ":"); isLasting(name) {
			b.WriteString(line)
		}
	}
	fds, err := os.ReadDir(dir + "fd")
	if err != nil {
		return "", err
	}
	links := []string{"cwd", "root", "ns/mnt", "ns/uts", "ns/ipc", "ns/pid_for_children", "ns/user", "ns/cgroup"}
	for _, fd := range fds {
		links = append(links, "fd/"+fd.Name())
	}
	for _, link := range links {
		to, err := os.Readlink(dir + link)
		if err != nil {
			to = "gone" // the folder's own descriptor, while it was read; or this kernel has no such namespaces
		}
		fmt.Fprintln(&b, link, to)
	}
	// The last one is RLIMIT_RTTIME.
	for resource := range 16 {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err != nil {
			return "", err
		}
		fmt.Fprintln(&b, limit)
	}
	for timer := range 3 {
		t, err := unix.Getitimer(unix.ItimerWhich(timer))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, t)
	}
	for _, option := range []int{
		unix.PR_GET_DUMPABLE, unix.PR_GET_KEEPCAPS, unix.PR_GET_SECUREBITS, unix.PR_GET_TIMERSLACK, unix.PR_GET_TIMING,
	} {
		value, err := unix.PrctlRetInt(option, 0, 0, 0, 0)
		fmt.Fprintln(&b, value, err)
	}
	nice, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	fmt.Fprintln(&b, nice, err)
	group, err := unix.Getpgid(0)
	fmt.Fprintln(&b, group, err)
	var children unix.Siginfo
	err = unix.Waitid(unix.P_ALL, 0, &children, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
	fmt.Fprintln(&b, "children", err) // ECHILD
	timers, err := os.ReadFile("/proc/self/timers")
	if err != nil && !os.IsNotExist(err) {
		return "", err
	}
	b.Write(timers)
	var words unix.Stat_t
	if err := unix.Fstat(2, &words); err != nil {
		return "", err
	}
	fmt.Fprintln(&b, "words", words.Size)
	return b.String(), nil
}

// isLasting reports whether a line of proc_pid_status(5) is about what stays in a process.
// The others are about memory that the Go runtime takes, and about how it was scheduled.
func isLasting(name string) bool {
	return strings.HasPrefix(name, "Cap") || strings.HasPrefix(name, "Sig") && name != "SigQ" || slices.Contains([]string{
		"Umask", "Uid", "Gid", "Groups", "TracerPid", "ShdPnd", "NoNewPrivs", "Seccomp", "VmLck", "VmPin",
		"CoreDumping", "Cpus_allowed", "Mems_allowed",
	}, name)
}
