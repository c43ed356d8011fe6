package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// memory is a traced thread, whose memory can be read.
type memory int

// fionbio is FIONBIO of ioctl(2), which package unix lacks. sparc, mips and powerpc have another number for it.
const fionbio = 0x5421

// maxVectors is how many texts a call takes at most, UIO_MAXIOV of the kernel.
const maxVectors = 1024

// most is how much of a text is read.
const most = 64 << 10

// read returns so many bytes at an address, fewer where there are no more, and nil for none.
func (m memory) read(at, size uint64) []byte {
	if at == 0 || size == 0 {
		return nil
	}
	b := make([]byte, min(size, most))
	n, err := unix.ProcessVMReadv(int(m), []unix.Iovec{iovec(b)}, []unix.RemoteIovec{{Base: uintptr(at), Len: len(b)}}, 0)
	if err != nil { // a process that has changed its user is not to be read so; a tracer may all the same
		if n, err = unix.PtracePeekData(int(m), uintptr(at), b); err != nil && n == 0 {
			return nil
		}
	}
	return b[:max(0, n)]
}

func iovec(b []byte) unix.Iovec {
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(len(b))
	return v
}

// text returns a string that ends with a zero.
func (m memory) text(at uint64) string {
	b := m.read(at, 4096)
	if b == nil {
		b = m.read(at, 4096-at%4096) // up to the end of the page
	}
	before, _, _ := bytes.Cut(b, []byte{0})
	return string(before)
}

func (m memory) number(at uint64) int64 {
	b := m.read(at, 4)
	if len(b) < 4 {
		return -1
	}
	return int64(int32(binary.NativeEndian.Uint32(b)))
}

// wanted reports whether a call is about a socket. Of files most programs read and write more.
func wanted(pid int, name string, args [6]uint64) bool {
	switch name {
	case "unlink":
		return isSocketFile(pid, atCWD, memory(pid).text(args[0]))
	case "unlinkat":
		return isSocketFile(pid, int32(args[0]), memory(pid).text(args[1]))
	case "read", "write", "readv", "writev", "close", "dup", "dup2", "dup3", "fcntl", "sendfile":
	case "ioctl":
		if args[1] != fionbio {
			return false
		}
	default:
		return true
	}
	if name == "dup2" || name == "dup3" { // it may close a socket
		return isSocket(pid, args[0]) || isSocket(pid, args[1])
	}
	return isSocket(pid, args[0])
}

// atCWD is AT_FDCWD of openat(2) as the kernel takes it.
const atCWD = int32(unix.AT_FDCWD)

// isSocketFile reports whether a path of a process is the name of a socket.
func isSocketFile(pid int, folder int32, path string) bool {
	switch {
	case strings.HasPrefix(path, "/"):
		path = fmt.Sprintf("/proc/%d/root%s", pid, path)
	case folder == atCWD:
		path = fmt.Sprintf("/proc/%d/cwd/%s", pid, path)
	default:
		path = fmt.Sprintf("/proc/%d/fd/%d/%s", pid, folder, path)
	}
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == os.ModeSocket
}

func isSocket(pid int, fd uint64) bool {
	file, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, int32(fd)))
	return err != nil || strings.HasPrefix(file, "socket:")
}

