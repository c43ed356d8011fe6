package process

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// fork starts a child with all of the process's sockets and with m.fd as its
// end of the pair. The child is this program started again, which a socket
// cannot tell from fork(2): descriptors of the child refer to the same open
// sockets. Nobody reaps it until its parent has ended.
func (a *agent) fork(m message) reply {
	defer unix.Close(m.fd)
	argv := []string{Arg0, m.Name}
	files := []uintptr{0, 1, 2, uintptr(m.fd)}
	for _, name := range a.names() {
		argv = append(argv, name)
		files = append(files, uintptr(a.socks[name]))
	}
	pid, err := syscall.ForkExec(self, argv, &syscall.ProcAttr{
		Env: environment, Files: files, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return reply{Broken: "fork: " + err.Error()}
	}
	return reply{Outcome: lab.OK, PID: pid}
}

// names returns the names of the process's sockets, sorted.
func (a *agent) names() []string {
	names := make([]string, 0, len(a.socks))
	for name := range a.socks {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// manyOwned is how many sockets a process tells of: a reply is one message.
const manyOwned = 256

// owned lists the process's sockets at some ports, or the one of that name, as it
// sees them itself.
func (a *agent) owned(only string, ports []uint16) reply {
	var socks []Owned
	for _, name := range a.names() {
		fd := a.socks[name]
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return reply{Broken: "stat socket " + name + ": " + err.Error()}
		}
		o := Owned{Name: name, Inode: uint32(st.Ino), UID: st.Uid, Protocol: protocolOf(fd)}
		if r := addrOf(unix.Getsockname(fd)); r.Addr != nil {
			o.Local = *r.Addr
		}
		if name != only && !slices.Contains(ports, o.Local.Port()) || len(socks) == manyOwned {
			continue
		}
		if r := addrOf(unix.Getpeername(fd)); r.Addr != nil {
			o.Remote = *r.Addr
		}
		socks = append(socks, o)
	}
	return reply{Outcome: lab.OK, Sockets: socks}
}

// protocolOf returns the word of lab.SocketTypes that made the socket.
func protocolOf(fd int) string {
	domain, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	protocol, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	for word, t := range socketTypes {
		if t[0] == domain && t[2] == protocol {
			return word
		}
	}
	return "?"
}
