package child

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Self is this program, also when its file has been replaced or removed.
const Self = "/proc/self/exe"

// SelfInProc is the same for a process whose working directory is the machine's
// /proc, and which has no other way there.
const SelfInProc = "self/exe"

// ControlFD is the child's end of the pair.
const ControlFD = 3

// Grace is how long a child may take for what it does at once, such as to answer past the
// limit of a call, before it counts as stuck. It is only ever used up by a bug or a machine
// that stands still.
const Grace = 2 * time.Minute

// Environment is that of a child: nothing of the caller's, and one thread at a
// time, which halves the time that the Go runtime takes to start. The runtime sends no signals
// to its own threads: calls of an experiment would be interrupted.
var Environment = []string{"GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1"}

// The race detector makes every program sleep at its end, unless this tells it not to.
func init() {
	if race := os.Getenv("GORACE"); race != "" {
		Environment = append(Environment, "GORACE="+race)
	}
}

// IsOther reports whether a user, nil for the caller's, or the group of that number is another
// one than this program's: to become it takes privilege, setuid(2).
func IsOther(user *uint32) bool {
	return user != nil && (int(*user) != os.Geteuid() || int(*user) != os.Getegid())
}

// Start is syscall.ForkExec, again when a signal came between.
func Start(path string, argv []string, attr *syscall.ProcAttr) (int, error) {
	for {
		if pid, err := syscall.ForkExec(path, argv, attr); !errors.Is(err, unix.EINTR) {
			return pid, err
		}
	}
}

// Memory returns an empty file in memory, memfd_create(2): for what parent and child tell each
// other in more than a message. Unlike a pipe it never blocks a writer that has no reader.
func Memory(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Pair returns the two ends that join a child and its parent.
func Pair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control")
	defer ours.Close() // FileConn takes a duplicate
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return conn.(*net.UnixConn), theirs, nil
}

// HungUp reports whether the other end of a pair is closed, which it is before the
// child can be waited for.
func HungUp(conn *net.UnixConn) (gone bool, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}} // asked for nothing, poll tells of a hang-up
		for {
			if _, err = unix.Poll(fds, 0); !errors.Is(err, unix.EINTR) {
				gone = fds[0].Revents&unix.POLLHUP != 0
				return
			}
		}
	})
	return gone, errors.Join(err, controlErr)
}

// Descriptor returns the one descriptor of a control message, unix(7).
func Descriptor(oob []byte) (int, error) {
	cmsgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return -1, err
	}
	if len(cmsgs) == 0 {
		return -1, errors.New("no descriptor came along")
	}
	fds, err := unix.ParseUnixRights(&cmsgs[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

// Reap waits for the end of a child that was killed. That comes at once, but for
// one whose own descendants the kernel cannot end (zap_pid_ns_processes in
// kernel/pid_namespace.c), or that it is still writing to a file system.
func Reap(pid int) error {
	deadline := time.Now().Add(Grace)
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		reaped, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || reaped == pid:
			return err
		case time.Now().After(deadline):
			return fmt.Errorf("process %d has not ended %v after SIGKILL", pid, Grace)
		}
		time.Sleep(pause)
	}
}

// leaving is taken by the thread that ends this process, and never given back.
var leaving sync.Mutex

// Leave ends this process when f has returned. What other threads see of f, such as the end
// of a program that f has killed, does not make them end the process before: their Exit waits.
func Leave(status int, f func()) {
	leaving.Lock()
	f()
	os.Exit(status)
}

// Exit ends this process, unless Leave is at it.
func Exit(status int) { Leave(status, func() {}) }
