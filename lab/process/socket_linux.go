package process

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

func socket(a *agent, r *request) reply {
	t, flags, err := kindOf(r)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	fd, err := unix.Socket(t[0], t[1]|flags|unix.SOCK_CLOEXEC, t[2])
	return made(a, r, handle{fd, flags&unix.SOCK_CLOEXEC != 0}, err)
}

// kindOf returns what socket(2) and socketpair(2) take: a word of lab.SocketTypes with flags, or three
// numbers.
func kindOf(r *request) (t [3]int, flags int, err error) {
	kind, ok := r.Args[0].of.(lab.Word)
	if !ok {
		for i := range t {
			t[i] = int(arg[lab.Int](r, i))
		}
		return t, t[1] & unix.SOCK_CLOEXEC, nil
	}
	if t, ok = socketTypes[string(kind)]; !ok {
		return t, 0, fmt.Errorf("no socket type %s", kind)
	}
	return t, int(arg[lab.Int](r, 1)), nil
}

// socketpair makes two sockets. The names are its last two arguments.
func socketpair(a *agent, r *request) reply {
	t, flags, err := kindOf(r)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	fds, err := unix.Socketpair(t[0], t[1]|unix.SOCK_CLOEXEC, t[2])
	if err == nil {
		for i, fd := range fds {
			a.socks.keep(string(arg[lab.New](r, len(r.Args)-2+i)), handle{fd, flags&unix.SOCK_CLOEXEC != 0})
		}
	}
	return ended(err)
}

// made is the reply to a call that makes a descriptor, which goes by a name from then on.
func made(a *agent, r *request, h handle, err error) reply {
	if err == nil {
		a.socks.keep(r.Makes, h)
	}
	return ended(err)
}

// file opens a file in memory, for calls that want a socket.
func file(a *agent, r *request) reply {
	fd, err := unix.MemfdCreate("labrun-file", unix.MFD_CLOEXEC)
	return made(a, r, handle{fd: fd}, err)
}

// number names a descriptor that is not open.
func number(a *agent, r *request) reply {
	n := arg[lab.Int](r, 0)
	if _, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err == nil {
		return reply{Broken: fmt.Sprintf("descriptor %d is one that the process itself has open", n)}
	}
	return made(a, r, handle{fd: int(n)}, nil)
}

func dup(a *agent, r *request) reply {
	fd, err := unix.FcntlInt(uintptr(r.fds[0]), unix.F_DUPFD_CLOEXEC, 0)
	return made(a, r, handle{fd: fd}, err) // dup(2): the duplicate is not close-on-exec
}

// bind notes the paths that it makes, for closeAll: a name in a folder outlives its socket,
// unix(7), and the next cell would find EADDRINUSE.
func bind(a *agent, r *request) reply {
	to, err := addressOf(a, r, 1)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	_, _, errno := unix.Syscall(unix.SYS_BIND, uintptr(r.fds[0]), uintptr(to.pointer()), to.size())
	if errno != 0 {
		return ended(errno)
	}
	if path := arg[lab.Text](r, 1); isPath(path) {
		a.paths = append(a.paths, string(path))
	}
	return reply{Outcome: lab.OK}
}

// accept takes a connection off the queue. The connection gets its name within the call that is
// bounded: a limit that passes right after it does not lose the descriptor.
func accept(a *agent, r *request) reply {
	flags := int(arg[lab.Int](r, 1))
	fd := r.fds[0]
	if multipath(fd) && !nonblocking(fd) && !readable(a, fd, r.Limit) {
		if a.interrupted() {
			return ended(unix.EINTR)
		}
		return reply{Outcome: lab.Blocked}
	}
	from := room()
	own, noSocket := borrowTimeout(fd, unix.SO_RCVTIMEO)
	if noSocket == nil {
		defer returnTimeout(fd, unix.SO_RCVTIMEO)
	}
	done := bounded(a, fd, unix.SO_RCVTIMEO, r.Limit, 0, func() unix.Errno {
		to, size := from.ask(r)
		conn, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(to), uintptr(size),
			uintptr(flags|unix.SOCK_CLOEXEC), 0, 0)
		if errno == 0 {
			if noSocket == nil { // it may have the listener's of a moment ago, sk_clone_lock
				_ = unix.SetsockoptTimeval(int(conn), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &own)
			}
			a.socks.keep(r.Makes, handle{int(conn), flags&unix.SOCK_CLOEXEC != 0})
		}
		return errno
	})
	return from.sentBy(r, done)
}

func connect(a *agent, r *request) reply {
	to, err := addressOf(a, r, 1)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	call := func() unix.Errno {
		_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(r.fds[0]), uintptr(to.pointer()), to.size())
		return errno
	}
	return connectWithin(a, r.fds[0], r.Limit, call)
}

// connectWithin makes a connect that may take so long.
func connectWithin(a *agent, fd int, limit time.Duration, call func() unix.Errno) reply {
	if limit != forever && !connectTimesOut() && !nonblocking(fd) && !isUnix(fd) {
		return connectPolled(a, fd, limit, call)
	}
	return bounded(a, fd, unix.SO_SNDTIMEO, limit, 0, call)
}

// connectTimesOut reports whether SO_SNDTIMEO of socket(7) bounds a connect. gVisor's waits for as long as its stack
// tries, whatever that says, and begins to wait again after a signal whose handler has SA_RESTART, as those of the Go
// runtime have. To find that out by trying takes minutes.
var connectTimesOut = sync.OnceValue(func() bool { return !sys.IsGVisor() })

