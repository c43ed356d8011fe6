package fabric

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab/plan"
	"labrun/lab/sys"
)

// Need is how much a lab takes of that of which a machine, a user or a process may have only so
// much.
type Need struct {
	Namespaces int
	Files      int // that are open at a time
	Processes  int
	Neighbours int // NICs, if each talks to one other
}

// NeedOf returns what a lab takes with so many processes in it.
func NeedOf(p plan.Plan, processes int) Need {
	// A namespace has a descriptor and a netlink socket, a process a socket and a pidfd.
	n := Need{Processes: processes, Files: 2 * processes}
	for _, o := range p.Ops {
		switch o := o.(type) {
		case plan.AddNamespace:
			n.Namespaces++
			n.Files += 2
		case plan.AddVeth:
			if o.HostNS != o.NS {
				n.Neighbours++
			}
		case plan.AddCable:
			n.Neighbours += 2
		}
	}
	return n
}

// fewHosts is how many namespaces a lab has that nothing is looked up for: most labs are that small, and built
// by the thousand, and what the kernel answers when there may not be one more names the limit, too.
const fewHosts = 16

// Check returns an error where a limit is too low for the lab. It names all that are, and the commands
// that raise them, before anything is built. Those that it cannot read count as high enough.
func (n Need) Check() error {
	if n.Namespaces <= fewHosts && n.Processes <= fewHosts {
		return nil
	}
	var short shortage
	for _, l := range limits {
		need := l.of(n)
		if may, ok := l.may(); ok && need > may {
			words := fmt.Sprintf("%d %s, %s has room for %d", need, l.what, l.name, max(may, 0))
			short.words = append(short.words, words)
			short.commands = append(short.commands, l.raise(roomy(need)))
			short.errnos = append(short.errnos, l.errno)
		}
	}
	if short.words == nil {
		return nil
	}
	return short
}

// shortage is the error of limits that are too low: each errno that the kernel would have answered.
type shortage struct {
	words, commands []string
	errnos          []error
}

func (s shortage) Error() string {
	return fmt.Sprintf("the lab takes %s; try: %s", strings.Join(s.words, "; "), strings.Join(s.commands, "; "))
}
func (s shortage) Unwrap() []error { return s.errnos }

// roomy returns a round number with room for several labs.
func roomy(need int) int { return (4*need/1000 + 1) * 1000 }

// limit is one of them.
type limit struct {
	what, name string
	of         func(Need) int
	may        func() (more int, ok bool) // how many more there may be, false where nothing tells
	raise      func(to int) string        // the command that makes so many more
	errno      unix.Errno                 // what the kernel answers beyond it
}

// limits are those that a lab of many hosts meets, user_namespaces(7), setrlimit(2), proc_sys_fs(5),
// proc_sys_kernel(5), and pids.max of the kernel's cgroup-v2.rst.
var limits = []limit{
	{"network namespaces", "user.max_net_namespaces", func(n Need) int { return n.Namespaces },
		func() (int, bool) { return readNumber("/proc/sys/user/max_net_namespaces") }, // nothing tells how many there are
		raiseSysctl("user.max_net_namespaces", func() int { return 0 }), unix.ENOSPC},
	{"open files", "RLIMIT_NOFILE", func(n Need) int { return n.Files }, moreFiles,
		func(to int) string { return fmt.Sprintf("ulimit -n %d", to+openFiles()) }, unix.EMFILE},
	{"open files", "fs.file-max", func(n Need) int { return n.Files },
		func() (int, bool) {
			most, ok := readNumber("/proc/sys/fs/file-max")
			return most - machineFiles(), ok
		}, raiseSysctl("fs.file-max", machineFiles), unix.ENFILE},
	{"processes", "RLIMIT_NPROC", func(n Need) int { return n.Processes }, moreOfUser,
		func(to int) string { return fmt.Sprintf("ulimit -u %d", to) }, unix.EAGAIN},
	{"processes", "kernel.pid_max", func(n Need) int { return n.Processes },
		func() (int, bool) {
			most, ok := readNumber("/proc/sys/kernel/pid_max")
			return most - machineTasks(), ok
		}, raiseSysctl("kernel.pid_max", machineTasks), unix.EAGAIN},
	{"processes", "kernel.threads-max", func(n Need) int { return n.Processes },
		func() (int, bool) {
			most, ok := readNumber("/proc/sys/kernel/threads-max")
			return most - machineTasks(), ok
		}, raiseSysctl("kernel.threads-max", machineTasks), unix.EAGAIN},
	{"processes", "pids.max of its cgroup", func(n Need) int { return n.Processes },
		func() (int, bool) { more, _, ok := cgroupTasks("/"); return more, ok },
		func(to int) string {
			_, file, _ := cgroupTasks("/")
			return fmt.Sprintf("echo max >%s", file)
		}, unix.EAGAIN},
}

