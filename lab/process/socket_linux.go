package process

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

func (a *agent) socket(_ int, r *request) reply {
	kind := string(arg[lab.Word](r, 0))
	t, ok := socketTypes[kind]
	if !ok {
		return reply{Broken: "no socket type " + kind}
	}
	flags, err := flagsOf(socketFlags, arg[lab.Word](r, 1))
	if err != nil {
		return reply{Broken: err.Error()}
	}
	fd, _, errno := unix.Syscall(unix.SYS_SOCKET, uintptr(t[0]), uintptr(t[1]|flags|unix.SOCK_CLOEXEC), uintptr(t[2]))
	if errno != 0 {
		return failed(errno)
	}
	return a.keep(r.Makes, handle{int(fd), flags&unix.SOCK_CLOEXEC != 0})
}

// file opens a file in memory, for calls that want a socket.
func (a *agent) file(_ int, r *request) reply {
	fd, err := unix.MemfdCreate("labrun-file", unix.MFD_CLOEXEC)
	if err != nil {
		return answer(err)
	}
	return a.keep(r.Makes, handle{fd: fd})
}

// number names a descriptor that is not open.
func (a *agent) number(_ int, r *request) reply {
	n := arg[lab.Int](r, 0)
	if _, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err == nil {
		return reply{Broken: fmt.Sprintf("descriptor %d is one that the process itself has open", n)}
	}
	return a.keep(r.Makes, handle{fd: int(n)})
}

func (a *agent) dup(fd int, r *request) reply {
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return answer(err)
	}
	return a.keep(r.Makes, handle{fd: d}) // dup(2): the duplicate is not close-on-exec
}

func (a *agent) bind(fd int, r *request) reply {
	if err := a.address(r, 1); err != nil {
		return reply{Broken: err.Error()}
	}
	if _, _, errno := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(a.addr.pointer()), a.addr.size()); errno != 0 {
		return failed(errno)
	}
	if path := arg[lab.Text](r, 1); named(path) {
		a.paths = append(a.paths, string(path))
	}
	return reply{Outcome: lab.OK}
}

func (a *agent) accept(fd int, r *request) reply {
	flags, err := flagsOf(socketFlags, arg[lab.Word](r, 1))
	if err != nil {
		return reply{Broken: err.Error()}
	}
	if multipath(fd) && !nonblocking(fd) && !a.readable(fd, r.Limit) {
		return reply{Outcome: lab.Blocked}
	}
	return a.bounded(fd, unix.SO_RCVTIMEO, r.Limit, 0, func() unix.Errno {
		conn, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, uintptr(flags|unix.SOCK_CLOEXEC), 0, 0)
		if errno == 0 {
			a.keep(r.Makes, handle{int(conn), flags&unix.SOCK_CLOEXEC != 0})
		}
		return errno
	})
}

func (a *agent) connect(fd int, r *request) reply {
	if err := a.address(r, 1); err != nil {
		return reply{Broken: err.Error()}
	}
	return a.bounded(fd, unix.SO_SNDTIMEO, r.Limit, 0, func() unix.Errno {
		_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(a.addr.pointer()), a.addr.size())
		return errno
	})
}

func listen(_ *agent, fd int, r *request) reply {
	_, _, errno := unix.Syscall(unix.SYS_LISTEN, uintptr(fd), uintptr(arg[lab.Int](r, 1)), 0)
	return ended(errno)
}

func shutdown(_ *agent, fd int, r *request) reply {
	how := string(arg[lab.Word](r, 1))
	h, ok := shutdownHows[how]
	if !ok {
		return reply{Broken: "no direction " + how}
	}
	_, _, errno := unix.Syscall(unix.SYS_SHUTDOWN, uintptr(fd), uintptr(h), 0)
	return ended(errno)
}

// close closes the process's descriptor, which is gone at once. With SO_LINGER
// the call itself may take its time (inet_release).
func (a *agent) close(fd int, r *request) reply {
	a.socks[string(arg[lab.Sock](r, 0))] = handle{fd: -1}
	var l unix.Linger
	size := uint32(unsafe.Sizeof(l))
	errno := get(fd, unix.SOL_SOCKET, unix.SO_LINGER, unsafe.Pointer(&l), &size)
	if errno != 0 || l.Onoff == 0 || l.Linger == 0 {
		_, _, errno := unix.Syscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
		return ended(errno)
	}
	a.watch()
	result := make(chan error, 1)
	go func() { result <- unix.Close(fd) }()
	select {
	case err := <-result:
		return answer(err)
	case <-time.After(r.Limit):
	}
	a.lingers = true
	select {
	case err := <-result: // in time, if we were not let run
		return answer(err)
	default:
		return reply{Outcome: lab.Blocked}
	}
}

// fcntl sets what exec does with a descriptor.
func (a *agent) fcntl(fd int, r *request) reply {
	command, words := arg[lab.Word](r, 1), arg[lab.Arg](r, 2).String() // 0 is a number
	flags, err := flagsOf(descriptorFlags, lab.Word(words))
	if err != nil || command != "F_SETFD" {
		return reply{Broken: fmt.Sprintf("no fcntl %s, %s", command, words)}
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
		return answer(err)
	}
	a.socks[string(arg[lab.Sock](r, 0))] = handle{fd, flags&unix.FD_CLOEXEC != 0}
	return reply{Outcome: lab.OK}
}

// errNoFiles is what is wrong with a path when there is no place for it: the files
// that the process sees are the machine's.
var errNoFiles = errors.New("the process has no files for paths")

// address makes an argument the address of the next call.
func (a *agent) address(r *request, i int) error {
	if a.proc < 0 && named(arg[lab.Text](r, i)) {
		return errNoFiles
	}
	return a.addr.set(r, i)
}

// named reports whether an address of unix(7) is a path, which a file stands for.
func named(path lab.Text) bool {
	return path != "" && !strings.HasPrefix(string(path), "@")
}

func (a *agent) unlink(_ int, r *request) reply {
	if a.proc < 0 {
		return reply{Broken: errNoFiles.Error()}
	}
	return answer(unix.Unlink(string(arg[lab.Text](r, 0))))
}