// before returns the arguments of a call that begins, as strace prints them; nil where they are known at its end.
func (m memory) before(name string, a [6]uint64) []string {
	fd := func(i int) string { return fmt.Sprint(int32(a[i])) }
	switch name {
	case "socket":
		return []string{word(families, a[0]), socketType(a[1]), protocol(a[0], a[2])}
	case "bind", "connect":
		return []string{fd(0), m.address(a[1], a[2]), fd(2)}
	case "listen", "dup2":
		return []string{fd(0), fd(1)}
	case "close", "dup":
		return []string{fd(0)}
	case "dup3":
		return []string{fd(0), fd(1), flag(a[2], unix.O_CLOEXEC, "O_CLOEXEC")}
	case "close_range":
		return []string{fmt.Sprint(uint32(a[0])), fmt.Sprint(uint32(a[1])),
			flag(a[2], unix.CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC")}
	case "shutdown":
		return []string{fd(0), word(hows, a[1])}
	case "fcntl":
		return m.fcntl(fd(0), a)
	case "ioctl":
		return []string{fd(0), "FIONBIO", fmt.Sprintf("[%d]", m.number(a[2]))}
	case "setsockopt":
		level, option := option(a[1], a[2])
		return []string{fd(0), level, option.Name, m.value(option, a[3], uint64(uint32(a[4]))), fd(4)}
	case "sendto":
		return []string{fd(0), quote(m.read(a[1], a[2]), a[2]), fmt.Sprint(a[2]), flags(messageFlags, a[3]),
			m.address(a[4], a[5]), fd(5)}
	case "write":
		return []string{fd(0), quote(m.read(a[1], a[2]), a[2]), fmt.Sprint(a[2])}
	case "writev":
		return []string{fd(0), m.vectors(a[1], a[2], most), fd(2)}
	case "sendmsg":
		return []string{fd(0), m.message(a[1], most), flags(messageFlags, a[2])}
	case "clone":
		return []string{"flags=" + cloneFlags(a[cloneArg])}
	case "clone3":
		b := m.read(a[0], 8)
		if len(b) < 8 {
			return []string{}
		}
		return []string{"{flags=" + cloneFlags(binary.NativeEndian.Uint64(b)) + "}"}
	case "fork", "vfork":
		return []string{}
	case "execve", "unlink":
		return []string{quote([]byte(m.text(a[0])), 0)}
	case "unlinkat":
		folder := fd(0)
		if int32(a[0]) == atCWD {
			folder = "AT_FDCWD"
		}
		return []string{folder, quote([]byte(m.text(a[1])), 0), flag(a[2], unix.AT_REMOVEDIR, "AT_REMOVEDIR")}
	case "execveat":
		return []string{fd(0), quote([]byte(m.text(a[1])), 0)}
	case "sendmmsg":
		return []string{fd(0), m.messages(a[1], a[2], false), fmt.Sprint(uint32(a[2])), flags(messageFlags, a[3])}
	case "sendfile", "exit_group", "io_uring_setup":
		return []string{fd(0)}
	case "accept", "accept4", "getsockname", "getpeername": // of one that fails
		args := []string{fd(0), "NULL", "NULL"}
		if name == "accept4" {
			args = append(args, flags(socketFlags, a[3]))
		}
		return args
	case "getsockopt":
		level, option := option(a[1], a[2])
		return []string{fd(0), level, option.Name, "[0]", fmt.Sprintf("[%d]", m.number(a[4]))}
	case "recvfrom":
		return []string{fd(0), `""`, fmt.Sprint(a[2]), flags(messageFlags, a[3]), "NULL", "NULL"}
	case "read":
		return []string{fd(0), `""`, fmt.Sprint(a[2])}
	case "readv":
		return []string{fd(0), `[{iov_base="", iov_len=0}]`, fd(2)}
	case "recvmsg":
		return []string{fd(0), `{msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="", iov_len=0}], msg_iovlen=1}`,
			flags(messageFlags, a[2])}
	case "recvmmsg":
		return []string{fd(0), `[{msg_hdr={msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="", iov_len=0}], msg_iovlen=1}}]`,
			fmt.Sprint(uint32(a[2])), flags(messageFlags, a[3])}
	}
	return nil
}

// after returns the arguments of a call that has succeeded, where the kernel has written to some; nil where it has
// not.
func (m memory) after(name string, a [6]uint64, result int64) []string {
	args := m.before(name, a)
	size := uint64(max(0, result))
	switch name {
	case "socketpair":
		if b := m.read(a[3], 8); len(b) == 8 {
			return []string{word(families, a[0]), socketType(a[1]), protocol(a[0], a[2]), fmt.Sprintf("[%d, %d]",
				int32(binary.NativeEndian.Uint32(b)), int32(binary.NativeEndian.Uint32(b[4:])))}
		}
	case "accept", "accept4", "getsockname", "getpeername":
		if a[1] != 0 {
			args[1], args[2] = m.address(a[1], uint64(max(0, m.number(a[2])))), fmt.Sprintf("[%d]", m.number(a[2]))
		}
		return args
	case "getsockopt":
		_, option := option(a[1], a[2])
		length := m.number(a[4])
		args[3], args[4] = m.value(option, a[3], uint64(max(0, length))), fmt.Sprintf("[%d]", length)
		return args
	case "recvfrom":
		args[1] = quote(m.read(a[1], size), size)
		if a[4] != 0 && a[5] != 0 {
			args[4] = m.address(a[4], uint64(max(0, m.number(a[5]))))
		}
		return args
	case "read":
		args[1] = quote(m.read(a[1], size), size)
		return args
	case "readv":
		args[1] = m.vectors(a[1], a[2], size)
		return args
	case "recvmsg":
		args[1] = m.message(a[1], size)
		return args
	case "sendmmsg", "recvmmsg":
		args[1] = m.messages(a[1], size, true)
		return args
	}
	return nil
}

func (m memory) fcntl(fd string, a [6]uint64) []string {
	switch a[1] {
	case unix.F_DUPFD:
		return []string{fd, "F_DUPFD", fmt.Sprint(a[2])}
	case unix.F_DUPFD_CLOEXEC:
		return []string{fd, "F_DUPFD_CLOEXEC", fmt.Sprint(a[2])}
	case unix.F_SETFD:
		return []string{fd, "F_SETFD", flag(a[2], unix.FD_CLOEXEC, "FD_CLOEXEC")}
	case unix.F_SETFL:
		access := []string{"O_RDONLY", "O_WRONLY", "O_RDWR", "3"}[a[2]&unix.O_ACCMODE]
		var words []string
		if access == "O_RDWR" {
			words = append(words, access)
		}
		for _, f := range statusFlags {
			if a[2]&f.bit != 0 {
				words = append(words, f.name)
			}
		}
		if len(words) == 0 {
			words = append(words, "0")
		}
		return []string{fd, "F_SETFL", strings.Join(words, "|")}
	case unix.F_GETFD:
		return []string{fd, "F_GETFD"}
	case unix.F_GETFL:
		return []string{fd, "F_GETFL"}
	}
	return []string{fd, fmt.Sprintf("%#x", a[1])}
}

// address returns a struct sockaddr.
func (m memory) address(at, length uint64) string {
	b := m.read(at, min(uint64(uint32(length)), 128))
	if len(b) < 2 {
		return "NULL"
	}
	whole := append(b, make([]byte, 128)...)
	port := binary.BigEndian.Uint16(whole[2:])
	switch family := binary.NativeEndian.Uint16(b); family {
	case unix.AF_INET:
		return fmt.Sprintf(`{sa_family=AF_INET, sin_port=htons(%d), sin_addr=inet_addr("%s")}`, port,
			netip.AddrFrom4([4]byte(whole[4:8])))
	case unix.AF_INET6:
		ip := netip.AddrFrom16([16]byte(whole[8:24]))
		return fmt.Sprintf(`{sa_family=AF_INET6, sin6_port=htons(%d), sin6_flowinfo=htonl(%d), `+
			`inet_pton(AF_INET6, "%s", &sin6_addr), sin6_scope_id=%d}`, port, binary.BigEndian.Uint32(whole[4:]), ip,
			binary.NativeEndian.Uint32(whole[24:]))
	case unix.AF_UNIX:
		path := b[2:]
		if len(path) == 0 {
			return "{sa_family=AF_UNIX}"
		}
		if path[0] == 0 {
			return "{sa_family=AF_UNIX, sun_path=@" + quote(path[1:], 0) + "}"
		}
		path, _, _ = bytes.Cut(path, []byte{0})
		return "{sa_family=AF_UNIX, sun_path=" + quote(path, 0) + "}"
	case unix.AF_UNSPEC:
		return "{sa_family=AF_UNSPEC}"
	default:
		return fmt.Sprintf("{sa_family=%s}", word(families, uint64(family)))
	}
}

// vectors returns the texts of a list of struct iovec as one text.
func (m memory) vectors(at, count, limit uint64) string {
	var all []byte
	length := uint64(0)
	for i := range min(count, maxVectors) {
		b := m.read(at+16*i, 16)
		if len(b) < 16 {
			break
		}
		size := min(binary.NativeEndian.Uint64(b[8:]), limit-length)
		length += size
		if len(all) < most {
			all = append(all, m.read(binary.NativeEndian.Uint64(b), size)...)
		}
	}
	return fmt.Sprintf("[{iov_base=%s, iov_len=%d}]", quote(all, length), length)
}

// message returns a struct msghdr.
func (m memory) message(at, limit uint64) string {
	b := m.read(at, 56)
	if len(b) < 56 {
		return "NULL"
	}
	word := func(i int) uint64 { return binary.NativeEndian.Uint64(b[i:]) }
	length := uint64(binary.NativeEndian.Uint32(b[8:]))
	control := ""
	if word(40) != 0 {
		control = ", msg_control=[...]"
	}
	return fmt.Sprintf("{msg_name=%s, msg_namelen=%d, msg_iov=%s, msg_iovlen=1%s, msg_controllen=%d, msg_flags=0}",
		m.address(word(0), length), length, m.vectors(word(16), word(24), limit), control, word(40))
}

// messages returns a list of struct mmsghdr; those that are done have their lengths, which the kernel has written.
func (m memory) messages(at, count uint64, done bool) string {
	const size = 64 // of one: its header, and then its length
	var all []string
	for i := range min(count, maxVectors) {
		b := m.read(at+size*i+56, 4)
		if len(b) < 4 {
			break
		}
		if length := binary.NativeEndian.Uint32(b); done {
			all = append(all, fmt.Sprintf("{msg_hdr=%s, msg_len=%d}", m.message(at+size*i, uint64(length)), length))
		} else {
			all = append(all, fmt.Sprintf("{msg_hdr=%s}", m.message(at+size*i, most)))
		}
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// option returns an option with the name of its level.
func option(level, number uint64) (string, lab.Option) {
	name := ""
	for n, l := range lab.OptionLevels {
		if l == int(int32(level)) {
			name = n
		}
	}
	for _, o := range lab.Options {
		if o.Level == name && o.Number == int(int32(number)) && !strings.Contains(o.Name, ".") {
			return name, o
		}
	}
	return fmt.Sprint(int32(level)), lab.Option{Name: fmt.Sprintf("%s:%d", name, int32(number)), Value: lab.ValueBytes}
}

// value returns the value of an option.
func (m memory) value(o lab.Option, at, length uint64) string { return value(o, m.read(at, length)) }

// quote writes a text as strace does; it goes on where fewer bytes were read than it has.
func quote(b []byte, length uint64) string {
	var s strings.Builder
	s.WriteByte('"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			s.WriteByte('\\')
			s.WriteByte(c)
		case ' ' <= c && c <= '~':
			s.WriteByte(c)
		default:
			fmt.Fprintf(&s, `\x%02x`, c)
		}
	}
	s.WriteByte('"')
	if uint64(len(b)) < length {
		s.WriteString("...")
	}
	return s.String()
}

// bit is a flag.
type bit struct {
	bit  uint64
	name string
}

var (
	families = map[uint64]string{unix.AF_UNSPEC: "AF_UNSPEC", unix.AF_UNIX: "AF_UNIX", unix.AF_INET: "AF_INET",
		unix.AF_INET6: "AF_INET6", unix.AF_NETLINK: "AF_NETLINK", unix.AF_PACKET: "AF_PACKET", unix.AF_VSOCK: "AF_VSOCK",
		unix.AF_ALG: "AF_ALG"}
	kinds = map[uint64]string{unix.SOCK_STREAM: "SOCK_STREAM", unix.SOCK_DGRAM: "SOCK_DGRAM", unix.SOCK_RAW: "SOCK_RAW",
		unix.SOCK_SEQPACKET: "SOCK_SEQPACKET", unix.SOCK_RDM: "SOCK_RDM"}
	protocols = map[uint64]string{0: "IPPROTO_IP", unix.IPPROTO_ICMP: "IPPROTO_ICMP", unix.IPPROTO_TCP: "IPPROTO_TCP",
		unix.IPPROTO_UDP: "IPPROTO_UDP", unix.IPPROTO_ICMPV6: "IPPROTO_ICMPV6", unix.IPPROTO_SCTP: "IPPROTO_SCTP",
		unix.IPPROTO_UDPLITE: "IPPROTO_UDPLITE", unix.IPPROTO_MPTCP: "IPPROTO_MPTCP", unix.IPPROTO_DCCP: "IPPROTO_DCCP"}
	hows        = map[uint64]string{unix.SHUT_RD: "SHUT_RD", unix.SHUT_WR: "SHUT_WR", unix.SHUT_RDWR: "SHUT_RDWR"}
	socketFlags = []bit{{unix.SOCK_NONBLOCK, "SOCK_NONBLOCK"}, {unix.SOCK_CLOEXEC, "SOCK_CLOEXEC"}}
	statusFlags = []bit{{unix.O_NONBLOCK, "O_NONBLOCK"}, {unix.O_ASYNC, "O_ASYNC"}}

	messageFlags = []bit{{unix.MSG_OOB, "MSG_OOB"}, {unix.MSG_PEEK, "MSG_PEEK"}, {unix.MSG_DONTROUTE, "MSG_DONTROUTE"},
		{unix.MSG_CTRUNC, "MSG_CTRUNC"}, {unix.MSG_TRUNC, "MSG_TRUNC"}, {unix.MSG_DONTWAIT, "MSG_DONTWAIT"},
		{unix.MSG_EOR, "MSG_EOR"}, {unix.MSG_WAITALL, "MSG_WAITALL"}, {unix.MSG_CONFIRM, "MSG_CONFIRM"},
		{unix.MSG_ERRQUEUE, "MSG_ERRQUEUE"}, {unix.MSG_NOSIGNAL, "MSG_NOSIGNAL"}, {unix.MSG_MORE, "MSG_MORE"},
		{unix.MSG_ZEROCOPY, "MSG_ZEROCOPY"}, {unix.MSG_FASTOPEN, "MSG_FASTOPEN"},
		{unix.MSG_CMSG_CLOEXEC, "MSG_CMSG_CLOEXEC"}}
	cloneBits = []bit{{unix.CLONE_VM, "CLONE_VM"}, {unix.CLONE_FILES, "CLONE_FILES"}, {unix.CLONE_THREAD, "CLONE_THREAD"},
		{unix.CLONE_VFORK, "CLONE_VFORK"}}
)

func word(words map[uint64]string, n uint64) string {
	if w, ok := words[uint64(uint32(n))]; ok {
		return w
	}
	return fmt.Sprint(int32(n))
}

// flags returns flags by their names, with the rest as a number.
func flags(bits []bit, n uint64) string {
	n = uint64(uint32(n))
	var words []string
	for _, b := range bits {
		if n&b.bit != 0 {
			words = append(words, b.name)
			n &^= b.bit
		}
	}
	if n != 0 || len(words) == 0 {
		words = append(words, fmt.Sprintf("%#x", n))
		if n == 0 {
			words = []string{"0"}
		}
	}
	return strings.Join(words, "|")
}

func flag(n, bit uint64, name string) string {
	if n&bit != 0 {
		return name
	}
	return "0"
}

func cloneFlags(n uint64) string { return flags(cloneBits, n&^0xff) }

func socketType(n uint64) string {
	flagged := flags(socketFlags, n&(unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC))
	kind := word(kinds, n&^(unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC))
	if flagged == "0" {
		return kind
	}
	return kind + "|" + flagged
}

// protocol returns a protocol of the internet families, of others a number.
func protocol(family, n uint64) string {
	if family == unix.AF_INET || family == unix.AF_INET6 {
		return word(protocols, n)
	}
	return fmt.Sprint(int32(n))
}