func raiseSysctl(key string, used func() int) func(to int) string {
	return func(to int) string { return fmt.Sprintf("sysctl -w %s=%d", key, to+used()) }
}

// readNumber reads a file that has a number in it.
func readNumber(path string) (int, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return int(min(n, 1<<62)), err == nil
}

// field returns a number among others in a file, 0 where it is not there.
func field(path string, i int) int {
	text, _ := os.ReadFile(path)
	if fields := strings.Fields(string(text)); i < len(fields) {
		n, _ := strconv.Atoi(fields[i][strings.IndexByte(fields[i], '/')+1:])
		return n
	}
	return 0
}

func machineFiles() int { return field("/proc/sys/fs/file-nr", 0) }

// machineTasks returns how many tasks there are: /proc/loadavg has "running/all".
func machineTasks() int { return field("/proc/loadavg", 3) }

func openFiles() int {
	open, _ := os.ReadDir("/proc/self/fd")
	return len(open)
}

func moreFiles() (int, bool) {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0, false
	}
	return int(min(l.Cur, 1<<62)) - openFiles(), true
}

// moreOfUser returns how many processes the user may have; how many there are counts the threads of
// other namespaces, too, and nothing tells. The machine's root may have any number (copy_process in
// kernel/fork.c).
func moreOfUser() (int, bool) {
	var l unix.Rlimit
	other, err := sys.InUserNamespace()
	if err != nil || unix.Getrlimit(unix.RLIMIT_NPROC, &l) != nil || os.Geteuid() == 0 && !other {
		return 0, false
	}
	return int(min(l.Cur, 1<<62)), true
}

// cgroupTasks returns how many more tasks the process's cgroup may have, by it and by those that it is in,
// and the file that says so. The paths begin at root.
func cgroupTasks(root string) (more int, file string, ok bool) {
	text, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mount := ""
		switch parts[1] {
		case "": // version 2
			mount = "sys/fs/cgroup"
		case "pids":
			mount = "sys/fs/cgroup/pids"
		default:
			continue
		}
		for dir := filepath.Clean("/" + parts[2]); ; dir = filepath.Dir(dir) {
			path := filepath.Join(root, mount, dir, "pids.max")
			most, limited := readNumber(path)
			used, counted := readNumber(filepath.Join(filepath.Dir(path), "pids.current"))
			if limited && counted && (!ok || most-used < more) {
				more, file, ok = most-used, path, true
			}
			if dir == "/" {
				break
			}
		}
	}
	return more, file, ok
}

// Note returns what may become short when the lab is in use, and the command for it, "" where nothing will. The tables
// of neighbours are the whole machine's, and one that is not found room for is a connect that waits for a second or
// fails (neigh_alloc in net/core/neighbour.c). Their size is known to the machine's first namespace alone.
func (n Need) Note() string {
	const key = "net.ipv4.neigh.default.gc_thresh3"
	most, ok := readNumber(sysctlPath(key))
	if !ok || n.Neighbours <= most {
		return ""
	}
	return fmt.Sprintf("%d NICs may talk to one another, and the machine remembers %d neighbours (%s); "+
		"try: sysctl -w %s=%d net.ipv6.neigh.default.gc_thresh3=%d",
		n.Neighbours, most, key, key, roomy(n.Neighbours), roomy(n.Neighbours))
}

// explainFiles adds to an error that is behind a limit on open files which
// limit it is, how high it stands and what raises it. The errno alone does not
// say whose files, nor how many.
func explainFiles(err error) error {
	switch {
	case errors.Is(err, unix.EMFILE):
		var limit unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
			return err
		}
		return fmt.Errorf("%w: this process may have %d files open (RLIMIT_NOFILE), a host takes two; try: ulimit -n 65536", err, limit.Cur)
	case errors.Is(err, unix.ENFILE):
		return fmt.Errorf("%w: this machine may have %s files open (fs.file-max); try: sysctl -w fs.file-max=1000000", err, now("fs.file-max"))
	}
	return err
}

// explainNamespaces does it for unshare(2), whose "no space left on device" is
// a number of namespaces.
func explainNamespaces(err error) error {
	if !errors.Is(err, unix.ENOSPC) {
		return err
	}
	return fmt.Errorf("%w: this user may have %s network namespaces (user.max_net_namespaces); try: sysctl -w user.max_net_namespaces=10000",
		err, now("user.max_net_namespaces"))
}

// now is sysctl for messages.
func now(key string) string {
	if v, err := sysctl(key); err == nil {
		return v
	}
	return "?"
}
