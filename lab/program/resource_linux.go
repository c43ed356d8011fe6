package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// resources are the limits of each process of a program, setrlimit(2): far more
// than an experiment takes, and less than brings down a machine. The number of
// processes is none of them, since RLIMIT_NPROC counts the machine's processes of
// the same user too; see limitNamespaces.
//
// All of a program together is not bounded: its processes may each have as much
// memory and as many files of memfd_create(2), pipes and sockets hold what the
// host's parameters say, and it may use the processors as long as its cell lasts.
var resources = []struct {
	name     string
	resource int
	most     uint64
}{
	// A core dump would go to the machine's handler. With a limit of 1, and not of
	// 0, the kernel runs none (vfs_coredump).
	{"RLIMIT_CORE", unix.RLIMIT_CORE, 1},
	{"RLIMIT_DATA", unix.RLIMIT_DATA, 2 << 30}, // not RLIMIT_AS: much address space is reserved and never used
	{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE, 2 << 30},
	{"RLIMIT_MEMLOCK", unix.RLIMIT_MEMLOCK, 8 << 20},
	{"RLIMIT_MSGQUEUE", unix.RLIMIT_MSGQUEUE, 1 << 20},
}

func limitResources() error {
	for _, r := range resources {
		var limit unix.Rlimit
		if err := unix.Getrlimit(r.resource, &limit); err != nil {
			return fmt.Errorf("getrlimit %s: %w", r.name, err)
		}
		limit.Max = min(limit.Max, r.most) // the caller's may be less
		limit.Cur = min(limit.Cur, limit.Max)
		if r.resource == unix.RLIMIT_CORE {
			limit.Cur = limit.Max
		}
		if err := unix.Setrlimit(r.resource, &limit); err != nil {
			return fmt.Errorf("setrlimit %s: %w", r.name, err)
		}
	}
	return nil
}

// maxProcesses is how many processes and threads a program may have at a time.
const maxProcesses = 2048

// limitNamespaces bounds what this process's own namespaces hold: its IPC
// namespace segments of shared memory, its PID namespace processes. Before Linux
// 6.14 that parameter is the machine's, and stays as it is: there the number is
// not bounded.
func limitNamespaces() error {
	const kernel = "/proc/sys/kernel/"
	pages := strconv.Itoa(layersSize / os.Getpagesize())
	// Older kernels do not let the root of a user namespace set it.
	if err := os.WriteFile(kernel+"shmall", []byte(pages), 0); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	version, err := sys.KernelVersion()
	if err != nil || version.Compare(lab.KernelVersion{6, 14, 0}) < 0 {
		return nil
	}
	return os.WriteFile(kernel+"pid_max", []byte(strconv.Itoa(maxProcesses)), 0)
}