// isUnix reports whether a socket is one of unix(7), whose connect answers EAGAIN where one that may wait would.
func isUnix(fd int) bool {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	return err == nil && domain == unix.AF_UNIX
}

// connectPolled makes a connect whose wait nothing else bounds on a socket that does not block meanwhile.
func connectPolled(a *agent, fd int, limit time.Duration, call func() unix.Errno) reply {
	if err := unix.SetNonblock(fd, true); err != nil {
		return ended(a.retry(call)) // of a descriptor that is closed
	}
	defer func() { _ = unix.SetNonblock(fd, false) }()
	errno := a.retry(call)
	if errno != unix.EINPROGRESS && errno != unix.EALREADY { // a connect that waits joins the one that is under way
		return ended(errno)
	}
	a.watch()
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for began := time.Now(); ; {
		timeout := unix.NsecToTimespec(int64(max(limit-time.Since(began), 0)))
		n, err := unix.Ppoll(fds, &timeout, nil)
		switch {
		case errors.Is(err, unix.EINTR) && a.interrupted():
			return ended(unix.EINTR)
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return reply{Broken: "wait for a connection: " + err.Error()}
		case n == 0:
			return reply{Outcome: lab.Blocked}
		}
		failed, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			return reply{Broken: "getsockopt SO_ERROR: " + err.Error()}
		}
		return ended(unix.Errno(failed))
	}
}

func listen(_ *agent, r *request) reply {
	return ended(unix.Listen(r.fds[0], int(arg[lab.Int](r, 1))))
}

func shutdown(_ *agent, r *request) reply {
	return ended(unix.Shutdown(r.fds[0], int(arg[lab.Int](r, 1))))
}

// closeSocket closes the process's descriptor, which is gone at once. With SO_LINGER
// the call itself may take its time (inet_release).
func closeSocket(a *agent, r *request) reply {
	a.socks[string(arg[lab.Sock](r, 0))] = handle{fd: -1}
	fd := r.fds[0]
	if l, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER); err != nil || l.Onoff == 0 || l.Linger == 0 {
		return ended(unix.Close(fd))
	}
	a.watch()
	result := make(chan error, 1)
	go func() { result <- unix.Close(fd) }()
	select {
	case err := <-result:
		return ended(err)
	case <-time.After(r.Limit):
	}
	a.lingers = true
	select {
	case err := <-result: // in time, if we were not let run
		return ended(err)
	default:
		return reply{Outcome: lab.Blocked}
	}
}

// fcntl reads or sets flags. What exec does with a descriptor is the agent's own to know, and the
// kernel's flag stays, see handle.
func fcntl(a *agent, r *request) reply {
	name, command, flags := string(arg[lab.Sock](r, 0)), int(arg[lab.Int](r, 1)), int(arg[lab.Int](r, 2))
	if command == unix.F_SETFD {
		flags |= unix.FD_CLOEXEC
	}
	got, err := unix.FcntlInt(uintptr(r.fds[0]), command, flags)
	switch {
	case err != nil:
		return ended(err)
	case command == unix.F_SETFD:
		a.socks[name] = handle{r.fds[0], arg[lab.Int](r, 2)&unix.FD_CLOEXEC != 0}
	case command == unix.F_GETFD && !a.socks[name].cloexec:
		got = 0
	}
	if command == unix.F_SETFD || command == unix.F_SETFL {
		return reply{Outcome: lab.OK}
	}
	words, err := wordsOf(lab.KindFDFlags, lab.DescriptorFlags, got, "0")
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return okWith(words)
}

// ioctl reads a number about a socket's queues, sets one, or asks for and sets what a link has.
func ioctl(_ *agent, r *request) reply {
	command := uint(arg[lab.Int](r, 1))
	if isAddress, ok := linkCommands[command]; ok {
		return ioctlLink(r, command, isAddress)
	}
	if len(r.Args) > 2 {
		n, ok := r.Args[2].of.(lab.Int)
		if !ok {
			return reply{Broken: fmt.Sprintf("ioctl %#x is not about a link", command)}
		}
		return ended(unix.IoctlSetPointerInt(r.fds[0], command, int(n)))
	}
	n, err := unix.IoctlGetUint32(r.fds[0], command) // an int of C's; IoctlGetInt reads twice as much
	if err != nil {
		return ended(err)
	}
	return okWith(lab.Int(int32(n)))
}

func unlink(a *agent, r *request) reply {
	if a.proc < 0 {
		return reply{Broken: errNoFiles.Error()}
	}
	return ended(unix.Unlink(string(arg[lab.Text](r, 0))))
}

// errNoFiles is what is wrong with a path in a process that was started without files of a lab:
// those that it sees are the machine's, where a socket must not be left behind.
var errNoFiles = errors.New("the process has no files for paths")

// addressOf returns the address at that place among the arguments, for a process that has
// files if that is a path.
func addressOf(a *agent, r *request, i int) (*sockaddr, error) {
	if a.proc < 0 && isPath(arg[lab.Text](r, i)) {
		return nil, errNoFiles
	}
	return newSockaddr(r, i)
}

// isPath reports whether an address of unix(7) is a path, which a file stands for.
func isPath(path lab.Text) bool {
	return path != "" && !strings.HasPrefix(string(path), "@")
}
